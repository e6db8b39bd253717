"""What a record says of the images of its run."""

from typing import Annotated, Literal

from pydantic import Field

from kreproduce.system.strict import Strict

_Text = Annotated[str, Field(max_length=1000)]
_Number = Annotated[int, Field(ge=1, le=10**9)]


class Images(Strict):
    """The images of a run.

    Attributes:
        name: what they are called, the dataset's own name where they are the original ones.
        source: what they were read from, be it through a prepared file.
        cached: whether through a prepared file.
        original: whether they are the published ones.
        not_original_because: why they are not.
        split: the rule that divided them, in words.
        train, validation, test: how many train, validate and test.
        image_shape: height, width and channels before they are enlarged.
        class_names: in the order of the labels.
        fingerprint: the SHA-256 of all pixels and labels, in hexadecimal.
    """

    name: _Text
    source: Literal["builtin", "tfds", "archive", "folder"]
    cached: bool
    original: bool
    not_original_because: _Text | None
    split: _Text
    train: _Number
    validation: _Number
    test: _Number
    image_shape: tuple[_Number, _Number, _Number]
    class_names: tuple[str, ...]
    fingerprint: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
