"""How the archives of the paper's datasets are laid out, so that nobody need say it."""

from dataclasses import dataclass
from pathlib import Path

from kreproduce.data import cifar, heldout
from kreproduce.errors import DataError


@dataclass(frozen=True)
class Layout:
    """An archive of class folders.

    Attributes:
        folder: What all of it lies in.
        classes: What TFDS calls the classes, by the names of their folders.
    """

    folder: str
    classes: dict[str, str]


LAYOUTS = {
    "malaria": Layout("cell_images", {"Parasitized": "parasitized", "Uninfected": "uninfected"}),
    "colorectal_histology": Layout(
        "Kather_texture_2016_image_tiles_5000",
        {
            "01_TUMOR": "tumor",
            "02_STROMA": "stroma",
            "03_COMPLEX": "complex",
            "04_LYMPHO": "lympho",
            "05_DEBRIS": "debris",
            "06_MUCOSA": "mucosa",
            "07_ADIPOSE": "adipose",
            "08_EMPTY": "empty",
        },
    ),
}

_PICKLES = "cifar-10-batches-py"


def inner(folder: Path, dataset: str) -> Path:
    """Where the images lie in `folder`: in the folder of the dataset's archive, or in itself.

    Raises:
        DataError: There is only CIFAR-10's other archive, of Python pickles; or no batch of
            CIFAR-10 where only these will do.
    """
    is_cifar10 = heldout.origin(dataset) == heldout.ORIGIN
    if is_cifar10:
        top = cifar.FOLDER
    elif dataset in LAYOUTS:
        top = LAYOUTS[dataset].folder
    else:
        return folder
    if (folder / top).is_dir():
        return folder / top
    pickles = folder.name == _PICKLES or (folder / _PICKLES).is_dir()
    if is_cifar10 and pickles and not (folder / "train").is_dir():
        raise DataError(
            f"{folder} holds CIFAR-10 as Python pickles, which can run any code: "
            "get cifar-10-binary.tar.gz instead"
        )
    if dataset == heldout.NAME and not cifar.is_folder(folder):
        raise DataError(
            f"{folder} holds no {cifar.FOLDER}: '{dataset}' is CIFAR-10's training batches in "
            "their order, which no other folder of images has; pass one that holds them"
        )
    return folder
