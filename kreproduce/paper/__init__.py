"""What the paper prints (Entropy 2022, 24, 1264), what is wrong in it, its raw runs, its images.

Nothing here is counted or measured by this project; `data/README.md` names the sources.
"""

from kreproduce.paper.authors import AuthorRun, authors_run, runs
from kreproduce.paper.images import IMAGES, Images, Sizes
from kreproduce.paper.tables import (
    TRAINED,
    Activation,
    Claim,
    Erratum,
    GroupingRow,
    Row,
    SizeRow,
    TextErratum,
    Variant,
    claims,
    errata,
    erratum,
    grouping_rows,
    published,
    right,
    rows,
    size_rows,
    text_errata,
)
from kreproduce.paper.trained_claims import Kind, TrainedClaim, trained_claims

__all__ = [
    "IMAGES",
    "TRAINED",
    "Activation",
    "AuthorRun",
    "Claim",
    "Erratum",
    "GroupingRow",
    "Images",
    "Kind",
    "Row",
    "SizeRow",
    "Sizes",
    "TextErratum",
    "TrainedClaim",
    "Variant",
    "authors_run",
    "claims",
    "errata",
    "erratum",
    "grouping_rows",
    "published",
    "right",
    "rows",
    "runs",
    "size_rows",
    "text_errata",
    "trained_claims",
]
