import threading
import time

import numpy as np
import pytest

from kreproduce.data.images import Source, fingerprint
from kreproduce.errors import DataError


def test_a_fingerprint_is_of_shapes_bytes_and_labels():
    images = [np.arange(12, dtype=np.uint8).reshape(2, 2, 3) + n for n in range(3)]
    # A change here means that runs recorded before no longer match the same images.
    expected = "59c0753d396a2dd398cff918e8eb8f583bf184385b5e6726ae0b4f71a4fbeb3b"
    assert fingerprint(images, [0, 1, 0]) == expected
    assert fingerprint(np.stack(images), np.array([0, 1, 0], np.int64)) == expected
    others = [
        fingerprint(images, [0, 1, 1]),
        fingerprint(images[::-1], [0, 1, 0]),
        fingerprint([i.reshape(1, 4, 3) for i in images], [0, 1, 0]),
        fingerprint([images[0] + 1, *images[1:]], [0, 1, 0]),
    ]
    assert len({expected, *others}) == 5


def source_of(decode, count):
    names = [""] * count
    return Source("noise", "folder", ("a",), np.zeros(count, np.int32), names, np.array([]), decode)


class Decoder:
    """Decodes images of given sides; counts the bytes that are decoded and not yet taken."""

    def __init__(self, sides):
        self.sides, self.lock = sides, threading.Lock()
        self.decoded, self.held, self.most, self.now, self.at_once = [], 0, 0, 0, 0

    def __call__(self, index):
        with self.lock:
            self.now += 1
            self.at_once = max(self.at_once, self.now)
        time.sleep(0.005 if self.sides[index] > 500 else 0)  # for others to begin
        side = self.sides[index]
        image = np.broadcast_to(np.uint8(index % 251), (side, side, 3))  # takes no memory
        with self.lock:
            self.now -= 1
            self.decoded.append(index)
            self.held += image.nbytes
            self.most = max(self.most, self.held)
        return image

    def taken_all(self, then=lambda image: image):
        """Read all, in order; returns the largest number of bytes that waited to be taken."""
        source = source_of(self, len(self.sides))
        for index, image in enumerate(source.read(range(len(self.sides)), then)):
            assert (image[0, 0] == index % 251).all()
            with self.lock:
                self.held -= 3 * self.sides[index] ** 2
        assert sorted(self.decoded) == list(range(len(self.sides)))
        return self.most


MIB = 2**20


def test_reading_stays_near_whoever_takes_the_images():
    """Else all that is decoded would be in memory beside what is made of it."""
    decoder = Decoder([1] * 10_000)
    taken = source_of(decoder, 10_000).read(range(10_000))
    for _ in range(200):
        next(taken)
    time.sleep(0.2)  # for readers that do not wait
    assert len(decoder.decoded) < 2500
    assert sum(1 for _ in taken) == 9800
    assert sorted(decoder.decoded) == list(range(10_000))


@pytest.mark.parametrize(
    ("side", "least", "most"),
    [(1448, 4, 290), (2449, 4, 320), (6000, 2, 400), (13_000, 1, 1100)],
)  # fmt: skip
def test_what_is_read_ahead_is_bounded_in_bytes(side, least, most):
    """2, 6, 36 and 169 megapixels: as many at once as there are readers, if they are not huge."""
    decoder = Decoder([side] * 120)
    assert decoder.taken_all() <= most * MIB
    assert least <= decoder.at_once <= 8


def test_large_photographs_made_small_are_bounded_as_they_are_decoded():
    decoder = Decoder([6000] * 60)
    decoder.taken_all(lambda image: image[:8, :8])
    assert decoder.at_once <= 3


@pytest.mark.parametrize("small", [1000, 3000])
def test_photographs_after_many_small_images_are_bounded_too(small):
    """Those that were begun before it was known: one image for each block, not 64."""
    decoder = Decoder([8] * small + [2449] * 200 + [8] * 100)
    assert decoder.taken_all() < 850 * MIB
    assert decoder.at_once >= 4


def test_images_of_all_sizes_come_in_order():
    decoder = Decoder([3000 if index % 7 == 0 else 20 for index in range(500)])
    assert decoder.taken_all() < 700 * MIB


def test_the_first_damage_ends_the_reading():
    def decode(index):
        if index >= 70:
            raise DataError(f"{index} is damaged")
        return np.zeros((1, 1, 3), np.uint8)

    taken = source_of(decode, 500).read(range(500))
    with pytest.raises(DataError, match="70 is damaged"):
        list(taken)


def test_no_images_are_none():
    assert list(source_of(None, 0).read([])) == []
