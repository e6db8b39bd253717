"""What the paper states and can be computed, recomputed and compared.

>>> from kreproduce.audit import audit
>>> sorted({check.verdict for check in audit()})
['equal', 'misprint', 'needs a qualification', 'wrong statement']
"""

from kreproduce.audit import cells, claims
from kreproduce.audit.check import Check, Verdict
from kreproduce.audit.limits import Limit, not_computed
from kreproduce.audit.report import checks_by_verdict, findings_by_kind, lines

__all__ = [
    "Check",
    "Limit",
    "Verdict",
    "audit",
    "checks_by_verdict",
    "findings_by_kind",
    "lines",
    "not_computed",
]


def audit() -> list[Check]:
    """Every check: the cells of Tables 1 to 8, then abstract and text, in the paper's order."""
    return [*cells.checks(), *claims.checks()]
