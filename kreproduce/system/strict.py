"""The kind of object that settings and records are read into: strict, frozen, nothing unknown."""

import json
import math
from typing import Any

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A model that converts nothing, knows all its keys, and has finite numbers only."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


def from_json(content: bytes | str) -> Any:
    """Return the value of JSON of unknown origin.

    Python's own reader takes NaN, keeps the last of two equal keys without a word, and ends in a
    RecursionError when brackets are nested a thousand deep.

    Raises:
        ValueError: It is not JSON, a key stands twice in an object, a number is not finite or has
            thousands of digits, or it is nested too deeply.
    """
    try:
        return json.loads(
            content, object_pairs_hook=_once, parse_constant=_finite, parse_float=_finite
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise ValueError(f"the key {key[:60]!r} stands twice")
        values[key] = value
    return values


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:60]} is not a finite number")
    return number
