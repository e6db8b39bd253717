"""What several tests use, and is no fixture."""

from pathlib import Path

import numpy as np
from PIL import Image

TWO_GPUS = """GPU 0: NVIDIA H200 (UUID: GPU-1b2c3d4e-0000-1111-2222-333344445555)
GPU 1: Tesla V100-SXM2-16GB (UUID: GPU-aaaaaaaa-0000-1111-2222-333344445555)
"""
"""What `nvidia-smi -L` prints of a machine with two."""


def tree(folder):
    """Everything below a folder, with the content of its files."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def write_images(folder: Path, counts, size=12, suffix=".png", seed=0, apart=120):
    """Images of classes that differ in colour: FOLDER/CLASS/NUMBER.png for counts[CLASS]."""
    rng = np.random.default_rng(seed)
    for number, (name, count) in enumerate(counts.items()):
        home = folder / name
        home.mkdir(parents=True, exist_ok=True)
        for i in range(count):
            pixels = rng.integers(0, 100, (size, size, 3), np.uint8)
            pixels[..., number % 3] += apart
            Image.fromarray(pixels).save(home / f"{i:03d}{suffix}")


def write_colours(folder: Path):
    """Three classes that differ in colour so little that no network is certain."""
    write_images(folder / "train", {"red": 14, "green": 14, "blue": 14}, apart=20)
    write_images(folder / "test", {"red": 5, "green": 5, "blue": 5}, suffix=".bmp", apart=20)
    return folder


def says(listed):
    """The body of an `nvidia-smi` that lists GPUs so; for the fixture of this name."""
    return f"test \"$*\" = -L || exit 64\ncat <<'END'\n{listed}\nEND"
