"""From judged cases to causes: make a failure small, learn by experiment what it needs, say what it looks like.

A cause found by experiment explains all failing cases that meet its condition; what is left is examined in turn. Where
no experiments can be made (the process dies, the user wants an end, enough were made), statistics must do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from conformance.checks import CHECKS, DEVIATIONS, Expectation, Observation, Reply, Verdict, judge
from conformance.checks.registry import applicable
from conformance.engine.diagnosis import looks_like
from conformance.engine.events import CaseJudged, GroupFound
from conformance.engine.grouping import Literal, explain, features, literal
from conformance.engine.minimise import minimise, with_option
from conformance.engine.session import Modes, Session
from conformance.errors import BrokenImplementationError, SpecError
from conformance.generate.bits import derive
from conformance.generate.phases import Batch, accompanied, batch
from conformance.generate.strategies import fitted
from conformance.reference import Precision
from conformance.spec import Case, LayerConfig, Sizes, Value, clauses_for

SAMPLES = 6
"""Cases of a group that a diagnosis must explain."""

DRAWS = 6
"""Draws of data before a configuration counts as not failing."""

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
        number = 0
        for check in CHECKS:
            judged = [record for record in records if check in record.judged.outcomes]
            passing = [record for record in judged if record.judged.outcomes[check].outcome == "pass"]
            failing = [record for record in judged if record.judged.outcomes[check].outcome in DEVIATIONS]
            for cause in self._causes(check, failing, passing):
                number += 1
                yield self._group(number, cause, len(passing) + len(failing))

    # ------------------------------------------------------------ causes

    def _causes(self, check: str, failing: Sequence[Record], passing: Sequence[Record]) -> list[Cause]:
        """The causes of one check's failures; a failure that meets a condition found before belongs to it."""
        causes: list[Cause] = []
        for alike in _alike(check, failing):
            left = [record for record in alike if not _absorbed(causes, record)]
            while left and self._can_experiment(left[0].judged.outcomes[check]):
                causes.append(self._examine(check, left, passing))
                left = [record for record in left if record not in causes[-1].failing]
            if left:
                causes += _by_statistics(check, left, passing)
        return causes

    def _can_experiment(self, verdict: Verdict) -> bool:
        return not self._stop.is_set() and self._experiments_left > 0 and verdict.outcome not in _COSTLY

    def _examine(self, check: str, failing: Sequence[Record], passing: Sequence[Record]) -> Cause:
        """The cause of the smallest failing case: made small, then every option that is left varied on its own."""
        record = min(failing, key=lambda record: record.weight)
        verdict = record.judged.outcomes[check]
        trial = _Trial(self, check, verdict, record.judged.mode)
        if record.judged.mode != self._modes.first and trial.in_mode(self._modes.first).fails(record.case):
            trial = trial.in_mode(self._modes.first)  # costs no compilation
        if record.case.rejection is not None:
            when, case, small = [literal("rejection", (record.case.rejection,), ())], record.case, verdict
        else:
            case, small = minimise(record.case, verdict, trial.fails)
            roomy = _roomy(case.config, record.case.config, trial.can_fail)
            when = list(_needed(roomy, trial.can_fail))
        when += _mode_needed(when, failing, passing)
        if not when and passing:  # no option decides; perhaps sizes or the kind of data do
            rules = explain([record.features for record in failing], [record.features for record in passing])
            when = [*next((rule.when for rule in rules if _hold(rule.when, record)), ())]
        explained = tuple(found for found in failing if found is record or _hold(when, found))
        exact = not any(_hold(when, passed) for passed in passing)
        return Cause(check, tuple(when), exact, explained, case, trial.mode, small)

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
        seen = self._observe(shown, cause.mode)
        verdict = None if seen is None else judge(seen).get(cause.check)
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

    def _observe(self, case: Case, mode: str) -> Observation | None:
        """A case run alone; None if the user wants an end or the worker is gone for good."""
        seen = self.observe(Batch("pinned", case.config, (case,)), mode, thorough=False)
        return seen[0] if seen else None

    def observe(self, batch: Batch, mode: str, *, thorough: bool) -> list[Observation]:
        """All cases of a batch on a fresh layer; none if the user wants an end or the worker is gone for good."""
        self._experiments_left -= 1
        if self._stop.is_set():
            return []
        try:
            return self._session.observe_batch(batch, self._held_to, mode, thorough=thorough)
        except BrokenImplementationError:
            self._stop.set()
            return []


class _Trial:
    """Runs cases to learn whether they fail as a known one did."""

    def __init__(self, investigator: Investigator, check: str, verdict: Verdict, mode: str) -> None:
        self.mode = mode
        self._investigator = investigator
        self._check = check
        self._verdict = verdict
        self._known: dict[str, Verdict | None] = {}

    def in_mode(self, mode: str) -> _Trial:
        """The same with another way of calling."""
        return _Trial(self._investigator, self._check, self._verdict, mode)

    def fails(self, case: Case) -> Verdict | None:
        """The verdict on a case, run alone, if it fails in the same way; else None."""
        if case.id not in self._known:
            single = Batch("pinned", case.config, (case,))
            self._known[case.id] = next(self._alike(accompanied(case) if self._thorough(case) else single), None)
        return self._known[case.id]

    def can_fail(self, config: LayerConfig) -> bool:
        """Whether any of several draws fails: one alone may be blind, such as a mask that is symmetric in time."""
        draws = batch("pinned", config, DRAWS, derive("experiment"))
        return next(self._alike(draws), None) is not None

    def _thorough(self, case: Case) -> bool:
        """Whether the check looks at more than the answer to one call."""
        return self._check not in applicable(case)

    def _alike(self, draws: Batch) -> Iterator[Verdict]:
        thorough = self._thorough(draws.cases[0])
        for observation in self._investigator.observe(draws, self.mode, thorough=thorough):
            found = judge(observation).get(self._check)
            if found and (found.outcome, found.cause) == (self._verdict.outcome, self._verdict.cause):
                yield found


def _needed(config: LayerConfig, can_fail: Callable[[LayerConfig], bool]) -> Iterator[Literal]:
    """What a failure needs: the layers and the values of unusual options with which it happens."""
    rules = config.rules
    others = {layer: _on_layer(config, layer) for layer in rules.layers if layer != config.layer}
    layers = [config.layer, *(layer for layer, other in others.items() if other is not None and can_fail(other))]
    if len(layers) < len(rules.layers):
        yield literal("layer", [layer for layer in rules.layers if layer in layers], tuple(rules.layers))
    for name, value in config.non_default().items():
        option = rules.options[name]
        candidates = [other for other in option.values if other not in (value, option.default)]
        failing = {value, *(other for other in candidates if can_fail(with_option(config, name, other)))}
        yield literal(name, [other for other in option.values if other in failing], option.values)


def _mode_needed(when: Sequence[Literal], failing: Sequence[Record], passing: Sequence[Record]) -> list[Literal]:
    """The way of calling, if all failures under a condition have one and some case passes in another."""
    modes = {record.judged.mode for record in failing if _hold(when, record)}
    others = {record.judged.mode for record in passing if _hold(when, record)} - modes
    return [literal("mode", tuple(modes), ())] if len(modes) == 1 and others else []


def _hold(when: Sequence[Literal], record: Record) -> bool:
    """Whether a case meets a condition."""
    return all(literal.holds(record.features) for literal in when)


def _roomy(small: LayerConfig, original: LayerConfig, can_fail: Callable[[LayerConfig], bool]) -> LayerConfig:
    """The options of a small configuration with larger sizes, if it still fails: there is more to see in them."""
    first = original.sizes
    larger = Sizes(max(first.batch, 3), max(first.timesteps, 5), max(first.features, 2), max(first.units, 4))
    for sizes in (larger, first):
        config = LayerConfig.of(small.dialect, small.layer, small.options, fitted(small.rules, small.options, sizes))
        if can_fail(config):
            return config
    return small


def _absorbed(causes: list[Cause], record: Record) -> bool:
    """Whether a failure meets the condition of a cause found before; it is then counted there."""
    for index, cause in enumerate(causes):
        if cause.when and _hold(cause.when, record):
            causes[index] = replace(cause, failing=(*cause.failing, record))
            return True
    return False


def _alike(check: str, failing: Sequence[Record]) -> Iterator[list[Record]]:
    """Failures with the same outcome and cause, together; the largest family first."""
    found: dict[tuple[str, str | None], list[Record]] = {}
    for record in failing:
        verdict = record.judged.outcomes[check]
        found.setdefault((verdict.outcome, verdict.cause), []).append(record)
    yield from sorted(found.values(), key=len, reverse=True)


def _by_statistics(check: str, failing: Sequence[Record], passing: Sequence[Record]) -> Iterator[Cause]:
    """Causes from what the cases have in common alone."""
    rules = explain([record.features for record in failing], [record.features for record in passing])
    for rule in rules:
        chosen = tuple(failing[index] for index in rule.failing)
        smallest = min(chosen, key=lambda record: record.weight)
        verdict = smallest.judged.outcomes[check]
        yield Cause(check, rule.when, rule.exact, chosen, smallest.case, smallest.judged.mode, verdict)


def _on_layer(config: LayerConfig, layer: str) -> LayerConfig | None:
    """The same configuration of another layer, as far as that has the options; None if it cannot be."""
    options = {
        name: value
        for name, value in config.options.items()
        if config.rules.options[name].exists(layer, config.options)
    }
    try:
        return LayerConfig.of(config.dialect, layer, options, config.sizes)
    except SpecError:
        return None
