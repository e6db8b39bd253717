"""Which folders of a dataset are its training, validation and test parts, and which are classes."""

import re
from pathlib import Path

from kreproduce.data.entries import Listing, list_folder
from kreproduce.errors import DataError

LAYOUT = (
    "expected are FOLDER/train/CLASS/* and FOLDER/test/CLASS/*, FOLDER/val/CLASS/* beside them "
    "or not, or FOLDER/CLASS/*"
)

_SPELLINGS = {
    "train": {"train", "training", "trn"},
    "validation": {"val", "valid", "validate", "validation"},
    "test": {"test", "testing", "tst"},
}
_CALLED = {"train": "train", "validation": "val", "test": "test"}
_END = re.compile(r"[ _.-]?(set|data|images|part|split)$")  # as of "training_set"


def part_called(name: str) -> str | None:
    """Return the part that a folder of this name may be: 'train', 'validation', 'test', or None.

    Capitals do not matter, and "Training", "training_set" and "train data" are as good.
    """
    word = _END.sub("", name.lower())
    return next((part for part, words in _SPELLINGS.items() if word in words), None)


def find_parts(top: Listing, own_validation: bool) -> dict[str, Path]:
    """Return the folder of each part; of 'all', where `top` holds the class folders themselves.

    A folder that is called like a part is one if it holds folders. If it holds only images it is
    a class, unless another folder is called like another part.

    Args:
        top: The dataset's folder.
        own_validation: Whether a validation part is to be used.

    Raises:
        DataError: A part is missing or there twice, or the names can be read in two ways.
    """
    called = {part: [n for n in top.folders if part_called(n) == part] for part in _SPELLINGS}
    parts = [part for part, names in called.items() if names]
    inside = {n: list_folder(top.path / n) for names in called.values() for n in names}
    divided = [name for name, listing in inside.items() if listing.folders]
    if not divided and len(parts) > 1:
        raise _undecided(top, list(inside))
    if not divided:
        return {"all": top.path}
    if len(parts) == 1:
        (name, *_) = divided
        if _classes_beside(top, called[parts[0]]):
            if all(map(_is_class, inside.values())):
                return {"all": top.path}
            raise _part_among_classes(top, name)
    found = {
        part: _only(top, part, names, divided)
        for part, names in called.items()
        if names and (own_validation or part != "validation")
    }
    if found.get("validation") not in divided:  # one of images without classes
        found.pop("validation", None)
    _check_complete(top, found, own_validation)
    order = [part for part in _SPELLINGS if part in found]
    return {part: top.path / found[part] for part in order}


def _classes_beside(top: Listing, names: list[str]) -> bool:
    """Whether folders of other names hold images, as classes do."""
    others = (name for name in top.folders if name not in names)
    return any(list_folder(top.path / name).images for name in others)


def _is_class(listing: Listing) -> bool:
    """Whether a folder holds more images itself than the folders in it: a stray one is no class."""
    inside = sum(len(list_folder(listing.path / name).images) for name in listing.folders)
    return len(listing.images) > inside


def _only(top: Listing, part: str, names: list[str], divided: list[str]) -> str:
    """Return the one folder of a part: the only one that holds folders, if there are several."""
    candidates = [name for name in names if name in divided] or names
    if len(candidates) > 1:
        one, other = candidates[:2]
        raise DataError(
            f"{top.path} has two folders that can be its {_CALLED[part]} part, '{one}' and "
            f"'{other}': put the images of both into one of them, or call the other another name"
        )
    return candidates[0]


def _check_complete(top: Listing, found: dict[str, str], own_validation: bool) -> None:
    if "train" in found and len(found) > 1:
        return
    there = found.get("train") or found.get("test")
    if there is None:
        also = "" if own_validation else f" and {top.path / 'test'}"
        raise DataError(
            f"{top.path} has a validation part but no 'train': add {top.path / 'train'}{also}, or "
            "pass the folder of the validation part to have it split by rule"
        )
    missing = "test" if "train" in found else "train"
    raise DataError(
        f"{top.path} has a folder '{there}' but no '{missing}': add {top.path / missing}, "
        f"or pass {top.path / there} to have it split by rule"
    )


def _undecided(top: Listing, names: list[str]) -> DataError:
    both = " and ".join(str(top.path / name) for name in names[:2])
    return DataError(
        f"{both} hold no class folders, and are called like parts: put the images of each class "
        f"into a folder of its own ({LAYOUT}), or, if they are classes themselves, call them "
        "otherwise"
    )


def _part_among_classes(top: Listing, name: str) -> DataError:
    path = top.path / name
    return DataError(
        f"{path} holds more images in its folders than itself, as a part does, and lies among "
        "folders of images: if it is a class, move its images up into it; if not, move it out of "
        f"{top.path}, or pass it alone to have it split by rule"
    )
