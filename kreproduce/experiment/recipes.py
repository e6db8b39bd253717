"""What the authors set for each dataset: the values of an experiment that nobody sets.

Read off their published code and raw runs, where the paper is silent (sections 2.10, 3.1 to 3.3).
A recipe is data; what follows from other settings (the baseline's larger input, the cycle of the
learning rate) follows in `complete`.
"""

from typing import Any

Values = dict[str, Any]

_CIFAR10_AUGMENTATION = {
    "rotation": 20.0,
    "shift": 0.3,
    "shear": 0.2,
    "zoom": 0.3,
    "horizontal_flip": True,
    "vertical_flip": False,
}
_MEDICAL: Values = {
    "input_size": 224,
    "skip_strides": 0,
    "batch_size": 64,
    "resize": "opencv",
    "augmentation": _CIFAR10_AUGMENTATION | {"rotation": 179.0, "vertical_flip": True},
    "validation": "fourfold",
}

_CIFAR10: Values = {
    "classes": 10,
    "epochs": 50,
    "resize": "pil",
    "augmentation": _CIFAR10_AUGMENTATION,
    "validation": "augmented",
}

RECIPES: dict[str, Values] = {
    "cifar10": _CIFAR10,
    # Its training images alone, to choose settings with; not of the paper.
    "cifar10-heldout": _CIFAR10,
    "malaria": _MEDICAL | {"classes": 2, "epochs": 75},
    "colorectal_histology": _MEDICAL | {"classes": 8, "epochs": 1000},
    # A demonstration that takes two minutes on a laptop; not of the paper.
    "digits": {
        "classes": 10,
        "epochs": 12,
        "ch": 16,
        "input_size": 16,
        "skip_strides": 2,
        "batch_size": 32,
        "bn_momentum": 0.9,  # few steps: the moving averages must follow faster
        "resize": "pil",
        "augmentation": {
            "rotation": 10.0,
            "shift": 0.1,
            "shear": 0.2,
            "zoom": 0.1,
            "horizontal_flip": False,
            "vertical_flip": False,
        },
        "validation": "plain",
    },
}

# Images of any other name, from a folder: trained like the medical sets, but photographs
# are not turned upside down, and validation sees each image once.
OTHER: Values = _MEDICAL | {
    "epochs": 75,
    "augmentation": _CIFAR10_AUGMENTATION,
    "validation": "plain",
}


def complete(values: Values) -> Values:
    """Add to the `values` that were set all that the paper ties to them.

    Needs "dataset"; what is set stays as it is. Values of a wrong type are left for the
    experiment to refuse.
    """
    dataset = values["dataset"]
    recipe = {"variant": "v2", "ch": None, "data_name": dataset} | RECIPES.get(dataset, OTHER)
    if values.get("model") is not None:
        return _of_model(recipe, values)
    if values.get("variant") == "baseline":
        recipe["ch"] = None
    values = recipe | values
    if _is_cifar10(dataset):
        values = _cifar10(values) | values
    return {"cycle": cycle(values["epochs"])} | values


def _of_model(recipe: Values, values: Values) -> Values:
    """Complete the settings of another network than the paper's: as it is, unless Ch is set.

    The images are those that the k-networks see, of 32 pixels at least, below which few models go.
    """
    recipe = {"batch_size": 64, **recipe}
    recipe |= {
        "variant": "baseline" if values.get("ch") is None else "v2",
        "ch": None,
        "input_size": max(32, recipe.get("input_size", 32)),
        "skip_strides": 0,
    }
    recipe.pop("bn_momentum", None)
    values = recipe | values
    return {"cycle": cycle(values["epochs"])} | values


def cycle(epochs: int) -> int:
    """Epochs of one cycle of the learning rate: 25 where that divides `epochs`, else 30.

    >>> cycle(50), cycle(180), cycle(7)
    (25, 30, 25)
    """
    return 30 if isinstance(epochs, int) and epochs % 25 and epochs % 30 == 0 else 25


def gpu_precision(dataset: str, variant: str, epochs: int) -> str:
    """Return what precision "auto" means on a GPU: the authors' (on a CPU it is float32)."""
    mixed = _is_cifar10(dataset) and variant != "baseline" and not _long(epochs)
    return "mixed_float16" if mixed else "float32"


def _is_cifar10(dataset: str) -> bool:
    """Whether its images are CIFAR-10's, or some of them."""
    return RECIPES.get(dataset) is _CIFAR10


def _cifar10(values: Values) -> Values:
    """Enlarge CIFAR-10 for the baseline; the k-networks skip strides instead."""
    if values["variant"] != "baseline":
        return {"input_size": 32, "skip_strides": 3, "batch_size": 64}
    batch_size = 64 if _long(values["epochs"]) else 32
    return {"input_size": 224, "skip_strides": 0, "batch_size": batch_size}


def _long(epochs: object) -> bool:
    """Whether a CIFAR-10 run is one of Table 6, not of 50 epochs."""
    return isinstance(epochs, int) and epochs >= 180
