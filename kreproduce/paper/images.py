"""How many images the paper's datasets have, and how many of them train, validate and test."""

from dataclasses import dataclass
from typing import NamedTuple


class Sizes(NamedTuple):
    """Images that train, validate and test."""

    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class Images:
    """The images of a dataset; every class has as many.

    Attributes:
        classes: number of classes.
        parts: images of each class by part: of "train" and "test", or of "all" where the
            publisher names no parts.
    """

    classes: int
    parts: dict[str, int]

    @property
    def total(self) -> int:
        """All images, of all classes and parts."""
        return self.classes * sum(self.parts.values())

    @property
    def sizes(self) -> Sizes:
        """Images that train, validate and test, by the rule of `kreproduce.data.splits`.

        A tenth of the training part of each class validates. Without parts a tenth of each class
        does, and of the rest a ninth tests; both are rounded up.
        """
        part = self.parts.get("train") or self.parts["all"]
        validation = -(-part // 10)
        test = self.parts.get("test") or -(-(part - validation) // 9)
        train = sum(self.parts.values()) - validation - test
        return Sizes(*(self.classes * count for count in (train, validation, test)))


IMAGES: dict[str, Images] = {
    "cifar10": Images(10, {"train": 5000, "test": 1000}),  # section 3.1
    "malaria": Images(2, {"all": 13_779}),  # section 3.2
    "colorectal_histology": Images(8, {"all": 625}),  # section 3.3
}
