"""Laws: what must hold between the results of several calls, whatever the right values are.

A law says which further calls belong to a case, and what must hold between their results and the case's own. It is
data: nothing here calls an implementation or judges a number.
"""

from conformance.laws.law import FEATURES, WAYS, Call, Law, Manner, Plan, Subject, Way
from conformance.laws.registry import LAWS, laws_for
from conformance.laws.relations import (
    Constraint,
    Curved,
    Descended,
    Differentiated,
    Dropped,
    Handed,
    Index,
    Judged,
    Part,
    Penalised,
    Penalty,
    Poisoned,
    Quantized,
    Relation,
    Same,
    SameMasks,
    Site,
    Started,
    Unlike,
)

__all__ = [
    "FEATURES",
    "LAWS",
    "WAYS",
    "Call",
    "Constraint",
    "Curved",
    "Descended",
    "Differentiated",
    "Dropped",
    "Handed",
    "Index",
    "Judged",
    "Law",
    "Manner",
    "Part",
    "Penalised",
    "Penalty",
    "Plan",
    "Poisoned",
    "Quantized",
    "Relation",
    "Same",
    "SameMasks",
    "Site",
    "Started",
    "Subject",
    "Unlike",
    "Way",
    "laws_for",
]
