"""The published archives of the paper's datasets in small: of their layout, with few images."""

import hashlib
import io
import tarfile
import zipfile

import numpy as np
from PIL import Image

from kreproduce.data.archives import Archive

COLORECTAL = (
    *("01_TUMOR", "02_STROMA", "03_COMPLEX", "04_LYMPHO"),
    *("05_DEBRIS", "06_MUCOSA", "07_ADIPOSE", "08_EMPTY"),
)


def described(path):
    """What an archive of these is known by: given to the product in place of the true one."""
    content = path.read_bytes()
    return Archive("http://nowhere.invalid/x", len(content), hashlib.sha256(content).hexdigest())


def encoded(pixels, form):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def picture(number, height, width=None):
    """A picture that tells its number in every pixel."""
    return np.full((height, width or height, 3), number, np.uint8)


def cifar_files(per_batch=8, tests=20):
    """The files of CIFAR-10's binary archive: the i-th picture of all is of class i % 10."""
    files = {}
    for batch in range(6):
        count, first = (per_batch, batch * per_batch) if batch < 5 else (tests, 100)
        rows = []
        for i in range(count):
            label = (first + i if batch < 5 else i) % 10
            rows.append(bytes([label]) + picture(first + i, 32).transpose(2, 0, 1).tobytes())
        name = f"data_batch_{batch + 1}.bin" if batch < 5 else "test_batch.bin"
        files[name] = b"".join(rows)
    return files | {"batches.meta.txt": b"airplane\n", "readme.html": b"<html>"}


def malaria_files(count=40):
    """Of two classes in turn, of other sizes and oblong; a Thumbs.db among each."""
    files = {
        f"{('Parasitized', 'Uninfected')[i % 2]}/C{100 + i}.png": encoded(
            picture(i, 20 + i, 30), "png"
        )
        for i in range(count)
    }
    return files | {f"{name}/Thumbs.db": b"\0" for name in ("Parasitized", "Uninfected")}


def colorectal_files(count=80):
    """As `tfds_sets.store_colorectal` has them."""
    return {
        f"{COLORECTAL[i % 8]}/{count - i:03d}.tif": encoded(picture(i, 150), "tiff")
        for i in range(count)
    }


LAYOUTS = {
    "cifar10": ("cifar-10-batches-bin", cifar_files, "cifar-10-binary.tar.gz"),
    "malaria": ("cell_images", malaria_files, "cell_images.zip"),
    "colorectal_histology": (
        "Kather_texture_2016_image_tiles_5000",
        colorectal_files,
        "Kather_texture_2016_image_tiles_5000.zip",
    ),
}


def unpacked(folder, dataset, files=None):
    """The archive of `dataset`, or one of `files`, unpacked in `folder`; returns its top folder."""
    top, own, _ = LAYOUTS[dataset]
    for name, content in (files or own()).items():
        path = folder / top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / top


def archive(folder, dataset, files=None):
    """The archive itself in `folder`; of other `files` where they are given."""
    top, own, name = LAYOUTS[dataset]
    path = folder / name
    entries = {f"{top}/{inner}": content for inner, content in own().items()}
    (_tar if dataset == "cifar10" else _zip)(path, entries if files is None else files)
    return path


def _tar(path, entries):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in entries.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def _zip(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as content:
        for name, data in entries.items():
            content.writestr(name, data)
