"""Counting outcomes. Every number in a report is a tally of cases, and its denominator is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.engine.events import DEVIATIONS, Instead, Outcome
from conformance.report.vocabulary import OUTCOMES, SEVERITY
from conformance.results import Results

JUDGED: tuple[Outcome, ...] = (*DEVIATIONS, "known", "fixed", "pass")
"""The outcomes of cases to which the specification applies; they are the denominator."""


@dataclass(frozen=True)
class Tally:
    """How many cases had which outcome."""

    counts: Mapping[Outcome, int] = field(default_factory=dict)

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> Tally:
        """The tally of outcomes, the most severe first."""
        counts = Counter(outcomes)
        return cls({outcome: counts[outcome] for outcome in OUTCOMES if counts[outcome]})

    @property
    def total(self) -> int:
        """All cases."""
        return sum(self.counts.values())

    @property
    def judged(self) -> int:
        """Cases to which the specification applied."""
        return sum(self.counts.get(outcome, 0) for outcome in JUDGED)

    @property
    def deviating(self) -> int:
        """Cases that contradict the specification without being declared."""
        return sum(self.counts.get(outcome, 0) for outcome in DEVIATIONS)

    @property
    def outcome(self) -> Outcome | None:
        """The most severe outcome; None if there are no cases."""
        return next(iter(self.counts), None)

    @property
    def words(self) -> str:
        """`3 fail, 212 pass`."""
        return ", ".join(f"{number:,} {outcome}" for outcome, number in self.counts.items())


@dataclass(frozen=True)
class Judged:
    """What one implementation did with one case.

    Attributes:
        id, case, phase: the case.
        outcomes: check -> its most severe outcome over all modes of calling.
        instead: what it was run in the place of, if it was.
    """

    id: str
    case: Mapping[str, Any]
    phase: str
    outcomes: dict[str, Outcome]
    instead: Instead | None = None

    @property
    def outcome(self) -> Outcome:
        """The most severe outcome of all checks."""
        return worst_of(self.outcomes.values())

    @property
    def judged(self) -> bool:
        """Whether any check judged it."""
        return self.outcome in JUDGED

    @property
    def options(self) -> dict[str, Any]:
        """Layer and options, by name."""
        config = self.case["config"]
        return {"layer": config["layer"], **config["options"]}

    @property
    def rejection(self) -> str | None:
        """What is wrong with the case, if it must be refused."""
        return self.case.get("rejection")


def worst_of(outcomes: Iterable[Outcome]) -> Outcome:
    """The most severe of some outcomes; `not run` of none."""
    return min(outcomes, key=SEVERITY.__getitem__, default="not run")


def cases_of(results: Results) -> dict[str, tuple[Judged, ...]]:
    """Implementation -> its cases, each once, in the order of the run. Implementations without cases are there too."""
    found: dict[str, dict[str, Judged]] = {name: {} for name in results.names}
    for record in results.cases:
        cases = found[record.implementation]
        known = cases.setdefault(record.id, Judged(record.id, record.case, record.phase, {}, record.instead))
        for check, verdict in record.outcomes.items():
            known.outcomes[check] = worst_of((known.outcomes.get(check, verdict.outcome), verdict.outcome))
    return {name: tuple(cases.values()) for name, cases in found.items()}


def settings_of(case: Mapping[str, Any]) -> dict[str, str]:
    """Layer, options, sizes, dialect and what is wrong with the case, as text."""
    config = case["config"]
    found = {"layer": config["layer"], **config["options"], **config["sizes"], "dialect": config["dialect"]}
    if case.get("rejection"):
        found["rejection"] = case["rejection"]
    return {name: str(value) for name, value in found.items()}
