"""The method on twelve families of Keras' own: `make families` writes docs/families.md."""

import sys
from collections.abc import Iterator

import keras

from kreproduce.network.any_model import sources
from kreproduce.network.any_model.check import Check, check_grouped
from kreproduce.network.any_model.group import grouping_report

FAMILIES = {
    "MobileNet": 32,
    "MobileNetV2": 32,
    "MobileNetV3Small": 32,
    "MobileNetV3Large": 32,
    "EfficientNetB0": 32,
    "EfficientNetV2B0": 32,
    "DenseNet121": 32,
    "InceptionV3": 75,
    "ResNet50V2": 32,
    "Xception": 71,
    "ConvNeXtTiny": 32,
    "NASNetMobile": 32,
}
"""Each with the pixels of a side of its input, small ones that it takes."""

NUMBERS = (8, 16, 32)
CLASSES = 10

_HEAD = """# Twelve families, grouped

What `group_pointwise` makes of twelve networks of `keras.applications` with {classes} classes, by
the paper's rule for V2. Written by `make families`, which also runs `check_grouped` on each: the
file loads in plain Keras, all lowerings give the same, and so on
([any-network.md](any-network.md)); what does not hold is named in the last column. How well the
networks then learn was not measured.

| Network | Pixels | Ch | Pointwise layers grouped | Parameters | Kept | Computations | Checks |
|---|---|---|---|---|---|---|---|
"""


def rows(names: tuple[str, ...] = tuple(FAMILIES)) -> Iterator[str]:
    """Yield a row of the table for each network and Ch."""
    for name in names:
        model = network(name)
        for ch in NUMBERS:
            yield f"{counted(model, name, ch)} {_outcome(check_grouped(model, ch=ch))} |"


def _outcome(checks: list[Check]) -> str:
    failed = [check.name for check in checks if not check.passed]
    passed = f"{len(checks) - len(failed)} of {len(checks)}"
    return f"{passed}, not: {', '.join(failed)}" if failed else passed


def network(name: str) -> keras.Model:
    """Return a family's network, as it is before it is grouped."""
    return sources.find(f"{sources.PREFIX}{name}", CLASSES, FAMILIES[name])


def counted(model: keras.Model, name: str, ch: int) -> str:
    """Return a row but for its last cell, the checks."""
    report = grouping_report(model, ch=ch)
    (before, after), computations = report.parameters, report.computations
    assert computations is not None
    return (
        f"| {name} | {FAMILIES[name]} | {ch} | {len(report.grouped)} of {len(report.layers)} "
        f"| {before:,} => {after:,} | {after / before:.1%} "
        f"| {computations[0]:,} => {computations[1]:,} |"
    )


def main() -> None:
    """Print the page."""
    sys.stdout.write(_HEAD.format(classes=CLASSES))
    for row in rows():
        print(row, flush=True)


if __name__ == "__main__":
    main()
