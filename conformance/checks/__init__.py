"""One function per property; a registry of them. No check knows an implementation."""

from conformance.checks.observation import (
    Built,
    Declared,
    Expectation,
    Followed,
    Lost,
    Observation,
    Recalled,
    Refusal,
    Reply,
    Unclaimed,
)
from conformance.checks.registry import CHECKS, Check, judge
from conformance.checks.verdict import DEVIATIONS, Also, Elements, Outcome, Verdict, Worst, joined

__all__ = [
    "CHECKS",
    "DEVIATIONS",
    "Also",
    "Built",
    "Check",
    "Declared",
    "Elements",
    "Expectation",
    "Followed",
    "Lost",
    "Observation",
    "Outcome",
    "Recalled",
    "Refusal",
    "Reply",
    "Unclaimed",
    "Verdict",
    "Worst",
    "joined",
    "judge",
]
