"""What several tests use, and is no fixture."""

from pathlib import Path

import numpy as np
from PIL import Image


def tree(folder):
    """Everything below a folder, with the content of its files."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def write_images(folder: Path, counts, size=12, suffix=".png", seed=0):
    """Images of classes that differ in colour: FOLDER/CLASS/NUMBER.png for counts[CLASS]."""
    rng = np.random.default_rng(seed)
    for number, (name, count) in enumerate(counts.items()):
        home = folder / name
        home.mkdir(parents=True, exist_ok=True)
        for i in range(count):
            pixels = rng.integers(0, 100, (size, size, 3), np.uint8)
            pixels[..., number % 3] += 120
            Image.fromarray(pixels).save(home / f"{i:03d}{suffix}")


def says(listed):
    """The body of an `nvidia-smi` that lists GPUs so; for the fixture of this name."""
    return f"test \"$*\" = -L || exit 64\ncat <<'END'\n{listed}\nEND"
