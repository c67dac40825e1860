"""From judged cases to causes: group what fails together, find when, make it small, say what it looks like."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from conformance.checks import CHECKS, Expectation, Reply, judge
from conformance.engine.diagnosis import looks_like
from conformance.engine.events import DEVIATIONS, CaseJudged, GroupFound, Verdict
from conformance.engine.grouping import explain, features
from conformance.engine.minimise import minimise
from conformance.engine.session import Session
from conformance.errors import BrokenImplementationError
from conformance.generate.phases import Batch
from conformance.reference import Precision
from conformance.spec import Case

MINIMISED = 12
"""Groups of one implementation that are made small; beyond that the smallest case that was met is shown."""

SAMPLES = 6
"""Cases of a group that a diagnosis must explain."""

_COSTLY = ("crash", "timeout")
"""Outcomes that cost a restart each: their cases are not made small."""


@dataclass(frozen=True)
class Record:
    """A case with all its outcomes."""

    case: Case
    judged: CaseJudged


@dataclass(frozen=True)
class Cause:
    """Failures of one check that look the same and share a condition."""

    check: str
    when: tuple[str, ...]
    exact: bool
    failing: tuple[Record, ...]
    judged: int

    @property
    def smallest(self) -> Record:
        """The failing case with the fewest unusual options and the smallest sizes."""
        return min(self.failing, key=_weight)

    def verdict(self, record: Record) -> Verdict:
        """The verdict of this cause's check."""
        return record.judged.outcomes[self.check]


def _weight(record: Record) -> tuple[int, int, str]:
    config = record.case.config
    sizes = config.sizes
    return (len(config.non_default()), sizes.batch * sizes.timesteps * sizes.units * sizes.features, record.judged.id)


def find_causes(records: Sequence[Record]) -> Iterator[Cause]:
    """The causes of all failures, check by check; needs no worker."""
    for check in CHECKS:
        judged = [record for record in records if check in record.judged.outcomes]
        passing = [record for record in judged if record.judged.outcomes[check].outcome == "pass"]
        failing: dict[str, list[Record]] = {}
        for record in judged:
            verdict = record.judged.outcomes[check]
            if verdict.outcome in DEVIATIONS:
                failing.setdefault(f"{verdict.outcome} {verdict.cause}", []).append(record)
        for alike in failing.values():
            for rule in explain([_features(record) for record in alike], [_features(record) for record in passing]):
                chosen = tuple(alike[index] for index in rule.failing)
                yield Cause(check, rule.when, rule.exact, chosen, len(passing) + sum(map(len, failing.values())))


def _features(record: Record) -> Mapping[str, bool | int | str]:
    return features(record.case, record.judged.mode)


class Investigator:
    """Finds what is behind a cause, by running more cases on the implementation.

    Args:
        name: the implementation's.
        session: the living implementation.
        held_to: type -> accuracy that it is held to.
        stop: set when the user wants an end; then nothing more is run.
    """

    def __init__(
        self, name: str, session: Session, held_to: Mapping[str, Precision], stop: threading.Event
    ) -> None:
        self._name = name
        self._session = session
        self._held_to = held_to
        self._stop = stop
        self._minimised = 0

    def groups(self, records: Sequence[Record]) -> Iterator[GroupFound]:
        """One group for every cause, numbered from 1."""
        for number, cause in enumerate(find_causes(records), start=1):
            yield self._group(number, cause)

    def _group(self, number: int, cause: Cause) -> GroupFound:
        record = cause.smallest
        verdict = cause.verdict(record)
        case, verdict = self._minimise(cause, record, verdict)
        if verdict.worst is not None and verdict.worst.first_step is None:
            verdict = replace(verdict, worst=replace(verdict.worst, first_step=self._first_step(case, record, cause)))
        return GroupFound(
            number=number,
            implementation=self._name,
            check=cause.check,
            clauses=CHECKS[cause.check].clauses,
            outcome=verdict.outcome,
            when=cause.when,
            exact=cause.exact,
            cases=tuple(failing.judged.id for failing in cause.failing),
            judged=cause.judged,
            smallest=case.canonical(),
            smallest_id=case.id,
            message=verdict.message or "",
            worst=verdict.worst,
            looks_like=self._looks_like(cause),
        )

    def _minimise(self, cause: Cause, record: Record, verdict: Verdict) -> tuple[Case, Verdict]:
        if verdict.outcome in _COSTLY or self._minimised >= MINIMISED or record.case.rejection is not None:
            return record.case, verdict
        self._minimised += 1

        def fails(case: Case) -> Verdict | None:
            found = self._run(case, record.judged.mode).get(cause.check)
            same = found is not None and found.outcome == verdict.outcome and found.cause == verdict.cause
            return found if same else None

        return minimise(record.case, verdict, fails)

    def _run(self, case: Case, mode: str) -> Mapping[str, Verdict]:
        """The verdicts on a case run alone; none if the user wants an end or the worker is gone for good."""
        if self._stop.is_set():
            return {}
        try:
            return judge(self._session.observe_alone(_single(case), self._held_to, mode))
        except BrokenImplementationError:
            self._stop.set()
            return {}

    def _first_step(self, case: Case, record: Record, cause: Cause) -> int | None:
        """The first step that is wrong when the same layer shows its whole sequence."""
        if case.config.get("return_sequences") is not False:
            return None
        shown = replace(case, config=case.config.with_options(return_sequences=True))
        verdict = self._run(shown, record.judged.mode).get(cause.check)
        return verdict.worst.first_step if verdict is not None and verdict.worst is not None else None

    def _looks_like(self, cause: Cause) -> str | None:
        if cause.check not in ("values", "order"):
            return None
        samples: list[tuple[Expectation, Reply]] = []
        for record in sorted(cause.failing, key=_weight)[:: max(1, len(cause.failing) // SAMPLES)][:SAMPLES]:
            if self._stop.is_set():
                return None
            seen = self._session.observe_alone(_single(record.case), self._held_to, record.judged.mode)
            if isinstance(seen.reply, Reply) and seen.expectation is not None:
                samples.append((seen.expectation, seen.reply))
        return looks_like(samples)


def _single(case: Case) -> Batch:
    return Batch("pinned", case.config, (case,))
