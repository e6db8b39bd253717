"""Prepared caches: the same images without TensorFlow, of the same standing, or a refusal."""

import io
import json
import mmap
import os
import subprocess
import sys
import tempfile
import time
import zipfile

import numpy as np
import pytest
from helpers import published
from helpers.support import write_images
from helpers.tfds_sets import store_all
from numpy.lib import format as npy

from kreproduce.data import cache
from kreproduce.data.dataset import load
from kreproduce.data.folders import read_folder
from kreproduce.data.images import Source, same
from kreproduce.data.originals import foreign_reason
from kreproduce.data.prepare import prepare, prepare_archive, prepare_folder
from kreproduce.data.sources import locate, open_source
from kreproduce.errors import DataError, StorageError
from kreproduce.experiment.settings import resolve

DATASETS = ("cifar10", "malaria", "colorectal_histology")
TRUE_COUNTS = {
    "cifar10": {"train": [5000] * 10, "test": [1000] * 10},
    "malaria": {"all": [13_779] * 2},
    "colorectal_histology": {"all": [625] * 8},
}


def counted(dataset, kind):
    """A source of the paper's numbers of images, each of one pixel."""
    counts = TRUE_COUNTS[dataset]
    labels = [np.tile(np.arange(len(c), dtype=np.int32), c[0]) for c in counts.values()]
    every = np.concatenate(labels)
    return Source(
        name=dataset,
        kind=kind,
        class_names=tuple(map(str, range(len(np.unique(every))))),
        labels=every,
        names=[f"{i:06d}" for i in range(len(every))],
        parts=np.repeat(list(counts), [len(part) for part in labels]),
        decode=lambda index: np.full((1, 1, 3), index % 251, np.uint8),
        sequence=dataset == "cifar10",
    )


@pytest.fixture
def pets(tmp_path):
    """A cache of nine small images."""
    write_images(tmp_path / "pets", {"cat": 4, "dog": 5})
    return prepare_folder("pets", tmp_path / "pets", tmp_path)


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_run_gets_from_a_cache_what_it_gets_from_tfds(tmp_path, dataset):
    store_all(tmp_path)
    e = resolve({"dataset": dataset, "ch": 16, "input_size": 64}, {"data_name": "tiny"})
    direct = load(e, locate(dataset, tmp_path))
    prepare(dataset, tmp_path)
    location = locate(dataset, tmp_path)
    assert (location.kind, location.of_folder) == ("cache", False)
    cached = load(e, location)
    assert direct.record.model_copy(update={"cached": True}) == cached.record
    assert cached.class_names == direct.class_names
    for part in ("train", "validation", "test"):
        one, other = getattr(direct, part), getattr(cached, part)
        np.testing.assert_array_equal(one.images, other.images)
        np.testing.assert_array_equal(one.labels, other.labels)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("kind", ["tfds", "archive", "folder"])
def test_a_cache_keeps_what_its_images_count_as(tmp_path, dataset, kind):
    path = cache.path_in(tmp_path, dataset)
    cache.write(counted(dataset, kind), path)
    location = locate(dataset, tmp_path)
    assert location.of_folder == (kind == "folder")
    reason = foreign_reason(open_source(location, dataset), dataset)
    assert reason == ("read from a folder of images" if kind == "folder" else None)


def test_older_caches_are_read(pets):
    """They have a digest of names and sizes, and say nothing of published files."""
    arrays = arrays_of(pets)
    assert set(json.loads(arrays["about"].tobytes())) == {
        *("format", "name", "kind", "class_names", "names", "sequence")
    }
    older = arrays | say(arrays, listing="0" * 64)
    np.savez(pets, **older | {"sha256": np.array(cache._checksum(older))})
    source = cache.read(pets)
    assert (len(source.labels), source.unpublished) == (9, None)
    assert cache.peek(pets, "pets").may_be_anything


@pytest.mark.parametrize("parts", [["train", "validation", "test"], ["train", "validation"]])
def test_a_validation_part_comes_back(tmp_path, parts):
    source = Source(
        name="pets",
        kind="folder",
        class_names=("cat", "dog"),
        labels=np.tile(np.arange(2, dtype=np.int32), len(parts)),
        names=[str(i) for i in range(2 * len(parts))],
        parts=np.repeat(parts, 2),
        decode=lambda index: np.full((1, 1, 3), index, np.uint8),
    )
    path = cache.path_in(tmp_path, "pets")
    cache.write(source, path)
    assert cache.read(path).parts.tolist() == source.parts.tolist()


def arrays_of(path):
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def say(arrays, **changes):
    """What a cache says of itself, changed."""
    about = json.loads(arrays["about"].tobytes()) | changes
    return {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)}


FORGERIES = {
    "its origin": lambda arrays: say(arrays, kind="tfds"),
    "its order": lambda arrays: say(arrays, sequence=True),
    "a name": lambda arrays: say(arrays, names=["x", *["y"] * 8]),
    "a label": lambda arrays: {"labels": arrays["labels"][::-1]},
    "a part": lambda arrays: {"parts": np.array(["train"] * 8 + ["test"])},
    "a pixel": lambda arrays: {"pixels": arrays["pixels"] ^ (np.arange(3888) == 9)},
    "its shapes": lambda arrays: {"shapes": arrays["shapes"] * [1, 2]},
}


@pytest.mark.parametrize("change", FORGERIES.values(), ids=list(FORGERIES))
def test_what_was_changed_is_refused(pets, change):
    arrays = arrays_of(pets)
    np.savez(pets, **arrays)  # as it was: accepted
    assert len(cache.read(pets).labels) == 9
    np.savez(pets, **arrays | change(arrays))
    with pytest.raises(DataError, match=r"is damaged .*of another content.*move it away"):
        cache.read(pets)


def test_a_forger_who_knows_the_checksum_still_needs_arrays_that_agree(pets):
    arrays = arrays_of(pets)
    for change in (
        say(arrays, names=["x"]),
        {"labels": arrays["labels"] + 1},
        {"labels": arrays["labels"][:-1]},
        {"parts": np.array(["here"] * 9)},
        {"shapes": arrays["shapes"] * -1},
        {"shapes": arrays["shapes"][:, :1]},
        {"pixels": arrays["pixels"][:-1]},
        {"pixels": arrays["pixels"].astype(np.float64)},
    ):
        forged = {**arrays, **change}
        np.savez(pets, **forged | {"sha256": np.array(cache._checksum(forged))})
        with pytest.raises(DataError, match="its arrays do not belong together"):
            cache.read(pets)


@pytest.mark.parametrize("at", [0.0, 0.001, 0.3, 0.6, 0.97, 0.9999])
def test_what_was_cut_short_is_refused(pets, at):
    content = pets.read_bytes()
    pets.write_bytes(content[: int(at * len(content))])
    with pytest.raises(DataError) as caught:
        cache.read(pets)
    assert str(caught.value).startswith(f"{pets} is damaged or no cache of images (")
    assert "\n" not in str(caught.value)


def test_of_flipped_bytes_none_changes_an_image(pets):
    """Most are refused; some lie in fields of the container that nobody reads."""
    content, images = pets.read_bytes(), list(cache.read(pets).read(range(9)))
    refused = 0
    for place in range(0, len(content), 97):
        pets.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
        try:
            found = list(cache.read(pets).read(range(9)))
        except DataError:
            refused += 1
        else:
            np.testing.assert_array_equal(found, images)
    assert refused > 0.8 * len(content) / 97


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"\x93NUMPY\x01\x00v\x00{}", b"not a cache", b"\x80\x04K\x01."]
)
def test_other_files_are_refused_when_the_images_are_located(tmp_path, content):
    cache.path_in(tmp_path, "pets").write_bytes(content)
    with pytest.raises(DataError, match=r"pets\.kreproduce\.npz is damaged or no cache of images"):
        locate("pets", tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(cache.path_in(tmp_path, "pets"))
    with pytest.raises(DataError, match="it is not a file"):
        locate("pets", tmp_path)


def rewritten(path, change):
    """The file at `path` with a good checksum over what `change` makes of its arrays."""
    arrays = arrays_of(path)
    forged = arrays | change(arrays)
    np.savez(path, **forged | {"sha256": np.array(cache._checksum(forged))})


def with_header(path, name, shape, **kind):
    """The file at `path`, one array of which claims to have another shape."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    header = io.BytesIO()
    about = {"descr": "|u1", "fortran_order": False, "shape": shape} | kind
    npy.write_array_header_1_0(header, about)
    with zipfile.ZipFile(path, "w") as archive:
        for filename, content in members.items():
            archive.writestr(filename, header.getvalue() if filename == name else content)


@pytest.mark.parametrize("name", ["about", "pixels"])
@pytest.mark.parametrize("shape", [(10**10,), (2**62, 4), (-1, -1)])
def test_an_array_that_claims_more_than_the_file_has_takes_no_memory(
    pets, monkeypatch, name, shape
):
    with_header(pets, f"{name}.npy", shape)
    monkeypatch.setattr(npy, "read_array", only_small)
    with pytest.raises(DataError, match=r"\.npy claims (-?[0-9,]+) bytes and has [0-9,]+\)"):
        cache.read(pets)


def test_a_lack_of_memory_is_no_damage(pets, monkeypatch):
    def full(content, **kwargs):
        raise MemoryError

    monkeypatch.setattr(npy, "read_array", full)
    with pytest.raises(MemoryError):
        cache.read(pets)


def test_elements_of_no_bytes_are_refused_however_many(pets):
    with_header(pets, "parts.npy", (10**15,), descr="<U0")
    with pytest.raises(DataError, match=r"parts\.npy claims 0 bytes"):
        cache.read(pets)


def only_small(content, **kwargs):
    raise AssertionError("the array is read")


def test_compressed_arrays_are_refused_before_they_are_unpacked(pets):
    arrays = arrays_of(pets) | {"pixels": np.zeros(2**26, np.uint8)}
    np.savez_compressed(pets, **arrays)
    assert pets.stat().st_size < 2**18
    with pytest.raises(DataError, match=r"about\.npy is compressed"):
        cache.peek(pets, "pets")
    with pytest.raises(DataError, match=r"its arrays are larger than its [0-9,]+ bytes"):
        cache.read(pets)


def test_arrays_that_lie_over_each_other_in_the_file_are_refused(pets):
    """Many entries of the directory that lead to the same bytes: a small file, unpacked large."""
    arrays = arrays_of(pets) | {"pixels": np.zeros(2**16, np.uint8)}
    np.savez(pets, **arrays)
    content = bytearray(pets.read_bytes())
    with zipfile.ZipFile(pets) as archive:
        target = archive.getinfo("pixels.npy")
        others = [info for info in archive.infolist() if info is not target]
    for info in others:  # in the directory: sizes at 20, the place at 42, the name at 46
        entry = content.rindex(info.filename.encode()) - 46
        for at, number in ((20, target.file_size), (24, target.file_size), (42, 0)):
            content[entry + at : entry + at + 4] = number.to_bytes(4, "little")
    pets.write_bytes(content)
    with pytest.raises(DataError, match=r"its arrays are larger than its 6[0-9],[0-9]{3} bytes"):
        cache.read(pets)


def test_sizes_whose_product_overflows_are_refused(pets):
    """3 * 2**31 * 2**31 is 0 in 64 bits, twice over."""

    def change(arrays):
        shapes = arrays["shapes"].astype(np.int64)
        shapes[-2:] = 2**31
        return {"shapes": shapes, "pixels": arrays["pixels"][: 3 * 12 * 12 * 7]}

    rewritten(pets, change)
    with pytest.raises(DataError, match="its arrays do not belong together"):
        cache.read(pets)


STRANGE = {
    "sizes that are words": lambda arrays: {"shapes": arrays["shapes"].astype("U4")},
    "sizes with a fraction": lambda arrays: {"shapes": arrays["shapes"] * 1.0},
    "labels that are words": lambda arrays: {"labels": arrays["labels"].astype("U4")},
    "parts that are numbers": lambda arrays: {"parts": arrays["labels"]},
    "parts of no characters": lambda arrays: {
        "parts": np.full(9, 0x7FFFFFFF, np.uint32).view("U1")
    },
    "pixels of a structure": lambda arrays: {"pixels": arrays["pixels"].view("V3")},
}


@pytest.mark.parametrize("change", STRANGE.values(), ids=list(STRANGE))
def test_arrays_of_other_kinds_are_refused(pets, change):
    rewritten(pets, change)
    with pytest.raises(DataError, match="its arrays do not belong together"):
        cache.read(pets)


SAID = {
    "a key twice": lambda text: text.replace('"kind": ', '"kind": "tfds", "kind": '),
    "no finite number": lambda text: text.replace('"format": 1', '"format": NaN'),
    "a huge number": lambda text: text.replace('"format": 1', f'"format": {"9" * 5000}'),
    "brackets without end": lambda text: "[" * 100_000,
    "a number for a word": lambda text: text.replace('"folder"', "1"),
}


@pytest.mark.parametrize("change", SAID.values(), ids=list(SAID))
def test_what_it_says_of_itself_is_read_strictly(pets, change):
    def said(arrays):
        text = change(arrays["about"].tobytes().decode())
        return {"about": np.frombuffer(text.encode(), np.uint8)}

    rewritten(pets, said)
    for look in (lambda: cache.peek(pets, "pets"), lambda: cache.read(pets)):
        with pytest.raises(DataError, match="what it says of itself is in another form"):
            look()


def test_objects_are_never_unpickled(tmp_path):
    path = cache.path_in(tmp_path, "pets")
    np.savez(path, about=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match="Object arrays cannot be loaded"):
        locate("pets", tmp_path)


def test_a_cache_of_another_name_is_not_taken_for_it(pets):
    pets.rename(cache.path_in(pets.parent, "cifar10"))
    with pytest.raises(DataError, match="holds images of 'pets', not of 'cifar10': rename it"):
        locate("cifar10", pets.parent)


def test_a_damaged_image_leaves_no_cache(tmp_path):
    write_images(tmp_path / "pets", {"cat": 4, "dog": 5})
    (tmp_path / "pets" / "dog" / "003.png").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"dog/003\.png cannot be read as an image"):
        prepare_folder("pets", tmp_path / "pets", tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_name_that_is_no_text(tmp_path):
    write_images(tmp_path / "pets", {"cat": 4, "dog": 5})
    (tmp_path / "pets" / "cat" / "000.png").rename(tmp_path / "pets" / "cat" / "\udcff.png")
    source = cache.read(prepare_folder("pets", tmp_path / "pets", tmp_path))
    assert source.names[3] == "cat/\udcff.png"


def test_a_disk_that_maps_no_files_into_the_memory(tmp_path, monkeypatch):
    """And removes none that is open."""
    write_images(tmp_path / "pets", {"cat": 4, "dog": 5})
    source = read_folder(tmp_path / "pets", "pets")
    cache.write(source, tmp_path / "a.npz")

    def refuse(*_, **__):
        raise OSError(19, "No such device")

    monkeypatch.setattr(mmap, "mmap", refuse)
    monkeypatch.setattr(np, "memmap", refuse)
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    cache.write(source, tmp_path / "b.npz")
    assert same(cache.read(tmp_path / "a.npz"), cache.read(tmp_path / "b.npz"))
    assert {path.name for path in tmp_path.iterdir()} == {"pets", "a.npz", "b.npz"}
    with np.load(tmp_path / "b.npz") as file:  # NumPy reads it, as before
        assert file["pixels"].dtype == np.uint8
        assert sorted(file) == ["about", "labels", "parts", "pixels", "sha256", "shapes"]


def test_a_full_disk_leaves_no_cache(tmp_path, monkeypatch):
    write_images(tmp_path / "pets", {"cat": 4, "dog": 5})

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full)
    with pytest.raises(StorageError, match="cannot be written: No space left on device"):
        prepare_folder("pets", tmp_path / "pets", tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_images_of_many_sizes_and_an_archive(tmp_path):
    archive = published.archive(tmp_path, "malaria")
    known = {"malaria": published.described(archive)}
    source = cache.read(prepare_archive("malaria", archive, tmp_path, known))
    assert source.kind == "archive"
    shapes = sorted(image.shape for image in source.read(range(40)))
    assert shapes == [(height, 30, 3) for height in range(20, 60)]


def test_it_is_read_without_tensorflow_and_tfds(pets):
    code = (
        "import sys\n"
        "for name in ('tensorflow', 'tensorflow_datasets', 'PIL', 'sklearn'):\n"
        "    sys.modules[name] = None\n"  # an import of it fails
        "from pathlib import Path\n"
        "from kreproduce.data import dataset, sources\n"
        "from kreproduce.experiment.settings import resolve\n"
        "e = resolve({'dataset': 'pets', 'ch': 16, 'classes': 2})\n"
        f"data = dataset.load(e, sources.locate('pets', Path({str(pets.parent)!r})))\n"
        "print(data.record.train, data.record.cached)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["5", "True"]


@pytest.mark.slow
def test_cifar10_loads_from_a_cache_in_two_seconds(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (60_000, 32, 32, 3), np.uint8)
    source = counted("cifar10", "tfds")
    source = Source(**{**vars(source), "decode": pixels.__getitem__})
    cache.write(source, cache.path_in(tmp_path, "cifar10"))
    e = resolve({"dataset": "cifar10", "ch": 16})
    seconds = []
    for _ in range(5):  # others may be at work on the machine
        began = time.perf_counter()
        data = load(e, locate("cifar10", tmp_path))
        seconds.append(time.perf_counter() - began)
    assert data.record.original
    assert min(seconds) < 2, seconds
