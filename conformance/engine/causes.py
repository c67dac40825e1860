"""From judged cases to causes: make a failure small, learn by experiment what it needs, say what it looks like.

A cause found by experiment explains all failing cases that meet its condition; what is left is examined in turn. Where
no experiments can be made (the process dies, the user wants an end, enough were made), statistics must do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from conformance.checks import CHECKS, DEVIATIONS, Expectation, Observation, Reply, Verdict, judge
from conformance.engine.diagnosis import looks_like
from conformance.engine.events import CaseJudged, GroupFound
from conformance.engine.grouping import Literal, explain, features, literal
from conformance.engine.minimise import minimise, with_option
from conformance.engine.session import Modes, Session
from conformance.errors import BrokenImplementationError, SpecError
from conformance.generate.phases import Batch
from conformance.reference import Precision
from conformance.spec import Case, LayerConfig, Value, clauses_for

EXAMINED = 12
"""Causes of one implementation that are examined by experiment."""

SAMPLES = 6
"""Cases of a group that a diagnosis must explain."""

_Fails = Callable[[Case], Verdict | None]

_COSTLY = ("crash", "timeout")
"""Outcomes that cost a restart for every experiment."""


@dataclass(frozen=True)
class Record:
    """A case with all its outcomes."""

    case: Case
    judged: CaseJudged

    @property
    def features(self) -> Mapping[str, Value]:
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
    """Failures of one check that look the same and share a condition."""

    check: str
    when: tuple[Literal, ...]
    exact: bool
    failing: tuple[Record, ...]
    smallest: Case
    mode: str
    verdict: Verdict


class Investigator:
    """Finds what is behind failures, by running more cases on the implementation.

    Args:
        name: the implementation's.
        session: the living implementation.
        held_to: type -> accuracy that it is held to.
        modes: how it can be called.
        stop: set when the user wants an end; then nothing more is run.
    """

    def __init__(
        self,
        name: str,
        session: Session,
        held_to: Mapping[str, Precision],
        modes: Modes,
        stop: threading.Event,
    ) -> None:
        self._name = name
        self._session = session
        self._held_to = held_to
        self._modes = modes
        self._stop = stop
        self._examined = 0

    def groups(self, records: Sequence[Record]) -> Iterator[GroupFound]:
        """One group for every cause, numbered from 1."""
        number = 0
        for check in CHECKS:
            judged = [record for record in records if check in record.judged.outcomes]
            passing = [record for record in judged if record.judged.outcomes[check].outcome == "pass"]
            failing = [record for record in judged if record.judged.outcomes[check].outcome in DEVIATIONS]
            for alike in _alike(check, failing):
                for cause in self._causes(check, alike, passing):
                    number += 1
                    yield self._group(number, cause, len(passing) + len(failing))

    # ------------------------------------------------------------ causes

    def _causes(self, check: str, failing: Sequence[Record], passing: Sequence[Record]) -> Iterator[Cause]:
        left = list(failing)
        while left and self._can_experiment(left[0].judged.outcomes[check]):
            cause = self._examine(check, left, passing)
            yield cause
            left = [record for record in left if record not in cause.failing]
        if left:
            yield from _by_statistics(check, left, passing)

    def _can_experiment(self, verdict: Verdict) -> bool:
        return not self._stop.is_set() and self._examined < EXAMINED and verdict.outcome not in _COSTLY

    def _examine(self, check: str, failing: Sequence[Record], passing: Sequence[Record]) -> Cause:
        """The cause of the smallest failing case: made small, then every option that is left varied on its own."""
        self._examined += 1
        record = min(failing, key=lambda record: record.weight)
        verdict, mode = record.judged.outcomes[check], record.judged.mode

        def fails(case: Case, how: str = mode) -> Verdict | None:
            found = self._run(case, how).get(check)
            same = found is not None and (found.outcome, found.cause) == (verdict.outcome, verdict.cause)
            return found if same else None

        case, small = (record.case, verdict) if record.case.rejection else minimise(record.case, verdict, fails)
        when = [*self._needed_layers(case, fails), *self._needed_values(case, fails)]
        if record.case.rejection:
            when.append(literal("rejection", (record.case.rejection,), ()))
        other = self._modes.first if mode != self._modes.first else self._modes.later
        if other != mode and fails(case, other) is None:
            when.append(literal("mode", (mode,), ()))
        explained = tuple(found for found in failing if all(it.holds(found.features) for it in when))
        if record not in explained:
            explained = (*explained, record)
        exact = not any(all(it.holds(passed.features) for it in when) for passed in passing)
        return Cause(check, tuple(when), exact, explained, case, mode, small)

    def _needed_layers(self, case: Case, fails: _Fails) -> Iterator[Literal]:
        """The layers on which the case fails, unless it fails on all of them."""
        rules = case.config.rules
        failing = [case.config.layer]
        for layer in rules.layers:
            other = _on_layer(case, layer)
            if layer != case.config.layer and other is not None and fails(other) is not None:
                failing.append(layer)
        if len(failing) < len(rules.layers):
            yield literal("layer", [layer for layer in rules.layers if layer in failing], tuple(rules.layers))

    def _needed_values(self, case: Case, fails: _Fails) -> Iterator[Literal]:
        """For every unusual option: the values with which the case fails."""
        for name, value in case.config.non_default().items():
            option = case.config.rules.options[name]
            failing = [
                other
                for other in option.values
                if other == value
                or (other != option.default and fails(replace(case, config=with_option(case.config, name, other))))
            ]
            yield literal(name, failing, option.values)

    # ------------------------------------------------------------ groups

    def _group(self, number: int, cause: Cause, judged: int) -> GroupFound:
        case, verdict = cause.smallest, cause.verdict
        if verdict.worst is not None and verdict.worst.first_step is None:
            verdict = replace(verdict, worst=replace(verdict.worst, first_step=self._first_step(cause)))
        return GroupFound(
            number=number,
            implementation=self._name,
            check=cause.check,
            clauses=tuple(clause.id for clause in clauses_for(cause.check, case.config, case.rejection)),
            outcome=verdict.outcome,
            when=tuple(it.text for it in cause.when),
            exact=cause.exact,
            cases=tuple(failing.judged.id for failing in cause.failing),
            judged=judged,
            smallest=case.canonical(),
            smallest_id=case.id,
            message=verdict.message or "",
            worst=verdict.worst,
            looks_like=self._looks_like(cause),
        )

    def _first_step(self, cause: Cause) -> int | None:
        """The first step that is wrong when the same layer shows its whole sequence."""
        case = cause.smallest
        if case.config.get("return_sequences") is not False:
            return None
        shown = replace(case, config=with_option(case.config, "return_sequences", value=True))
        verdict = self._run(shown, cause.mode).get(cause.check)
        return verdict.worst.first_step if verdict is not None and verdict.worst is not None else None

    def _looks_like(self, cause: Cause) -> str | None:
        if cause.check not in ("values", "order"):
            return None
        samples: list[tuple[Expectation, Reply]] = []
        ordered = sorted(cause.failing, key=lambda record: record.weight)
        for record in ordered[:: max(1, len(ordered) // SAMPLES)][:SAMPLES]:
            seen = self._observe(record.case, record.judged.mode)
            if seen is not None and isinstance(seen.reply, Reply) and seen.expectation is not None:
                samples.append((seen.expectation, seen.reply))
        return looks_like(samples)

    # ------------------------------------------------------------ experiments

    def _run(self, case: Case, mode: str) -> Mapping[str, Verdict]:
        seen = self._observe(case, mode)
        return {} if seen is None else judge(seen)

    def _observe(self, case: Case, mode: str) -> Observation | None:
        """A case run alone; None if the user wants an end or the worker is gone for good."""
        if self._stop.is_set():
            return None
        try:
            return self._session.observe_alone(Batch("pinned", case.config, (case,)), self._held_to, mode)
        except BrokenImplementationError:
            self._stop.set()
            return None


def _alike(check: str, failing: Sequence[Record]) -> Iterator[list[Record]]:
    """Failures with the same outcome and cause, together."""
    found: dict[tuple[str, str | None], list[Record]] = {}
    for record in failing:
        verdict = record.judged.outcomes[check]
        found.setdefault((verdict.outcome, verdict.cause), []).append(record)
    yield from found.values()


def _by_statistics(check: str, failing: Sequence[Record], passing: Sequence[Record]) -> Iterator[Cause]:
    """Causes from what the cases have in common alone."""
    rules = explain([record.features for record in failing], [record.features for record in passing])
    for rule in rules:
        chosen = tuple(failing[index] for index in rule.failing)
        smallest = min(chosen, key=lambda record: record.weight)
        verdict = smallest.judged.outcomes[check]
        yield Cause(check, rule.when, rule.exact, chosen, smallest.case, smallest.judged.mode, verdict)


def _on_layer(case: Case, layer: str) -> Case | None:
    """The same case on another layer, as far as that has the options; None if it cannot be."""
    config = case.config
    options = {
        name: value
        for name, value in config.options.items()
        if config.rules.options[name].exists(layer, config.options)
    }
    try:
        return replace(case, config=LayerConfig.of(config.dialect, layer, options, config.sizes))
    except SpecError:
        return None
