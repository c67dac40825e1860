"""From judged cases to causes: make a failure small, learn by experiment what it needs, say what it looks like.

A cause found by experiment explains all failing cases that meet its condition; what is left is examined in turn. Where
no experiments can be made (the process dies, the user wants an end, enough were made), statistics must do.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from conformance.checks import CHECKS, DEVIATIONS, Expectation, Observation, Reply, Verdict, judge
from conformance.checks.laws import again
from conformance.engine.conditions import SIZES, Condition, Features, Literal, features, literal
from conformance.engine.consequences import Imagined, has_what_it_needs
from conformance.engine.diagnosis import looks_like
from conformance.engine.events import CaseJudged, GroupFound
from conformance.engine.evidence import numbers_behind, outlines_behind
from conformance.engine.experiments import Trial
from conformance.engine.grouping import explain
from conformance.engine.minimise import minimise
from conformance.engine.needs import narrowed, options_needed, roomy
from conformance.engine.session import Modes, Session
from conformance.engine.trials import trials, tries
from conformance.errors import BrokenImplementationError
from conformance.generate.phases import Batch
from conformance.laws import LAWS, Plan
from conformance.reference import Precision
from conformance.spec import Case, clauses_for

SAMPLES = 6
"""Cases of a group that a diagnosis must explain."""

_COSTLY = ("crash", "timeout")
"""Outcomes that cost a restart for every experiment."""


@dataclass(frozen=True)
class Record:
    """A case with all its outcomes."""

    case: Case
    judged: CaseJudged

    @cached_property
    def features(self) -> Features:
        """What may matter about it."""
        return features(self.case, self.judged.mode)

    @property
    def weight(self) -> tuple[int, int, str]:
        """Small for cases with few unusual options and small sizes."""
        sizes = self.case.config.sizes
        volume = sizes.batch * sizes.timesteps * sizes.units * sizes.features
        return (len(self.case.config.non_default()), volume, self.judged.id)


@dataclass(frozen=True)
class Cause:
    """Failures of one check that look the same and share a condition.

    Attributes:
        looks_like: the mistake that explains them.
        also: laws that fail as a consequence: one of their further calls has what this cause needs, or the mistake that
            it looks like breaks them as well.
    """

    check: str
    when: tuple[Condition, ...]
    exact: bool
    failing: tuple[Record, ...]
    smallest: Case
    mode: str
    verdict: Verdict
    judged: int = 0
    looks_like: str | None = None
    also: tuple[str, ...] = ()


class Investigator:
    """Finds what is behind failures, by running more cases on the implementation.

    Args:
        name: the implementation's.
        session: the living implementation.
        held_to: type -> accuracy that it is held to.
        modes: how it can be called.
        stop: set when the user wants an end; then nothing more is run.
        experiments: about how many may be made; a cause that was begun is finished.
    """

    def __init__(
        self,
        name: str,
        session: Session,
        held_to: Mapping[str, Precision],
        modes: Modes,
        stop: threading.Event,
        experiments: int,
    ) -> None:
        self._name = name
        self._session = session
        self._held_to = held_to
        self._modes = modes
        self._stop = stop
        self._experiments_left = experiments

    def groups(self, records: Sequence[Record]) -> Iterator[GroupFound]:
        """One group for every cause, numbered from 1."""
        causes: list[Cause] = []
        for check in CHECKS:
            judged = [record for record in records if check in record.judged.outcomes]
            passing = [record for record in judged if record.judged.outcomes[check].outcome == "pass"]
            failing = [record for record in judged if record.judged.outcomes[check].outcome in DEVIATIONS]
            left = self._without_consequences(check, failing, causes)
            for cause in self._causes(check, left, passing):
                mistake = self._looks_like(cause)
                causes.append(replace(cause, judged=len(passing) + len(failing), looks_like=mistake))
        for number, cause in enumerate(causes, 1):
            yield self._group(number, cause)

    # ------------------------------------------------------------ causes

    def _without_consequences(self, check: str, failing: Sequence[Record], causes: list[Cause]) -> Sequence[Record]:
        """Failures of a law but for those that follow from an earlier cause; that cause is told so."""
        if check not in LAWS:
            return failing
        left: list[Record] = []
        for record in failing:
            place = next((it for it, cause in enumerate(causes) if _meets(check, record, cause)), None)
            if place is None:
                place = next((it for it, cause in enumerate(causes) if self._follows(check, record, cause)), None)
            if place is None:
                left.append(record)
            elif check not in causes[place].also:
                causes[place] = replace(causes[place], also=(*causes[place].also, check))
        return left

    def _follows(self, check: str, record: Record, cause: Cause) -> bool:
        """Whether the mistake that a cause looks like breaks a law as well, in the same way and with what came."""
        case, verdict = record.case, record.judged.outcomes[check]
        if cause.looks_like is None:
            return False
        plan = dict(trials(self._session.hello, case, (check,))).get(check)
        if not isinstance(plan, Plan):
            return False
        imagined = Imagined.of(cause.looks_like, check, case, plan, self._held_to[case.config.dtype])
        if imagined is None or not imagined.fails_as(verdict) or not self._can_experiment(verdict):
            return False
        single = Batch("pinned", case.config, (case,))
        seen = self.observe(single, record.judged.mode, thorough=False, laws=(check,))
        return any(imagined.is_what_came(check, it) for it in seen)

    def _causes(self, check: str, failing: Sequence[Record], passing: Sequence[Record]) -> list[Cause]:
        """The causes of one check's failures; a failure that meets a condition found before belongs to it."""
        causes: list[Cause] = []
        for alike in _alike(check, failing):
            name = again(check, alike[0].judged.outcomes[check])
            tried = self._tried(name, passing)
            left = [record for record in alike if not _absorbed(causes, name, record)]
            while left and self._can_experiment(left[0].judged.outcomes[check]):
                causes.append(self._examine(check, left, tried))
                left = [record for record in left if record not in causes[-1].failing]
            if left:
                causes += _by_statistics(check, left, tried)
        return causes

    def _tried(self, name: str, passing: Sequence[Record]) -> Sequence[Record]:
        """Those that passed what failed: of a law with several routes, each case has tried a few only."""
        return (
            [record for record in passing if tries(self._session.hello, name, record.case)] if "/" in name else passing
        )

    def _can_experiment(self, verdict: Verdict) -> bool:
        return not self._stop.is_set() and self._experiments_left > 0 and verdict.outcome not in _COSTLY

    def _examine(self, check: str, failing: Sequence[Record], passing: Sequence[Record]) -> Cause:
        """The cause of the smallest failing case: made small, then every option that is left varied on its own."""
        record = min(failing, key=lambda record: record.weight)
        verdict = record.judged.outcomes[check]
        trial = Trial(self.observe, check, verdict, record.judged.mode)
        if record.judged.mode != self._modes.first and trial.in_mode(self._modes.first).fails(record.case):
            trial = trial.in_mode(self._modes.first)  # costs no compilation
        if record.case.rejection is not None:
            case, small = record.case, verdict
            when: list[Condition] = [literal("rejection", (record.case.rejection,), ())]
            when += _mode_needed(when, failing, passing)
        else:
            case, small = minimise(record.case, verdict, trial.fails)
            base = roomy(case.config, record.case.config, trial.can_fail)
            when = [*options_needed(base, trial.can_fail)]
            when += _mode_needed(when, failing, passing)
            both = [[it.features for it in records if _hold(when, it)] for records in (failing, passing)]
            when = narrowed(when, base, record.features, both[0], both[1], trial)
        if not when and passing:  # neither options nor sizes decide; perhaps the kind of data does
            rules = explain([_sizeless(record) for record in failing], [_sizeless(record) for record in passing])
            when = [*next((rule.when for rule in rules if _hold(rule.when, record)), ())]
        explained = tuple(found for found in failing if found is record or _hold(when, found))
        exact = not any(_hold(when, passed) for passed in passing)
        return Cause(check, tuple(when), exact, explained, case, trial.mode, small)

    # ------------------------------------------------------------ groups

    def _group(self, number: int, cause: Cause) -> GroupFound:
        case, verdict = cause.smallest, cause.verdict
        if verdict.worst is not None and verdict.worst.first_step is None:
            verdict = replace(verdict, worst=replace(verdict.worst, first_step=self._first_step(cause)))
        observe = partial(self._observe, mode=cause.mode)
        return GroupFound(
            number=number,
            implementation=self._name,
            check=cause.check,
            clauses=tuple(clause.id for clause in clauses_for(cause.check, case.config, case.rejection)),
            outcome=verdict.outcome,
            when=tuple(it.text for it in cause.when),
            exact=cause.exact,
            cases=tuple(failing.judged.id for failing in cause.failing),
            judged=cause.judged,
            smallest=case.canonical(),
            smallest_id=case.id,
            message=verdict.message or "",
            worst=verdict.worst,
            looks_like=cause.looks_like,
            also=cause.also,
            evidence=numbers_behind(cause.check, cause.verdict, case, observe),
            returned=outlines_behind(cause.check, case, observe),
            cause=verdict.cause or "",
        )

    def _first_step(self, cause: Cause) -> int | None:
        """The first step that is wrong when the same layer shows its whole sequence."""
        case = cause.smallest
        if case.config.get("return_sequences") is not False:
            return None
        shown = replace(case, config=case.config.refitted(return_sequences=True))
        seen = self._observe(shown, cause.mode)
        verdict = None if seen is None else judge(seen).get(cause.check)
        return verdict.worst.first_step if verdict is not None and verdict.worst is not None else None

    def _looks_like(self, cause: Cause) -> str | None:
        if cause.check not in ("values", "order"):
            return None
        samples: list[tuple[Expectation, Reply]] = []
        sampled = _sampled(cause.failing)
        cases = [(cause.smallest, cause.mode), *((it.case, it.judged.mode) for it in sampled)]
        for case, mode in dict.fromkeys(cases):  # the smallest one costs least, and rules out most
            seen = self._observe(case, mode)
            if seen is not None and isinstance(seen.reply, Reply) and seen.expectation is not None:
                samples.append((seen.expectation, seen.reply))
        return looks_like(samples)

    # ------------------------------------------------------------ experiments

    def _observe(self, case: Case, mode: str) -> Observation | None:
        """A case run alone; None if the user wants an end or the worker is gone for good."""
        seen = self.observe(Batch("pinned", case.config, (case,)), mode, thorough=False)
        return seen[0] if seen else None

    def observe(self, batch: Batch, mode: str, *, thorough: bool, laws: Sequence[str] = ()) -> list[Observation]:
        """All cases of a batch on a fresh layer; none if the user wants an end or the worker is gone for good."""
        self._experiments_left -= 1
        if self._stop.is_set():
            return []
        try:
            return self._session.observe_batch(batch, self._held_to, mode, thorough=thorough, laws=laws)
        except BrokenImplementationError:
            self._stop.set()
            return []


def _sampled(failing: Sequence[Record]) -> list[Record]:
    """Some cases from simple to hard, and one with the most units: what is wrong in part of them is not so in all."""
    ordered = sorted(failing, key=lambda record: record.weight)
    widest = max(ordered, key=lambda record: record.case.config.sizes.units)
    return [*ordered[:: max(1, len(ordered) // SAMPLES)][:SAMPLES], widest]


def _sizeless(record: Record) -> Features:
    """What may matter about a case, without sizes: experiments have been made on those."""
    return {name: value for name, value in record.features.items() if name not in SIZES}


def _mode_needed(when: Sequence[Condition], failing: Sequence[Record], passing: Sequence[Record]) -> list[Literal]:
    """The way of calling, if all failures under a condition have one and some case passes in another."""
    modes = {record.judged.mode for record in failing if _hold(when, record)}
    others = {record.judged.mode for record in passing if _hold(when, record)} - modes
    return [literal("mode", tuple(modes), ())] if len(modes) == 1 and others else []


def _hold(when: Sequence[Condition], record: Record) -> bool:
    """Whether a case meets a condition."""
    return all(literal.holds(record.features) for literal in when)


def _meets(check: str, record: Record, cause: Cause) -> bool:
    """Whether a law fails for a reason that is known already: what an earlier cause does, or a further call has."""
    if cause.check in _foundations(check):
        return _hold(cause.when, record)
    if cause.check in LAWS or not cause.when:
        return False
    if CHECKS[cause.check].spreads and _hold(cause.when, record):
        return True
    return has_what_it_needs(check, record.case, record.judged.mode, cause.when)


def _foundations(law: str) -> Iterator[str]:
    """The laws without which a law cannot hold."""
    below = LAWS[law].rests_on
    while below is not None:
        yield below
        below = LAWS[below].rests_on


def _absorbed(causes: list[Cause], name: str, record: Record) -> bool:
    """Whether a failure meets the condition of a cause found before, of the same route; it is then counted there."""
    for index, cause in enumerate(causes):
        if cause.when and again(cause.check, cause.verdict) == name and _hold(cause.when, record):
            causes[index] = replace(cause, failing=(*cause.failing, record))
            return True
    return False


def _alike(check: str, failing: Sequence[Record]) -> Iterator[list[Record]]:
    """Failures with the same outcome and cause, together; the largest family first.

    A case of which several things are wrong is in several families, in each with what belongs there.
    """
    found: dict[tuple[str, str | None], list[Record]] = {}
    for record in failing:
        for part in record.judged.outcomes[check].parts:
            if part.outcome in DEVIATIONS:
                found.setdefault((part.outcome, part.cause), []).append(_only(record, check, part))
    yield from sorted(found.values(), key=len, reverse=True)


def _only(record: Record, check: str, verdict: Verdict) -> Record:
    """The record with one part of a verdict in the place of the whole."""
    if record.judged.outcomes[check] is verdict:
        return record
    return Record(record.case, replace(record.judged, outcomes={**record.judged.outcomes, check: verdict}))


def _by_statistics(check: str, failing: Sequence[Record], passing: Sequence[Record]) -> Iterator[Cause]:
    """Causes from what the cases have in common alone."""
    rules = explain([record.features for record in failing], [record.features for record in passing])
    for rule in rules:
        chosen = tuple(failing[index] for index in rule.failing)
        smallest = min(chosen, key=lambda record: record.weight)
        verdict = smallest.judged.outcomes[check]
        yield Cause(check, rule.when, rule.exact, chosen, smallest.case, smallest.judged.mode, verdict)
