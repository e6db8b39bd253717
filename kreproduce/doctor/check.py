"""What one check finds, in the words of the report."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from kreproduce.text import printable

State = Literal["ok", "warning", "fault", "not applicable"]
Value = str | int | float | bool | None

_LONGEST = 1500  # characters


@dataclass(frozen=True)
class Check:
    """What one check finds.

    Attributes:
        name: what was looked at, in a word or two.
        state: "fault" for what keeps a run from its end or has it compute elsewhere than it
            should; "warning" for what a user should know; "not applicable" where there is nothing
            to look at.
        found: one sentence, without a full stop.
        remedy: what to do, as "run `…`"; empty where there is nothing to do, or where `found`
            says it.
        values: what was found, for machines; lengths in bytes, times in seconds.
    """

    name: str
    state: State
    found: str
    remedy: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What was found and what to do."""
        return printable("; ".join(filter(None, (self.found, self.remedy))), _LONGEST)

    def line(self, width: int) -> str:
        """One line of the report, the name padded to `width`."""
        return f"{self.name:{width}}  {self.state}: {self.sentence}"

    def as_json(self) -> dict[str, Any]:
        """Return the attributes, as JSON has them."""
        return asdict(self) | {"values": dict(self.values)}
