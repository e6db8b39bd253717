"""What the paper prints (Entropy 2022, 24, 1264), what is wrong in it, its raw runs, its images.

Nothing here is counted or measured by this project; `data/README.md` names the sources.
"""

from kreproduce.paper.authors import AuthorRun, authors_run, raw_accuracy, runs
from kreproduce.paper.findings import (
    Erratum,
    Finding,
    FindingKind,
    errata,
    erratum,
    finding,
    findings,
    right,
)
from kreproduce.paper.images import IMAGES, Images, Sizes
from kreproduce.paper.tables import (
    TRAINED,
    Activation,
    Claim,
    GroupingRow,
    Row,
    SizeRow,
    Variant,
    claims,
    grouping_rows,
    published,
    rows,
    size_rows,
)
from kreproduce.paper.trained_claims import Kind, TrainedClaim, trained_claims

__all__ = [
    "IMAGES",
    "TRAINED",
    "Activation",
    "AuthorRun",
    "Claim",
    "Erratum",
    "Finding",
    "FindingKind",
    "GroupingRow",
    "Images",
    "Kind",
    "Row",
    "SizeRow",
    "Sizes",
    "TrainedClaim",
    "Variant",
    "authors_run",
    "claims",
    "errata",
    "erratum",
    "finding",
    "findings",
    "grouping_rows",
    "published",
    "raw_accuracy",
    "right",
    "rows",
    "runs",
    "size_rows",
    "trained_claims",
]
