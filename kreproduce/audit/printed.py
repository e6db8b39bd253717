"""The claims that rest on accuracies without a published raw run: no L, ReLU, one of the flips.

They hold the text against the tables' print, and recompute no accuracy.
"""

from decimal import Decimal

from kreproduce.audit.compare import above, accuracies, below, falls
from kreproduce.audit.numbers import Recomputed, Value, always, truth
from kreproduce.audit.rows import accuracy


def _gains(other: str) -> dict[int, Decimal]:
    """By Ch, what the whole V2 has above its `other` form in Table 5, in points."""
    chs = (4, 8, 16, 32)
    return {ch: accuracy(5, f"V2 {ch}ch") - accuracy(5, f"V2 {ch}ch {other}") for ch in chs}


def _gains_fall(other: str) -> Value:
    return truth(falls(_gains(other).values()))


def _all_gain(other: str) -> Value:
    return always([gain > 0 for gain in _gains(other).values()])


RECOMPUTED: dict[str, Recomputed] = {
    "layer-l-helps": lambda: _all_gain("no L"),
    "flip-accuracy": lambda: accuracies(4, "V2 32ch + H Flip"),
    "no-l-4ch": lambda: above(_gains("no L")[4], "5"),
    "no-l-32ch": lambda: below(_gains("no L")[32], "0.5"),
    "no-l-falls": lambda: _gains_fall("no L"),
    "swish-better": lambda: _all_gain("ReLU"),
    "swish-falls": lambda: _gains_fall("ReLU"),
    "swish-least": lambda: Value(f"{min(_gains('ReLU'), key=_gains('ReLU').__getitem__)}ch"),
    "swish-gain": lambda: above(min(_gains("ReLU").values()), "1.5"),
    "swish-gain-32ch": lambda: above(_gains("ReLU")[32], "1.5"),
}
