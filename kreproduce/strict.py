"""The kind of object that settings and records are read into: strict, frozen, nothing unknown."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A model that converts nothing, knows all its keys, and has finite numbers only."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)
