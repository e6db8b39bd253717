"""The published archives: refused unless they are these, and read without being unpacked."""

import gzip
import io
import os
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from helpers import published
from helpers.tfds_sets import store_cifar10, store_colorectal

from kreproduce.data import archives
from kreproduce.data.archives import PUBLISHED, Archive
from kreproduce.data.dataset import of_source
from kreproduce.data.originals import foreign_reason
from kreproduce.data.sources import locate, open_source
from kreproduce.errors import DataError
from kreproduce.experiment.settings import resolve


def known(path, dataset):
    return {dataset: published.described(path)}


def refusal(path, dataset, table=PUBLISHED):
    """The sentence with which an archive is refused."""
    with pytest.raises(DataError) as caught, archives.opened(path, dataset, table) as source:
        list(source.read(range(len(source.labels))))
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


def test_the_checksums_are_those_that_tfds_records():
    package = Path(tfds.__file__).parent
    lists = {
        "cifar10": package / "url_checksums" / "cifar10.txt",
        "malaria": package / "datasets" / "malaria" / "checksums.tsv",
        "colorectal_histology": package / "url_checksums" / "colorectal_histology.txt",
    }
    recorded = {}
    for dataset, text in lists.items():
        (line,) = text.read_text().splitlines()
        url, size, sha256, _ = line.split("\t")
        recorded[dataset] = Archive(url, int(size), sha256)
    assert recorded == PUBLISHED


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_another_size_is_refused_with_both_numbers(tmp_path, dataset):
    path = published.archive(tmp_path, dataset)
    message = refusal(path, dataset)
    assert f"it has {path.stat().st_size:,} bytes where {PUBLISHED[dataset].size:,} are" in message
    assert message.endswith(f"download {PUBLISHED[dataset].url} again")


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_another_checksum_is_refused_with_both_numbers(tmp_path, dataset):
    path = published.archive(tmp_path, dataset)
    own = published.described(path)
    table = {dataset: Archive(own.url, own.size, "0" * 64)}
    message = refusal(path, dataset, table)
    assert f"its SHA-256 is {own.sha256} where {'0' * 64} is expected" in message


def test_one_flipped_bit_is_another_file(tmp_path):
    path = published.archive(tmp_path, "malaria")
    table = known(path, "malaria")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert "its SHA-256 is" in refusal(path, "malaria", table)


def test_files_that_cannot_be_read(tmp_path):
    assert "cannot be read (No such file" in refusal(tmp_path / "gone.zip", "malaria")
    assert "is not a file: pass the one" in refusal(tmp_path, "malaria")
    os.mkfifo(tmp_path / "pipe")
    assert "is not a file" in refusal(tmp_path / "pipe", "malaria")


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_an_archive_and_the_folder_it_unpacks_to_have_the_same_images(tmp_path, dataset):
    path = published.archive(tmp_path, dataset)
    published.unpacked(tmp_path, dataset)
    folder = open_source(locate(dataset, tmp_path), dataset)
    with archives.opened(path, dataset, known(path, dataset)) as source:
        assert (source.kind, folder.kind) == ("archive", "folder")
        assert source.names == folder.names
        np.testing.assert_array_equal(source.labels, folder.labels)
        np.testing.assert_array_equal(source.parts, folder.parts)
        every = range(len(source.names))
        for image, other in zip(source.read(every), folder.read(every), strict=True):
            np.testing.assert_array_equal(image, other)


@pytest.mark.parametrize(
    ("dataset", "store"), [("cifar10", store_cifar10), ("colorectal_histology", store_colorectal)]
)
def test_an_archive_and_tfds_give_the_same_dataset(tmp_path, dataset, store):
    """Where TFDS keeps the names: the same images train, validate and test, in the same order."""
    store(tmp_path)
    path = published.archive(tmp_path, dataset)
    e = resolve({"dataset": dataset, "ch": 16, "input_size": 64}, {"data_name": "tiny"})
    through_tfds = of_source(e, open_source(locate(dataset, tmp_path), dataset))
    with archives.opened(path, dataset, known(path, dataset)) as source:
        from_archive = of_source(e, source)
    assert from_archive.record.source == "archive"
    for key in ("fingerprint", "split", "train", "validation", "test"):
        assert getattr(from_archive.record, key) == getattr(through_tfds.record, key)


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_a_small_archive_is_foreign_whatever_its_checksum(tmp_path, dataset):
    path = published.archive(tmp_path, dataset)
    with archives.opened(path, dataset, known(path, dataset)) as source:
        assert "other numbers of images a class" in foreign_reason(source, dataset)


def test_only_images_in_the_class_folders_count(tmp_path):
    image = published.encoded(published.picture(1, 4), "png")
    top = "cell_images"
    good = {f"{top}/{name}/a.png": image for name in ("Parasitized", "Uninfected")}
    others = {
        "Parasitized/a.png": image,
        "../cell_images/Parasitized/b.png": image,
        f"/{top}/Parasitized/c.png": image,
        f"{top}/../Parasitized/d.png": image,
        f"{top}/Parasitized/deep/e.png": image,
        f"{top}/Other/f.png": image,
        f"{top}/Parasitized/.g.png": image,
        f"{top}/Parasitized/Thumbs.db": b"",
        f"{top}/Parasitized/": b"",
        "__MACOSX/cell_images/Parasitized/a.png": image,
    }
    path = published.archive(tmp_path, "malaria", good | others)
    with archives.opened(path, "malaria", known(path, "malaria")) as source:
        assert source.names == ["Parasitized/a.png", "Uninfected/a.png"]
        assert source.class_names == ("parasitized", "uninfected")
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]  # nothing was unpacked


def test_an_image_that_unpacks_without_end_is_refused(tmp_path):
    files = {f"cell_images/{name}/a.png": b"\0" * 2**25 for name in ("Parasitized", "Uninfected")}
    path = published.archive(tmp_path, "malaria", files)
    assert path.stat().st_size < 2**17
    assert "holds an image of more than 16,777,216 bytes" in refusal(
        path, "malaria", known(path, "malaria")
    )


def claiming(size, kind):
    """A tar of one header that claims so many bytes of its kind."""
    member = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
    member.type, member.size = kind, size
    return gzip.compress(member.tobuf(tarfile.GNU_FORMAT))


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
@pytest.mark.parametrize("size", [2**31, 2**50])
def test_what_unpacks_without_end_is_refused_before_it_is_unpacked(tmp_path, kind, size):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(claiming(size, kind))
    message = refusal(path, "cifar10", known(path, "cifar10"))
    assert "it unpacks to more than 1,073,741,824 bytes" in message


def test_a_batch_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_LARGEST_WHOLE", 2**20)
    files = {"cifar-10-batches-bin/data_batch_1.bin": b"\0" * 2**21}
    path = published.archive(tmp_path, "cifar10", files)
    table = known(path, "cifar10")
    assert "cannot be unpacked (it unpacks to more than" in refusal(path, "cifar10", table)


def test_an_image_that_says_it_is_small_is_not_unpacked_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_LARGEST_IMAGE", 2**12)
    files = {f"cell_images/{name}/a.png": bytes(2**22) for name in ("Parasitized", "Uninfected")}
    path = published.archive(tmp_path, "malaria", files)
    data, at = bytearray(path.read_bytes()), 0
    for _ in files:  # in the directory: the size when unpacked
        at = data.index(b"PK\x01\x02", at) + 24
        data[at : at + 4] = (100).to_bytes(4, "little")
    path.write_bytes(data)
    unpacked = []
    monkeypatch.setattr(archives.zipfile, "_get_decompressor", lambda _: Counting(unpacked))
    assert "cannot be unpacked" in refusal(path, "malaria", known(path, "malaria"))
    assert 0 < max(unpacked) <= 2**13


class Counting:
    """A decompressor that tells how much it has made at once."""

    def __init__(self, unpacked):
        self._inner, self._unpacked = zlib.decompressobj(-15), unpacked

    def decompress(self, data, most=0):
        made = self._inner.decompress(data, most)
        self._unpacked.append(len(made))
        return made

    def __getattr__(self, name):
        return getattr(self._inner, name)


def test_a_link_is_no_batch(tmp_path):
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in published.cifar_files().items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            if name == "data_batch_2.bin":
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            else:
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content) if member.size else None)
    message = refusal(path, "cifar10", known(path, "cifar10"))
    assert message.endswith("holds no cifar-10-batches-bin/data_batch_2.bin")


@pytest.mark.parametrize("dataset", PUBLISHED)
@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00broken", b"PK\x05\x06"])
def test_what_is_no_archive(tmp_path, dataset, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert "cannot be unpacked (" in refusal(path, dataset, known(path, dataset))


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_an_archive_that_was_published_broken(tmp_path, dataset):
    path = published.archive(tmp_path, dataset)
    content = bytearray(path.read_bytes())
    middle = len(content) // 3
    content[middle : middle + 40] = (byte ^ 0x55 for byte in content[middle : middle + 40])
    path.write_bytes(content)
    message = refusal(path, dataset, known(path, dataset))
    assert "cannot be unpacked (" in message or "holds no " in message


def test_an_archive_without_a_class(tmp_path):
    files = {"cell_images/Parasitized/a.png": published.encoded(published.picture(1, 4), "png")}
    path = published.archive(tmp_path, "malaria", files)
    message = refusal(path, "malaria", known(path, "malaria"))
    assert message.endswith("holds no images in cell_images/Uninfected")


def test_an_unknown_kind_of_compression(tmp_path):
    path = published.archive(tmp_path, "malaria")
    with zipfile.ZipFile(path) as content:
        member = next(info for info in content.infolist() if info.filename.endswith("C100.png"))
    data = bytearray(path.read_bytes())
    data[member.header_offset + 8] = 99  # in the entry itself
    start = data.index(b"PK\x01\x02")
    data[start + 10] = 99  # and in the directory
    path.write_bytes(data)
    assert "C100.png cannot be unpacked" in refusal(path, "malaria", known(path, "malaria"))
