"""Reproduces kEffNet-B0 V2 (Schwarz Schuler et al., Entropy 2022, 24, 1264)."""

__version__ = "0.1.0"
