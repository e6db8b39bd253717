"""The random affine transforms of training images, as matrices.

A matrix (2, 3) takes an output pixel (row, column, 1) to the input position (row, column) that it
shows; `layers.Warp` applies it. The composition is that of Keras-Preprocessing 1.1.2, with which
the authors' code augmented.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Matrices = NDArray[np.float32]
"""(n, 2, 3)."""
Numbers = NDArray[np.float64]
"""One number an image, (n,); or one 3 × 3 matrix an image, (n, 3, 3)."""


class Ranges(Protocol):
    """How far the draws go to either side; all uniform, each image and axis by itself."""

    @property
    def rotation(self) -> float:
        """Degrees."""

    @property
    def shift(self) -> float:
        """Fraction of the size."""

    @property
    def shear(self) -> float:
        """Degrees."""

    @property
    def zoom(self) -> float:
        """Fraction: 0.3 draws from [0.7, 1.3], where 0.7 enlarges."""

    @property
    def horizontal_flip(self) -> bool:
        """Whether half the images are mirrored left to right."""

    @property
    def vertical_flip(self) -> bool:
        """Whether half the images are turned upside down."""


def draw(rng: np.random.Generator, n: int, size: int, ranges: Ranges) -> Matrices:
    """Return the matrices of `n` random transforms of images of size × size, (n, 2, 3)."""
    return compose(size, **draw_parameters(rng, n, size, ranges))


def flips(n: int, size: int, horizontal: bool, vertical: bool) -> Matrices:
    """`n` times the same exact flip of images of size × size, (n, 2, 3)."""
    flip = _flip(size, np.full(n, horizontal), np.full(n, vertical))
    return flip[:, :2].astype(np.float32)


def draw_parameters(
    rng: np.random.Generator, n: int, size: int, ranges: Ranges
) -> dict[str, Numbers]:
    """Draw what `compose` takes for `n` images, under Keras-Preprocessing's names, each (n,)."""
    shift, zoom = ranges.shift * size, ranges.zoom
    return {
        "theta": rng.uniform(-ranges.rotation, ranges.rotation, n),
        "tx": rng.uniform(-shift, shift, n),
        "ty": rng.uniform(-shift, shift, n),
        "shear": rng.uniform(-ranges.shear, ranges.shear, n),
        "zx": rng.uniform(1 - zoom, 1 + zoom, n),
        "zy": rng.uniform(1 - zoom, 1 + zoom, n),
        "flip_horizontal": np.where(rng.random(n) < 0.5, float(ranges.horizontal_flip), 0.0),
        "flip_vertical": np.where(rng.random(n) < 0.5, float(ranges.vertical_flip), 0.0),
    }


def compose(
    size: int,
    *,
    theta: Numbers,
    tx: Numbers,
    ty: Numbers,
    shear: Numbers,
    zx: Numbers,
    zy: Numbers,
    flip_horizontal: Numbers,
    flip_vertical: Numbers,
) -> Matrices:
    """Rotation · shift · shear · zoom about the centre, then the flips of the output, (n, 2, 3).

    Args:
        size: Of the images, in pixels; the centre is size/2 + 0.5 on both axes.
        theta: Rotation in degrees, (n,) like all that follow.
        tx: Shift of the rows in pixels.
        ty: Shift of the columns in pixels.
        shear: Degrees.
        zx: Factor of the rows; below 1 enlarges.
        zy: Factor of the columns.
        flip_horizontal: Whether columns are mirrored: 0 or 1.
        flip_vertical: Whether rows are: 0 or 1.
    """
    turn, slant, centre = np.deg2rad(theta), np.deg2rad(shear), size / 2 + 0.5
    rotation = _affine(np.cos(turn), -np.sin(turn), 0, np.sin(turn), np.cos(turn), 0)
    shearing = _affine(np.ones_like(slant), -np.sin(slant), 0, 0, np.cos(slant), 0)
    zoom = _affine(zx, 0, 0, 0, zy, 0)
    about = rotation @ _shift(tx, ty) @ shearing @ zoom
    there, back = (_shift(np.full_like(tx, sign * centre), sign * centre) for sign in (1, -1))
    whole = there @ about @ back @ _flip(size, flip_horizontal > 0, flip_vertical > 0)
    return whole[:, :2].astype(np.float32)


def _flip(size: int, horizontal: NDArray[np.bool_], vertical: NDArray[np.bool_]) -> Numbers:
    rows, columns = np.where(vertical, -1.0, 1.0), np.where(horizontal, -1.0, 1.0)
    last = size - 1
    return _affine(rows, 0, np.where(vertical, last, 0), 0, columns, np.where(horizontal, last, 0))


def _shift(rows: Numbers, columns: Numbers | float) -> Numbers:
    return _affine(np.ones_like(rows), 0, rows, 0, 1, columns)


def _affine(first: Numbers, *others: Numbers | float) -> Numbers:
    """(n, 3, 3) from the six numbers of the first two rows, the first of them (n,)."""
    result = np.zeros((len(first), 3, 3))
    for position, numbers in enumerate((first, *others)):
        result[:, position // 3, position % 3] = numbers
    result[:, 2, 2] = 1
    return result
