"""One function per property; a registry of them. No check knows an implementation."""

from conformance.checks.observation import Built, Expectation, Lost, Observation, Recalled, Refusal, Reply
from conformance.checks.registry import CHECKS, Check, judge
from conformance.checks.verdict import DEVIATIONS, Elements, Outcome, Verdict, Worst

__all__ = [
    "CHECKS",
    "DEVIATIONS",
    "Built",
    "Check",
    "Elements",
    "Expectation",
    "Lost",
    "Observation",
    "Outcome",
    "Recalled",
    "Refusal",
    "Reply",
    "Verdict",
    "Worst",
    "judge",
]
