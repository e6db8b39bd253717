import io
import struct
import threading
import warnings
import zlib

import numpy as np
import pytest
from helpers.encoded import encoded, next_page, noise, png, tiff, with_cut_exif
from PIL import Image as Pillow
from PIL import ImageOps

from kreproduce.data import decode, pillow_warnings
from kreproduce.data.decode import decode_file, decode_image
from kreproduce.data.images import Source
from kreproduce.data.remarks import Remarks
from kreproduce.errors import DataError


def ramp(mode):
    return Pillow.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3) * 5).convert(mode)


def read(data):
    """The pixels, and what is said of them."""
    remarks = Remarks()
    pixels = decode_image(data, "a/b.x", remarks)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    return pixels, remarks.take()


def refusal(data):
    remarks = Remarks()
    with pytest.raises(DataError) as caught:
        decode_image(data, "a/b.x", remarks)
    assert not remarks.take()
    message = str(caught.value)
    assert message.startswith("a/b.x ")
    assert message.count(": ") >= 1
    return message


@pytest.mark.parametrize(
    ("mode", "form"),
    [("1", "png"), ("1", "tiff"), ("L", "png"), ("L", "tiff"), ("L", "bmp"), ("L", "jpeg"),
     ("LA", "png"), ("P", "png"), ("P", "gif"), ("P", "tiff"), ("P", "bmp"), ("RGB", "png"),
     ("RGB", "tiff"), ("RGB", "bmp"), ("RGB", "jpeg"), ("RGB", "webp"), ("RGBA", "png"),
     ("RGBA", "tiff"), ("CMYK", "tiff"), ("CMYK", "jpeg"), ("YCbCr", "tiff")],
)  # fmt: skip
def test_every_mode_becomes_rgb_as_pillow_converts_it(mode, form):
    data = encoded(ramp(mode), form)
    pixels, said = read(data)
    np.testing.assert_array_equal(pixels, np.asarray(Pillow.open(io.BytesIO(data)).convert("RGB")))
    assert not said


@pytest.mark.parametrize("form", ["png", "tiff", "bmp"])
def test_bytes_come_out_as_they_are(form):
    pixels = noise()
    np.testing.assert_array_equal(read(encoded(Pillow.fromarray(pixels), form))[0], pixels)
    grey = noise(channels=1)
    expected = np.repeat(grey[..., None], 3, axis=-1)
    np.testing.assert_array_equal(read(encoded(Pillow.fromarray(grey), form))[0], expected)


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", [*range(1, 9), 0, 9])
def test_an_image_is_taken_as_it_is_seen(form, orientation):
    """By the numbers of TIFF 6.0: where the stored first row and first column are seen."""
    stored = np.zeros((12, 8, 3), np.uint8)
    stored[:6, :4], stored[:6, 4:], stored[6:, :4] = (200, 30, 30), (30, 200, 30), (30, 30, 200)
    seen = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.transpose(1, 0, 2),
        6: stored.transpose(1, 0, 2)[:, ::-1],
        7: stored.transpose(1, 0, 2)[::-1, ::-1],
        8: stored.transpose(1, 0, 2)[::-1],
    }.get(orientation, stored)
    tag = Pillow.Exif()
    tag[274] = orientation
    options = {"jpeg": {"quality": 95, "subsampling": 0}, "webp": {"lossless": True}}
    data = encoded(Pillow.fromarray(stored), form, exif=tag, **options.get(form, {}))
    pixels, said = read(data)
    assert pixels.shape == seen.shape
    assert np.abs(pixels.astype(int) - seen).max() < 40
    assert not said


def test_a_transparent_image_is_turned_too():
    tag = Pillow.Exif()
    tag[274] = 6
    pixels = np.zeros((2, 3, 4), np.uint8)
    assert read(encoded(Pillow.fromarray(pixels), exif=tag))[0].shape == (3, 2, 3)
    pixels[0, 0] = (9, 8, 7, 255)
    assert read(encoded(Pillow.fromarray(pixels), exif=tag))[0][0, 1].tolist() == [9, 8, 7]


def test_flaws_beside_the_orientation_do_not_hide_it(monkeypatch):
    """Pillow's own `exif_transpose` writes all the tags again, and fails with some of them."""
    tag = Pillow.Exif()
    tag[274], tag[305] = 6, "software"

    def fail(self, offset=0):
        raise struct.error("short format requires")

    data = encoded(Pillow.new("RGB", (4, 2)), "jpeg", exif=tag)
    monkeypatch.setattr(Pillow.Exif, "tobytes", fail)
    with pytest.raises(struct.error):
        ImageOps.exif_transpose(Pillow.open(io.BytesIO(data)))
    assert read(data)[0].shape == (4, 2, 3)


def test_a_block_of_exif_that_is_none_is_said():
    data = encoded(Pillow.new("RGB", (4, 2)), "webp", exif=b"Exif\0\0nonsense and more")
    pixels, said = read(data)
    assert pixels.shape == (2, 4, 3)
    assert len(said) == 1
    assert said[0].startswith("1 image was read although Pillow warned of a flaw: a/b.x (not a TIF")


HALF = np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 51]]], np.uint8)
OVER_WHITE = [[200, 100, 0], [255, 255, 255], [244, 224, 204]]


@pytest.mark.parametrize("form", ["png", "tiff", "webp"])
def test_transparency_is_laid_over_white(form):
    options = {"lossless": True, "exact": True} if form == "webp" else {}
    pixels, said = read(encoded(Pillow.fromarray(HALF), form, **options))
    assert pixels[0].tolist() == OVER_WHITE
    assert not said
    opaque = noise(channels=4) | np.array([0, 0, 0, 255], np.uint8)
    pixels = read(encoded(Pillow.fromarray(opaque), form, **options))[0]
    np.testing.assert_array_equal(pixels, opaque[..., :3])


def test_premultiplied_colours_are_laid_over_white():
    premultiplied = HALF.copy()
    premultiplied[0, 1:, :3] = (0, 0, 0), (40, 20, 0)
    assert read(tiff(premultiplied, 2, t338=(1,)))[0][0].tolist() == OVER_WHITE
    grey = np.array([[[200, 255], [0, 0], [40, 51]]], np.uint8)
    assert read(tiff(grey, 1, t338=(1,)))[0][0, :, 0].tolist() == [200, 255, 244]


def test_transparent_greys_and_palettes_are_laid_over_white():
    grey = Pillow.fromarray(np.array([[[200, 255], [7, 0], [200, 51]]], np.uint8), "LA")
    for form in ("png", "tiff"):
        assert read(encoded(grey, form))[0][0, :, 0].tolist() == [200, 255, 244]
    palette = Pillow.new("P", (3, 1))
    palette.putpalette([200, 100, 0] * 3)
    palette.putdata([0, 1, 2])
    assert read(encoded(palette, transparency=bytes([255, 0, 51])))[0][0].tolist() == OVER_WHITE
    for form in ("png", "gif"):
        one = read(encoded(palette, form, transparency=1))[0][0].tolist()
        assert [255, 255, 255] in one
        assert [200, 100, 0] in one


@pytest.mark.parametrize(
    ("mode", "hidden"), [("L", 7), ("1", 0), ("RGB", (1, 2, 3))]
)  # fmt: skip
def test_a_colour_that_stands_for_transparency_is_white(mode, hidden):
    picture = Pillow.new(mode, (2, 1), hidden)
    picture.putpixel((0, 0), 255 if mode != "RGB" else (9, 9, 9))
    pixels = read(encoded(picture, transparency=hidden))[0]
    assert pixels[0, 1].tolist() == [255, 255, 255]
    assert pixels[0, 0].tolist() == [9 if mode == "RGB" else 255] * 3


def test_an_image_of_which_nothing_is_seen_is_said():
    clear = HALF.copy()
    clear[..., 3] = 0
    pixels, said = read(encoded(Pillow.fromarray(clear)))
    assert (pixels == 255).all()
    assert said == ["1 image was read as plain white, being transparent everywhere: a/b.x"]


@pytest.mark.parametrize("form", ["tiff", "gif", "png", "webp"])
@pytest.mark.parametrize("count", [2, 5])
def test_several_pages_and_frames_are_refused(form, count):
    pages = [Pillow.fromarray(noise() // (n + 1)) for n in range(count)]
    data = encoded(pages[0], form, save_all=True, append_images=pages[1:])
    name = "pages" if form == "tiff" else "frames"
    assert f" has {count} {name}: save the one that is meant" in refusal(data)


def test_a_single_page_or_frame_of_such_a_format_is_read():
    for form in ("tiff", "gif", "png", "webp"):
        picture = Pillow.fromarray(noise())
        pixels, said = read(encoded(picture, form, save_all=True))
        assert pixels.shape == (6, 5, 3)
        assert not said


def test_of_a_photograph_with_further_pictures_the_first_is_taken_and_said():
    first, second = (Pillow.new("RGB", (8, 8), (shade,) * 3) for shade in (40, 200))
    pixels, said = read(encoded(first, "mpo", save_all=True, append_images=[second]))
    assert abs(int(pixels.mean()) - 40) < 3
    assert said == [
        "1 image was read from files with several pictures, the first of which was taken: "
        "a/b.x (of 2)"
    ]


def test_pages_that_lead_nowhere_or_in_a_circle_are_damage():
    page = tiff(noise(), 2)
    assert read(page)[0].shape == (6, 5, 3)
    assert "its pages lead in a circle" in refusal(next_page(page, 8))
    for place in (len(page), len(page) + 1000, 2**32 - 1):
        assert "its second page is not in the file" in refusal(next_page(page, place))
    two = tiff(noise(), 2, pages=2)
    assert "has 2 pages" in refusal(two)
    (count,) = struct.unpack("<H", two[8:10])
    second = struct.unpack("<L", two[10 + 12 * count : 14 + 12 * count])[0]
    place = second + 2 + 12 * count
    back = two[:place] + struct.pack("<L", 8) + two[place + 4 :]
    assert "its pages lead in a circle" in refusal(back)
    assert "has 1,000 or more pages" in refusal(tiff(noise(1, 1), 2, pages=1001))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("kind", "bands", "photometric", "tags", "why"),
    [
        ("i1", 1, 1, {"t339": (2,)}, "has signed integers for pixels: convert them to bytes"),
        ("i1", 3, 2, {"t339": (2, 2, 2)}, "has signed integers for pixels"),
        ("i2", 1, 1, {"t339": (2,)}, "has signed integers for pixels"),
        ("f4", 1, 1, {"t339": (3,)}, "has floating-point numbers for pixels"),
        ("f4", 3, 2, {"t339": (3, 3, 3)}, "has floating-point numbers for pixels"),
        ("u2", 1, 1, {}, "has more than 8 bits a channel (16): convert it to 8 bits"),
        ("u2", 3, 2, {}, "has more than 8 bits a channel (16): convert it to 8 bits"),
        ("u2", 4, 2, {"t338": (2,)}, "has more than 8 bits a channel (16)"),
        ("u2", 4, 5, {}, "has more than 8 bits a channel (16)"),
        ("u4", 1, 1, {}, "has more than 8 bits a channel (32)"),
        ("u1", 5, 2, {"t338": (0, 0)}, "has 5 bands, not all of them colours or alpha"),
        ("u1", 5, 2, {"t338": (2, 0)}, "has 5 bands"),
        ("u1", 6, 2, {"t338": (0, 0, 0)}, "has 6 bands"),
        ("u1", 4, 2, {"t338": (0,)}, "has 4 bands"),
        ("u1", 4, 2, {}, "has 4 bands"),
        ("u1", 2, 1, {"t338": (0,)}, "has 2 bands"),
        ("u1", 2, 1, {}, "has 2 bands"),
        ("u1", 5, 1, {"t338": (0, 0, 0, 0)}, "has 5 bands"),
        ("u1", 5, 5, {"t338": (0,)}, "has 5 bands"),
        ("u1", 3, 8, {}, "has L*a*b* colours: convert it to RGB"),
        ("u1", 3, 9, {}, "has L*a*b* colours"),
        ("u1", 3, 2, {"t254": (1,), "t330": (8,)}, "begins with a reduced version"),
    ],
)
def test_tiff_files_whose_pixels_are_not_plainly_rgb_bytes(
    order, kind, bands, photometric, tags, why
):
    pixels = np.arange(6 * 5 * bands).reshape(6, 5, bands).astype(kind)
    assert why in refusal(tiff(pixels, photometric, order=order, **tags))


@pytest.mark.parametrize(("bands", "photometric"), [(1, 0), (1, 1), (3, 2)])
def test_plain_tiff_files_are_read(bands, photometric):
    pixels = noise(channels=4)[..., :bands]
    expected = 255 - pixels if photometric == 0 else pixels
    for tags in ({}, {"t339": (1,) * bands}, {"t254": (0,)}):
        read_pixels = read(tiff(pixels, photometric, **tags))[0]
        np.testing.assert_array_equal(read_pixels, np.broadcast_to(expected, (6, 5, 3)))


def test_sixteen_bits_are_refused_in_png():
    for channels, colour in ((1, 0), (3, 2), (2, 4), (4, 6)):
        pixels = np.full((3, 2, channels), 40_000, np.uint16)
        assert "has more than 8 bits a channel: convert it to 8" in refusal(png(pixels, colour))
        pixels = np.full((3, 2, channels), 200, np.uint8)
        assert read(png(pixels, colour, bits=8))[0].shape == (3, 2, 3)


def test_twelve_bits_are_refused_in_jpeg_for_what_they_are():
    data = bytearray(encoded(ramp("RGB"), "jpeg"))
    data[data.index(b"\xff\xc0") + 4] = 12
    assert "cannot be read as an image (JPEG: cannot handle 12-bit layers)" in refusal(bytes(data))


@pytest.mark.parametrize("mode", ["LAB", "F", "I", "I;16"])
def test_other_pixels_than_bytes_are_refused_for_what_they_are(mode):
    data = encoded(Pillow.new(mode, (3, 2)), "tiff")
    why = {"LAB": "L*a*b*", "F": "floating-point", "I": "signed integers", "I;16": "(16)"}[mode]
    assert why in refusal(data)


def test_other_formats_are_not_even_tried(monkeypatch):
    """PostScript would start Ghostscript, whatever the file is called."""
    for form in ("ppm", "tga", "pcx", "ico", "eps", "jpeg2000"):
        data = encoded(ramp("RGB").resize((16, 16)), form)
        message = "(it is no BMP, GIF, JPEG, PNG, TIFF or WebP file): replace it"
        assert message in refusal(data)
    assert "it is no BMP" in refusal(b"<html>not found</html>")


@pytest.mark.parametrize("form", ["png", "jpeg", "tiff", "bmp", "webp", "gif"])
@pytest.mark.parametrize("part", [0.1, 0.6])
def test_a_truncated_image_is_named(form, part):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = encoded(Pillow.fromarray(pixels), form)
    cut = data[: int(len(data) * part)]
    assert "a/b.x cannot be read as an image (" in refusal(cut)
    assert "it is no" not in refusal(cut)


def test_a_file_of_which_there_is_little_more_than_the_beginning(capsys):
    """What Pillow warns of then is in the refusal, and shown nowhere."""
    page = tiff(noise(), 2)
    for part in (b"II*\0", page[:8], page[:9], page[:30], b"II*\0" + bytes(9)):
        with warnings.catch_warnings(record=True) as shown:
            warnings.simplefilter("always")
            assert "a/b.x cannot be read as an image (" in refusal(part)
        assert not shown
    assert "is a BigTIFF file of an order of bytes" in refusal(b"MM\0\x2b\0\x08" + bytes(60))
    big = encoded(Pillow.fromarray(noise()), "tiff", big_tiff=True)
    np.testing.assert_array_equal(read(big)[0], noise())


def test_an_empty_file_and_one_without_pixels():
    assert "cannot be read as an image (it is empty): replace it by a sound BMP" in refusal(b"")
    flat = bytearray(encoded(ramp("RGB"), "bmp"))
    flat[22:26] = bytes(4)
    refusal(bytes(flat))


def test_a_very_large_image_is_refused_and_a_large_one_no_news(monkeypatch):
    dot = np.zeros((1, 1, 1), np.uint8)
    for size in ((20_000, 20_000), (2**31 - 1, 2**31 - 1)):
        message = refusal(png(dot, 0, bits=8, size=size))
        assert message == "a/b.x has more than 178,956,970 pixels: make it smaller"
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 10)
    pixels, said = read(encoded(ramp("RGB")))
    assert pixels.shape == (4, 4, 3)
    assert not said
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", None)
    monkeypatch.setattr(decode, "MOST_PIXELS", 15)
    assert "has more than 15 pixels" in refusal(encoded(ramp("RGB")))


def test_a_file_that_is_larger_than_any_picture_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(Pillow.fromarray(noise())))
    np.testing.assert_array_equal(decode_file(path, Remarks()), noise())
    with path.open("r+b") as file:
        file.truncate(2**30 + 1)  # takes no room
    monkeypatch.setattr(type(path), "read_bytes", None)
    with pytest.raises(DataError, match=r"a\.png has more than 1,073,741,824 bytes: replace it"):
        decode_file(path, Remarks())


def test_too_little_memory_is_no_damage(monkeypatch):
    def full(*args):
        raise MemoryError

    data = encoded(ramp("RGB"))
    monkeypatch.setattr(Pillow.Image, "convert", full)
    with pytest.raises(MemoryError):
        read(data)


def test_a_compressed_text_that_is_too_large_is_named():
    data = encoded(ramp("RGB"))
    text = b"zTXtk\0\0" + zlib.compress(bytes(2**27))
    chunk = struct.pack(">L", len(text) - 4) + text + struct.pack(">L", zlib.crc32(text))
    assert "cannot be read as an image (" in refusal(data[:33] + chunk + data[33:])


@pytest.mark.filterwarnings("default")
def test_warnings_are_counted_with_the_files_that_they_are_about(caplog, capsys):
    sound, flawed = encoded(Pillow.fromarray(noise()), "jpeg"), with_cut_exif(noise())
    files = [flawed if index % 5 == 3 else sound for index in range(400)]
    remarks = Remarks()
    source = Source(
        name="photos",
        kind="folder",
        class_names=("a",),
        labels=np.zeros(len(files), np.int32),
        names=[""] * len(files),
        parts=np.array([]),
        decode=lambda index: decode_image(files[index], f"{index:03d}.jpg", remarks),
        remarks=remarks,
    )
    before = warnings.showwarning, list(warnings.filters)
    for _ in range(2):  # also those that Python has shown once
        with warnings.catch_warnings(record=True) as shown:
            assert sum(1 for _ in source.read(range(len(files)))) == len(files)
        assert not shown
        (record,) = caplog.records
        assert record.getMessage() == (
            "80 images were read although Pillow warned of a flaw: 003.jpg (Corrupt EXIF data. "
            "Expecting to read 12 bytes but only got 8) and 79 others"
        )
        caplog.clear()
    assert (warnings.showwarning, list(warnings.filters)) == before
    assert "Warning" not in capsys.readouterr().err


def test_a_remark_obeys_no_name_and_is_made_once():
    remarks = Remarks()
    for _ in range(3):
        decode_image(with_cut_exif(noise()), "a\x1b[2J\n.jpg", remarks)
    (line,) = remarks.take()
    assert line.startswith("1 image was read although Pillow warned of a flaw: a?[2J?.jpg (Corrup")
    assert not remarks.take()


def test_warnings_of_others_are_shown_as_ever():
    other = threading.Thread(target=warnings.warn, args=("of another thread",))
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        with pillow_warnings.collected() as collected:
            other.start()
            other.join()
            warnings.warn("it will be removed", DeprecationWarning, stacklevel=1)
            warnings.warn("of Pillow's", stacklevel=1)
        warnings.warn("afterwards", stacklevel=1)
    assert collected == ["of Pillow's"]
    assert [str(warning.message) for warning in shown] == [
        "of another thread", "it will be removed", "afterwards",
    ]  # fmt: skip


def test_what_others_set_while_warnings_are_collected_stays():
    def theirs(*args, **kwargs):
        pass

    with warnings.catch_warnings():
        with pillow_warnings.collected():
            warnings.showwarning = theirs
            warnings.simplefilter("ignore")
        assert warnings.showwarning is theirs
        assert warnings.filters[0][0] == "ignore"
    # As a `catch_warnings` of another thread does that ends after ours.
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        with pillow_warnings.collected():
            stale = warnings.showwarning
        warnings.showwarning = stale
        with pillow_warnings.collected() as collected:
            warnings.warn("collected", stacklevel=1)
        warnings.warn("shown", stacklevel=1)
    assert collected == ["collected"]
    assert [str(warning.message) for warning in shown] == ["shown"]
