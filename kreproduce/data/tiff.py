"""What Pillow does not say of a TIFF file: further pages, other numbers than bytes, other bands.

Pillow opens the first page of several, cuts 16 bits to 8, takes signed bytes for unsigned ones,
and passes over bands that are neither colours nor alpha.
"""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

# The tags of TIFF 6.0 that tell.
_SUBFILE_TYPE, _BITS, _PHOTOMETRIC, _SAMPLES = 254, 258, 262, 277
_SUBDIRECTORIES, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 330, 338, 339

_COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3}  # by photometric interpretation
_LAB = {8, 9, 10}
_ALPHA = {(), (1,), (2,)}  # premultiplied or not
_UNSIGNED = {1, 4}  # 4 is undefined, which readers take for unsigned
_FORMATS = {2: "signed integers", 3: "floating-point numbers"}
_MOST_PAGES = 1000
_BIG_ENDIAN_BIGTIFF = b"MM\0\x2b"


def is_tiff(data: bytes) -> bool:
    """Whether a file's content begins as that of a TIFF or BigTIFF file."""
    return data[:2] in (b"II", b"MM") and (42 in data[2:4] or 43 in data[2:4])


def flaw(data: bytes) -> str | None:
    """Return why a TIFF file is not taken, as what follows its name in a sentence, or None.

    None says nothing of whether Pillow can read the file.

    Raises:
        Exception: Of many kinds, from Pillow, where the file is damaged.
    """
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    if data.startswith(_BIG_ENDIAN_BIGTIFF):
        return "is a BigTIFF file of an order of bytes that is not read: save it as plain TIFF"
    header = data[: 16 if data[2] == 43 else 8]
    first = ImageFileDirectory_v2(header)
    stream = io.BytesIO(data)
    if not _load(first, stream):
        return None
    return _flaw_of_pages(header, stream) or _flaw_of_numbers(first) or _flaw_of_bands(first)


def _load(directory: "ImageFileDirectory_v2", stream: io.BytesIO) -> bool:
    """Read the directory at `directory.next`; returns whether it was whole."""
    stream.seek(directory.next)
    directory.next = -1
    directory.load(stream)  # of one that is cut short it only warns
    return directory.next != -1


def _flaw_of_pages(header: bytes, stream: io.BytesIO) -> str | None:
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    page, seen = ImageFileDirectory_v2(header), set[int]()
    while page.next and len(seen) < _MOST_PAGES:
        if page.next in seen:
            return "is damaged, for its pages lead in a circle: save it again as one picture"
        seen.add(page.next)
        if not _load(page, stream):
            return "is damaged, for its second page is not in the file: save it as one picture"
    if len(seen) > 1:
        number = "1,000 or more" if len(seen) == _MOST_PAGES else f"{len(seen):,}"
        return f"has {number} pages: save the one that is meant as a file of its own"
    return None


def _flaw_of_numbers(page: "ImageFileDirectory_v2") -> str | None:
    formats = set(_numbers(page, _SAMPLE_FORMAT)) - _UNSIGNED
    if formats:
        kind = _FORMATS.get(min(formats), "complex numbers")
        return f"has {kind} for pixels: convert them to bytes from 0 to 255"
    bits = max(_numbers(page, _BITS), default=1)
    if bits > 8:
        return f"has more than 8 bits a channel ({bits}): convert it to 8 bits"
    return None


def _flaw_of_bands(page: "ImageFileDirectory_v2") -> str | None:
    reduced = max(_numbers(page, _SUBFILE_TYPE), default=0) & 1
    if reduced and _numbers(page, _SUBDIRECTORIES):
        return "begins with a reduced version of its picture, as raw photographs do: convert it"
    photometric = max(_numbers(page, _PHOTOMETRIC), default=-1)
    if photometric in _LAB:
        return "has L*a*b* colours: convert it to RGB"
    bands = max(_numbers(page, _SAMPLES), default=1)
    extra = bands - _COLOURS.get(photometric, bands)
    if extra > 0 and (extra > 1 or _numbers(page, _EXTRA_SAMPLES) not in _ALPHA - {()}):
        return (
            f"has {bands} bands, not all of them colours or alpha: save it with the colours alone"
        )
    return None


def _numbers(page: "ImageFileDirectory_v2", tag: int) -> tuple[int, ...]:
    """Return the whole numbers of a tag; none where it is absent or of another type."""
    value = page.get(tag, ())
    values = value if isinstance(value, tuple) else (value,)
    return tuple(number for number in values if isinstance(number, int))
