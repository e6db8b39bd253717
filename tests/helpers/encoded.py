"""Files of images, some of kinds that Pillow does not write."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def encoded(image, form="png", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def noise(height=6, width=5, channels=3):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def tiff(pixels, photometric, pages=1, order="<", **tags):
    """An uncompressed TIFF file of (h, w, bands) pixels with the tags that are required.

    Args:
        pixels: Of any type that TIFF knows.
        photometric: As TIFF numbers it.
        pages: How often the picture is in it.
        order: Of the bytes.
        **tags: More, as t338=(0,); a tag's value is None where it should be left out.
    """
    height, width, bands = pixels.shape
    stored = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder(order)))
    content = struct.pack(f"{order}2sHL", b"II" if order == "<" else b"MM", 42, 8)
    for page in range(pages):
        values = {
            256: (width,), 257: (height,), 258: (8 * pixels.itemsize,) * bands, 259: (1,),
            262: (photometric,), 273: (0,), 277: (bands,), 278: (height,), 279: (stored.nbytes,),
        }  # fmt: skip
        values |= {int(tag[1:]): value for tag, value in tags.items()}
        values = {tag: value for tag, value in sorted(values.items()) if value is not None}
        offset = len(content) + 6 + 12 * len(values)
        longer = b""
        entries = struct.pack(f"{order}H", len(values))
        data = offset + sum(2 * len(value) for value in values.values() if len(value) > 2)
        values[273] = (data,)
        for tag, value in values.items():
            if len(value) == 1:
                entries += struct.pack(f"{order}HHLL", tag, 4, 1, *value)
            elif len(value) == 2:
                entries += struct.pack(f"{order}HHLHH", tag, 3, 2, *value)
            else:
                entries += struct.pack(f"{order}HHLL", tag, 3, len(value), offset + len(longer))
                longer += struct.pack(f"{order}{len(value)}H", *value)
        following = data + stored.nbytes if page < pages - 1 else 0
        content += entries + struct.pack(f"{order}L", following) + longer + stored.tobytes()
    return content


def next_page(content, offset):
    """A file that `tiff` made of one page, which says that another lies at `offset`."""
    (count,) = struct.unpack("<H", content[8:10])
    place = 10 + 12 * count
    return content[:place] + struct.pack("<L", offset) + content[place + 4 :]


def png(pixels, colour, bits=16, size=None):
    """A PNG file of (h, w, channels) pixels; `size` (width, height) is what it claims."""
    height, width, _ = pixels.shape
    stored = pixels.astype(pixels.dtype.newbyteorder(">"))
    rows = b"".join(b"\0" + row.tobytes() for row in stored)
    header = struct.pack(">LLBBBBB", *(size or (width, height)), bits, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def with_cut_exif(pixels):
    """A JPEG file whose EXIF block is cut short, of which Pillow warns."""
    whole = encoded(Image.fromarray(pixels), "jpeg")
    block = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xde\xad" * 10
    return whole[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(block)) + block + whole[2:]
