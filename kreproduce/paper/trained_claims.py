"""The paper's claims about accuracy, which only trained networks can decide.

They were written down, with what decides each, before any run of this project was looked at.
"""

from dataclasses import dataclass
from typing import Literal

from kreproduce.paper.files import load

Kind = Literal["difference", "falls", "not_worse", "trend", "steps"]


@dataclass(frozen=True)
class TrainedClaim:
    """A claim, and the comparison of test accuracies that decides it.

    Attributes:
        code: a stable name, C01 and on.
        section: of the paper.
        claim: what is claimed, in short.
        dataset: on which.
        epochs: of the paper's protocol whose runs it is about; reduced protocols have their own.
        kind: "difference", `rows` are more accurate than `against`, on average over the pairs;
            "falls", the difference of the first pair is greater than that of the last;
            "not_worse", `rows` are less than `margin` below `against`, on average over the pairs;
            "trend", the accuracy rises along `rows`; "steps", from each of them to the next.
        rows: networks by the label of their row, say "V2 32ch + H Flip".
        against: the networks they are compared with, one each; none for "trend" and "steps".
        margin: in points of accuracy; 0 where the kind has none.
    """

    code: str
    section: str
    claim: str
    dataset: str
    epochs: int
    kind: Kind
    rows: tuple[str, ...]
    against: tuple[str, ...]
    margin: float

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Each of `rows` with the one it is compared with."""
        return tuple(zip(self.rows, self.against, strict=True)) if self.against else ()


def trained_claims() -> tuple[TrainedClaim, ...]:
    """All of them, in the order of their codes."""
    return load(TrainedClaim, "trained_claims.csv")
