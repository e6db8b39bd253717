"""An encoded image as RGB bytes, as it is seen; docs/data.md says what becomes of every kind."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kreproduce.data import pillow_warnings, tiff
from kreproduce.data.images import Image, reason
from kreproduce.data.remarks import Remark, Remarks
from kreproduce.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageFile import ImageFile

MOST_PIXELS = 178_956_970
"""Of a picture that is read: as many as Pillow takes for what could be a decompression bomb."""
MOST_BYTES = 2**30
"""Of a file: more than as many pixels take, uncompressed and with alpha."""

# Pillow knows some fifty, one of which hands the file to Ghostscript as a program.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
_NAMED = "BMP, GIF, JPEG, PNG, TIFF or WebP file"
_EIGHT_BIT_MODES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}
_OTHER_MODES = {
    "LAB": "has L*a*b* colours: convert it to RGB",
    "HSV": "has HSV colours: convert it to RGB",
    "F": "has floating-point numbers for pixels: convert them to bytes from 0 to 255",
}
_DEEP = "has more than 8 bits a channel: convert it to 8 bits"
_PNG_DEPTH = 24  # where a PNG file says how many bits a channel has


class _NotTakenError(Exception):
    """A sound picture that is not read; says why, as what follows its name in a sentence."""


def decode_file(path: Path, remarks: Remarks) -> Image:
    """Return the image in a file as `decode_image` does that of its content, with its errors.

    Raises:
        OSError: The file cannot be read.
    """
    if path.stat().st_size > MOST_BYTES:  # it could fill the memory with nothing but zeros
        raise DataError(f"{path} has more than {MOST_BYTES:,} bytes: replace it by a smaller image")
    return decode_image(path.read_bytes(), str(path), remarks)


def decode_image(data: bytes, name: str, remarks: Remarks) -> Image:
    """Return an encoded image as uint8 (h, w, 3), turned as its orientation tag says.

    Grey and palettes become RGB, transparent pixels are laid over white, profiles are not applied.

    Args:
        data: The content of a BMP, GIF, JPEG, PNG, TIFF or WebP file.
        name: What to call the image in a message.
        remarks: Is told what should be said of an image that is read.

    Raises:
        DataError: The image is damaged, or of a kind whose pixels are not plainly RGB bytes.
    """
    with pillow_warnings.collected() as warned:
        try:
            pixels = _decoded(data, name, remarks)
        except _NotTakenError as error:
            raise DataError(f"{name} {error}") from None
        except MemoryError:
            raise
        # Each of Pillow's formats has its own exceptions for damaged content, SyntaxError too.
        except Exception as error:
            raise DataError(
                f"{name} cannot be read as an image ({_why(error, data)}): "
                f"replace it by a sound {_NAMED}"
            ) from error
    if warned:
        remarks.add(Remark.WARNING, name, " ".join(warned[0].split()).rstrip("."))
    return pixels


def _decoded(data: bytes, name: str, remarks: Remarks) -> Image:
    from PIL import Image as Pillow

    if tiff.is_tiff(data):
        _refuse(tiff.flaw(data))
    try:
        image = Pillow.open(io.BytesIO(data), formats=_FORMATS)
    except Pillow.DecompressionBombError:
        raise _too_large() from None
    with image:
        _check(image, data)
        image.load()
        pictures = _pictures(image)
        if pictures > 1:  # of a JPEG file: what a camera adds to the photograph
            remarks.add(Remark.FURTHER_PICTURES, name, f"of {pictures}")
        flat = _over_white(image) if image.has_transparency_data else image.convert("RGB")
        if flat is None:
            remarks.add(Remark.NOTHING_SEEN, name)
            flat = Pillow.new("RGB", image.size, "white")
        return np.array(_upright(flat, _orientation(image, name, remarks)))


def _check(image: "ImageFile", data: bytes) -> None:
    """Refuse, before it is decoded, what would not come out as it is."""
    if image.width * image.height > MOST_PIXELS:
        raise _too_large()
    if 0 in image.size:
        raise _NotTakenError(f"has no pixels: replace it by a sound {_NAMED}")
    if image.format == "PNG" and data[_PNG_DEPTH] > 8:
        raise _NotTakenError(_DEEP)
    if image.mode not in _EIGHT_BIT_MODES:
        raise _NotTakenError(_OTHER_MODES.get(image.mode, _DEEP))
    pictures = _pictures(image)
    if pictures > 1 and image.format not in ("JPEG", "MPO"):
        raise _NotTakenError(
            f"has {pictures:,} frames: save the one that is meant as a file of its own"
        )


def _pictures(image: "ImageFile") -> int:
    return getattr(image, "n_frames", 1)


def _over_white(image: "Picture") -> "Picture | None":
    """Lay a picture with transparency over white, as RGB; None where nothing of it is seen."""
    from PIL import Image as Pillow

    # Pillow converts premultiplied greys only to their own mode, and warns when a palette with
    # transparency becomes RGB in one step.
    whole = image.convert("LA" if image.mode == "La" else "RGBA").convert("RGBA")
    opaque = whole.getchannel("A").getextrema()
    if opaque == (0, 0):
        return None
    if opaque != (255, 255):
        whole = Pillow.alpha_composite(Pillow.new("RGBA", whole.size, "white"), whole)
    return whole.convert("RGB")


def _orientation(image: "Picture", name: str, remarks: Remarks) -> int:
    """Return what the file says of how to turn it; of a TIFF file, which Pillow has turned, 1."""
    from PIL import ExifTags

    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception as error:  # the pixels are sound, whatever is wrong beside them
        remarks.add(Remark.WARNING, name, reason(error))
        return 1


def _upright(flat: "Picture", orientation: int) -> "Picture":
    from PIL import ExifTags, ImageOps

    if orientation != 1:
        # Of all that the file says only this, because Pillow would write the rest again and
        # fail where that is damaged.
        flat.info.clear()
        flat.getexif()[ExifTags.Base.Orientation] = orientation
        ImageOps.exif_transpose(flat, in_place=True)
    return flat


def _refuse(flaw: str | None) -> None:
    if flaw:
        raise _NotTakenError(flaw)


def _too_large() -> _NotTakenError:
    return _NotTakenError(f"has more than {MOST_PIXELS:,} pixels: make it smaller")


def _why(error: Exception, data: bytes) -> str:
    """Return what is wrong with a file, in the words of the one format that it begins like."""
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    if not isinstance(error, UnidentifiedImageError):
        return reason(error)
    if not data:
        return "it is empty"
    for form in _FORMATS:
        factory, accept = Pillow.OPEN[form]
        if accept is not None and accept(data[:16]):
            try:
                factory(io.BytesIO(data), "").close()
            except Exception as cause:  # as above
                return f"{form}: {reason(cause)}"
    return f"it is no {_NAMED}"
