import io
import re
import time

import numpy as np
import pytest
from PIL import Image as Pillow

from kreproduce.data.images import Source, decode_image, fingerprint
from kreproduce.errors import DataError


def encoded(image, form="png", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def ramp(mode):
    return Pillow.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3) * 5).convert(mode)


@pytest.mark.parametrize(
    ("mode", "form"),
    [("1", "png"), ("L", "png"), ("LA", "png"), ("P", "png"), ("RGB", "tiff"), ("RGB", "bmp"),
     ("RGBA", "png"), ("CMYK", "tiff")],
)  # fmt: skip
def test_every_mode_becomes_rgb(mode, form):
    image = ramp(mode)
    expected = np.asarray(image.convert("RGB"))
    decoded = decode_image(encoded(image, form), "it")
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, expected)


def test_jpeg_is_read_as_pillow_reads_it():
    data = encoded(ramp("RGB"), "jpeg", quality=75)
    np.testing.assert_array_equal(
        decode_image(data, "it"), np.asarray(Pillow.open(io.BytesIO(data)))
    )


def test_alpha_is_dropped_and_not_blended():
    clear = np.full((2, 2, 4), [10, 20, 30, 0], np.uint8)
    assert decode_image(encoded(Pillow.fromarray(clear)), "it")[0, 0].tolist() == [10, 20, 30]
    palette = encoded(ramp("P"), transparency=bytes(range(256)))
    np.testing.assert_array_equal(decode_image(palette, "it"), np.asarray(ramp("P").convert("RGB")))


@pytest.mark.parametrize("form", ["png", "tiff"])
def test_sixteen_bits_are_refused(form):
    deep = Pillow.fromarray(np.arange(16, dtype=np.uint16).reshape(4, 4) * 4000)
    with pytest.raises(DataError, match=r"deep\.png has more than 8 bits a channel.*convert it"):
        decode_image(encoded(deep, form), "deep.png")


@pytest.mark.parametrize("form", ["png", "jpeg", "tiff", "bmp"])
@pytest.mark.parametrize("part", [0, 0.1, 0.6])
def test_a_truncated_image_is_named(form, part):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = encoded(Pillow.fromarray(pixels), form)
    with pytest.raises(DataError, match=re.escape("a/b.x cannot be read as an image (")):
        decode_image(data[: int(len(data) * part)], "a/b.x")


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


def test_reading_stays_near_whoever_takes_the_images():
    """Else all that is decoded would be in memory beside what is made of it."""
    decoded = []

    def decode(index):
        decoded.append(index)
        return np.zeros((1, 1, 3), np.uint8)

    count = 10_000
    source = Source(
        "noise", "folder", ("a",), np.zeros(count, np.int32), [""] * count, np.array([]), decode, ""
    )
    taken = source.read(range(count))
    for _ in range(5):
        next(taken)
    time.sleep(0.2)  # for readers that do not wait
    assert len(decoded) < count / 4
    assert sum(1 for _ in taken) == count - 5
    assert sorted(decoded) == list(range(count))
