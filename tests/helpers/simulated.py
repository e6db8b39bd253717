"""What trained networks make of 10,000 test images, with accuracies that are known.

An image is got right where its easiness, how it suits the kind of network, and the chance of the
one training add up to more than a threshold, which gives the network its accuracy over all the
images that there could be. So networks differ between seeds, agree more on some images than on
others, and a kind of network can be lucky with the test images, as real ones are.
"""

from statistics import NormalDist

import numpy as np

from kreproduce.claims.table import HFLIP, Table

LABELS = (
    "baseline",
    "V1 16ch",
    *(f"V2 {ch}ch" for ch in (2, 4, 8, 16, 32)),
    *(f"V2 {ch}ch {kind}" for kind in ("no L", "ReLU") for ch in (4, 16)),
)
_EASINESS, _KIND, _TRAINING, _VIEW = 1.5, 0.5, 0.7, 0.3
_BOTH = float(np.hypot(np.hypot(_EASINESS, _KIND), _TRAINING))


def table(
    random: np.random.Generator,
    seeds: int,
    noise: float,
    points=(),
    hflip: float = 0.0,
    labels=LABELS,
    images: int = 10_000,
) -> Table:
    """Networks of 60% accuracy, those in `points` so many points more; noise in points, too."""
    points, correct = dict(points), {}
    easiness = random.normal(0, _EASINESS, images)
    common = random.normal(0, 0.3, seeds)  # what a seed does to all networks
    for label in labels:
        kind = random.normal(0, _KIND, images)
        for seed in range(seeds):
            own = points.get(label, 0) + common[seed] + random.normal(0, noise)
            training = random.normal(0, _TRAINING, images)
            latent = easiness + kind + training
            for name, more, view in ((label, 0, 0.0), (label + HFLIP, hflip, _VIEW)):
                seen = latent + random.normal(0, 1, images) * view
                sd = float(np.hypot(_BOTH, view))
                threshold = -sd * NormalDist().inv_cdf(0.6 + (own + more) / 100)
                correct.setdefault(name, {})[seed + 1] = seen > threshold
    return Table(correct)
