"""One function per property; a registry of them. No check knows an implementation."""

from conformance.checks.observation import Built, Expectation, Lost, Observation, Recalled, Refusal, Reply
from conformance.checks.registry import CHECKS, Check, judge

__all__ = [
    "CHECKS",
    "Built",
    "Check",
    "Expectation",
    "Lost",
    "Observation",
    "Recalled",
    "Refusal",
    "Reply",
    "judge",
]
