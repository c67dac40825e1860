"""Two results files side by side: which implementation, and which case, belongs to which. Never by totals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.engine.events import DEVIATIONS, CaseJudged, Outcome, Verdict
from conformance.errors import ResultsError
from conformance.results.read import Results

Match = tuple[str, str]
"""Names of an implementation before and after."""

SILENT: tuple[Outcome, ...] = ("unsupported", "not run")
"""Outcomes that say nothing about an implementation."""


@dataclass(frozen=True)
class Both:
    """One check on one case, before and after.

    Attributes:
        check: its name.
        before, after: the case with all its outcomes.
        was, now: the verdicts of the check; None where it was not made.
    """

    check: str
    before: CaseJudged
    after: CaseJudged
    was: Verdict | None
    now: Verdict | None

    @property
    def id(self) -> str:
        """Identity of the case."""
        return self.before.id

    @property
    def case(self) -> Mapping[str, Any]:
        """Canonical form of the case."""
        return self.before.case

    @property
    def verdicts(self) -> tuple[Verdict, Verdict] | None:
        """Both verdicts, if both say something about the implementation."""
        if self.was is None or self.now is None or {self.was.outcome, self.now.outcome} & set(SILENT):
            return None
        return self.was, self.now


@dataclass(frozen=True)
class Aligned:
    """The cases of one implementation in two files.

    Attributes:
        common: cases that are in both, before and after, in the order of the file before.
        only_before, only_after: the others.
    """

    common: tuple[tuple[CaseJudged, CaseJudged], ...]
    only_before: tuple[CaseJudged, ...]
    only_after: tuple[CaseJudged, ...]

    def checks(self) -> Iterator[Both]:
        """Every check on every common case."""
        for before, after in self.common:
            for check in dict.fromkeys((*before.outcomes, *after.outcomes)):
                yield Both(check, before, after, before.outcomes.get(check), after.outcomes.get(check))


def aligned(before: Results, after: Results, match: Match) -> Aligned:
    """The cases of one implementation, by their identity."""
    old, new = _cases(before, match[0]), _cases(after, match[1])
    return Aligned(
        common=tuple((record, new[name]) for name, record in old.items() if name in new),
        only_before=tuple(record for name, record in old.items() if name not in new),
        only_after=tuple(record for name, record in new.items() if name not in old),
    )


def _cases(results: Results, name: str) -> dict[str, CaseJudged]:
    """Id -> the case; one that was run several times counts as it was when it deviated, if it ever did."""
    found: dict[str, CaseJudged] = {}
    for record in results.cases:
        if record.implementation == name and (record.id not in found or _deviates(record)):
            found[record.id] = record
    return found


def _deviates(record: CaseJudged) -> bool:
    return any(verdict.outcome in DEVIATIONS for verdict in record.outcomes.values())


def matches(before: Results, after: Results, wanted: Sequence[str] = ()) -> tuple[Match, ...]:
    """The implementations to compare.

    Args:
        before: one run.
        after: another one.
        wanted: `BEFORE=AFTER`, names in the two runs; if there are any, only these are compared. Without them, equal
            names belong together, and where each run has but one implementation, these two do.

    Raises:
        ResultsError: a name is in neither run, or nothing belongs together.
    """
    if wanted:
        return tuple(_told(text, before.names, after.names) for text in wanted)
    same = tuple((name, name) for name in before.names if name in after.names)
    if same:
        return same
    if len(before.names) == len(after.names) == 1:
        return ((before.names[0], after.names[0]),)
    raise ResultsError(
        f"no implementation is in both files: before has {_listed(before.names)}, after has {_listed(after.names)}; "
        "name two with --match BEFORE=AFTER"
    )


def _told(text: str, before: Sequence[str], after: Sequence[str]) -> Match:
    """The two names of `BEFORE=AFTER`; names may have a `=` in them."""
    cuts = [(text[:at], text[at + 1 :]) for at, character in enumerate(text) if character == "="]
    found = [(old, new) for old, new in cuts if old in before and new in after]
    if len(found) != 1:
        raise ResultsError(
            f"--match {text}: write BEFORE=AFTER; before has {_listed(before)}, after has {_listed(after)}"
        )
    return found[0]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
