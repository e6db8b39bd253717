"""The archives of the paper's datasets: known by checksum, read without being unpacked."""

import gzip
import hashlib
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path, PurePosixPath

import numpy as np

from kreproduce.data import cifar
from kreproduce.data.decode import decode_image
from kreproduce.data.entries import SUFFIXES
from kreproduce.data.images import Image, Source, reason
from kreproduce.data.layouts import LAYOUTS, Layout
from kreproduce.data.remarks import Remarks
from kreproduce.errors import DataError

_LARGEST_IMAGE = 16 * 2**20  # bytes; the largest published one has some hundred thousand
_LARGEST_WHOLE = 2**30  # bytes of an unpacked archive of CIFAR-10, which has 184 million
_TOO_LARGE = f"it unpacks to more than {_LARGEST_WHOLE:,} bytes"


@dataclass(frozen=True)
class Archive:
    """A published file.

    Attributes:
        url: Where TFDS downloads it.
        size: In bytes.
        sha256: Its SHA-256, in hexadecimal.
    """

    url: str
    size: int
    sha256: str


# What TFDS 4.9.10 records: url_checksums/cifar10.txt and colorectal_histology.txt, and
# datasets/malaria/checksums.tsv in its package.
PUBLISHED = {
    "cifar10": Archive(
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        170_052_171,
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    ),
    "malaria": Archive(
        "https://data.lhncbc.nlm.nih.gov/public/Malaria/cell_images.zip",
        353_452_851,
        "0a949556b2414159b5100192609805376654c4266d8d187be9b1922fad43c668",
    ),
    "colorectal_histology": Archive(
        "https://zenodo.org/record/53169/files/Kather_texture_2016_image_tiles_5000.zip",
        258_098_431,
        "936d0b95ae0f04f1f7b18a2b7e8c55776c3e887d102f645bcee752d1a6626a32",
    ),
}


@contextmanager
def opened(
    path: Path, dataset: str, published: Mapping[str, Archive] = PUBLISHED
) -> Iterator[Source]:
    """Open the images in the archive at `path`, for as long as the context lasts.

    Args:
        path: The file, as it was downloaded.
        dataset: Which dataset it is to be.
        published: What the file must be, by dataset.

    Raises:
        DataError: The file cannot be read, or is not the published one; or, had somebody
            published a broken one, it cannot be unpacked.
    """
    archive = published[dataset]
    if path.exists() and not path.is_file():  # to open a pipe would wait for ever
        raise DataError(f"{path} is not a file: pass the one downloaded from {archive.url}")
    try:
        file = path.open("rb")
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror or reason(error)}): "
            f"pass the file downloaded from {archive.url}"
        ) from error
    with file:  # the one that is checked is the one that is read, whatever happens to its name
        _check(file, path, archive)
        try:
            source = (_tar if dataset == "cifar10" else _zip)(file, path, dataset)
        except (tarfile.TarError, zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
            raise DataError(f"{path} cannot be unpacked ({reason(error)})") from error
        yield source


def _check(file: BufferedReader, path: Path, archive: Archive) -> None:
    """Refuse another file than the published one; of another size, without reading it."""
    again = f"download {archive.url} again"
    size = os.fstat(file.fileno()).st_size
    if size != archive.size:
        raise DataError(
            f"{path} is not the published archive: it has {size:,} bytes where "
            f"{archive.size:,} are expected; {again}"
        )
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != archive.sha256:
        raise DataError(
            f"{path} is not the published archive: its SHA-256 is {sha256} where "
            f"{archive.sha256} is expected; {again}"
        )
    file.seek(0)


def _tar(file: BufferedReader, path: Path, dataset: str) -> Source:  # noqa: ARG001
    """CIFAR-10's batches, each member's size known before it is unpacked."""
    contents = {}
    with _Bounded(fileobj=file) as unpacked, tarfile.open(fileobj=unpacked, mode="r:") as tar:
        for member in tar:
            folder, _, name = member.name.removeprefix("./").partition("/")
            if member.size < 0 or member.offset_data + member.size > _LARGEST_WHOLE:
                raise tarfile.TarError(_TOO_LARGE)
            if member.isfile() and folder == cifar.FOLDER and name in cifar.FILES:
                content = tar.extractfile(member)
                contents[name] = content.read(cifar.LARGEST) if content else b""
    for name in cifar.FILES:
        if name not in contents:
            raise DataError(f"{path} holds no {cifar.FOLDER}/{name}")
    return cifar.from_batches(contents, path, "archive")


class _Bounded(gzip.GzipFile):
    """What a gzip file unpacks to, refused as soon as too much of it is asked for at once.

    tarfile reads a header as large as it claims to be before anybody sees its size.
    """

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0 or self.tell() + size > _LARGEST_WHOLE:
            raise tarfile.TarError(_TOO_LARGE)
        return super().read(size)


def _zip(file: BufferedReader, path: Path, dataset: str) -> Source:
    """Return the images in the class folders of a layout; each is unpacked when it is decoded."""
    layout = LAYOUTS[dataset]
    content = zipfile.ZipFile(file)
    classes = sorted(layout.classes)
    members = sorted(
        (member for member in content.infolist() if _is_image(member, layout)),
        key=lambda member: member.filename,
    )
    sizes = [member.file_size for member in members]
    if max(sizes, default=0) > _LARGEST_IMAGE:
        raise DataError(f"{path} holds an image of more than {_LARGEST_IMAGE:,} bytes")
    names = [member.filename.partition("/")[2] for member in members]
    labels = [classes.index(name.partition("/")[0]) for name in names]
    absent = set(range(len(classes))) - set(labels)
    if absent:
        raise DataError(f"{path} holds no images in {layout.folder}/{classes[min(absent)]}")
    remarks = Remarks()

    def decode(index: int) -> Image:
        name = f"{path}/{members[index].filename}"
        try:
            data = _unpacked(content, members[index])
        # Damage shows up as errors of zipfile, of zlib, or as an unknown kind of compression.
        except Exception as error:
            raise DataError(f"{name} cannot be unpacked ({reason(error)})") from error
        return decode_image(data, name, remarks)

    return Source(
        name=dataset,
        kind="archive",
        class_names=tuple(layout.classes[name] for name in classes),
        labels=np.array(labels, np.int32),
        names=names,
        parts=np.full(len(names), "all"),
        decode=decode,
        remarks=remarks,
    )


def _unpacked(content: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Unpack a member, but no more of it than it claims to have, nor than an image may."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise zipfile.BadZipFile("it is neither stored nor deflated")
    with content.open(member) as file:
        # Without a number, all of the packed bytes would be unpacked before any are left out.
        return file.read(_LARGEST_IMAGE)


def _is_image(member: zipfile.ZipInfo, layout: Layout) -> bool:
    place = PurePosixPath(member.filename)
    top, *between, name = place.parts or ("",)
    return (
        top == layout.folder
        and len(between) == 1
        and between[0] in layout.classes
        and place.suffix.lower() in SUFFIXES
        and not name.startswith(".")
    )
