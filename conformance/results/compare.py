"""What changed between two runs: every common case, check by check, and one entry for each cause of change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from conformance.engine.events import BehaviourSeen, CaseJudged, GroupFound, ImplementationStarted, Outcome, RunStarted
from conformance.errors import ResultsError
from conformance.results.align import Aligned, Match, aligned, matches
from conformance.results.changes import Change, Explanation, changes_of
from conformance.results.kinds import KINDS, Kind, Thresholds
from conformance.results.read import Results
from conformance.results.speed import Speed, speeds
from conformance.spec.behaviours import load_behaviours

Transitions = Mapping[str, Mapping[tuple[Outcome, Outcome], int]]
"""Check -> outcome before and after -> number of common cases."""


@dataclass(frozen=True)
class Compared:
    """One implementation in two runs.

    Attributes:
        before, after: its names.
        was, now: what it said of itself; None if it never started.
        cases: number of cases that both runs have.
        changes: one for each cause, what matters most first.
        transitions: of the common cases, all of them.
        speeds: time per case.
    """

    before: str
    after: str
    was: ImplementationStarted | None
    now: ImplementationStarted | None
    cases: int
    changes: tuple[Change, ...]
    transitions: Transitions
    speeds: tuple[Speed, ...]

    @property
    def kinds(self) -> Counter[Kind]:
        """How many changes there are of each kind; of slower and faster, one or none."""
        found: Counter[Kind] = Counter(change.kind for change in self.changes)
        found.update(speed.kind for speed in self.speeds[:1] if speed.kind is not None)
        return found


@dataclass(frozen=True)
class Comparison:
    """What changed between two runs.

    Attributes:
        before, after: how they were started.
        notes: what a reader must know first: that a file is cut off, that specifications differ, and the like.
        implementations: those that were compared.
        thresholds: how much is a change.
    """

    before: RunStarted
    after: RunStarted
    notes: tuple[str, ...]
    implementations: tuple[Compared, ...]
    thresholds: Thresholds

    @property
    def kinds(self) -> Counter[Kind]:
        """How many changes there are of each kind."""
        return sum((one.kinds for one in self.implementations), Counter())


def compare(
    before: Results, after: Results, wanted: Sequence[str] = (), thresholds: Thresholds | None = None
) -> Comparison:
    """Compare two runs, case by case; totals are never compared.

    Args:
        before: one run.
        after: a later one.
        wanted: pairs of implementations, `BEFORE=AFTER`; none: those of equal names, or the only ones.
        thresholds: how much is a change.

    Raises:
        ResultsError: nothing can be compared: no implementation or no case is in both, or both are the same run.
    """
    thresholds = thresholds or Thresholds()
    pairs = matches(before, after, wanted)
    if before.header == after.header and before.footer == after.footer and all(old == new for old, new in pairs):
        raise ResultsError("both files are the same run; name another one, or two implementations with --match")
    found = tuple(_compared(before, after, match, thresholds) for match in pairs)
    if not any(one.cases or one.changes for one in found):
        raise ResultsError(
            f"the runs have no case in common: {_difference(before.header, after.header)}; "
            "run both with the same --profile and --phases"
        )
    return Comparison(before.header, after.header, tuple(_notes(before, after, pairs)), found, thresholds)


def _compared(before: Results, after: Results, match: Match, thresholds: Thresholds) -> Compared:
    cases = aligned(before, after, match)
    was, now = _started(before, match[0]), _started(after, match[1])
    differing = was is not None and now is not None and was.capabilities != now.capabilities
    claims = "what the implementation claims differs" if differing else ""
    unchecked = f"not checked: {_difference(before.header, after.header, claims)}"
    found = changes_of(cases, _groups(before, match[0]), _groups(after, match[1]), thresholds, unchecked)
    told = cases.common and before.header.spec == after.header.spec
    missing = [] if not told else [*_missing(cases, before, after, claims)]
    return Compared(
        before=match[0],
        after=match[1],
        was=was,
        now=now,
        cases=len(cases.common),
        changes=_ranked([*_starts(was, now), *found, *_answers(before, after, match), *missing]),
        transitions=_transitions(cases),
        speeds=speeds(cases, thresholds),
    )


def _ranked(changes: Iterable[Change]) -> tuple[Change, ...]:
    """In the order of their kinds, what matters most first."""
    places = {kind: place for place, kind in enumerate(KINDS)}
    return tuple(sorted(changes, key=lambda change: places[change.kind]))


def _started(results: Results, name: str) -> ImplementationStarted | None:
    """What an implementation said of itself; that it is broken, if it said so."""
    said = [one for one in results.implementations if one.name == name]
    return next((one for one in said if one.state == "broken"), said[0] if said else None)


def _groups(results: Results, name: str) -> Iterator[GroupFound]:
    return (group for group in results.groups if group.implementation == name)


def _transitions(cases: Aligned) -> Transitions:
    found: dict[str, Counter[tuple[Outcome, Outcome]]] = {}
    for both in cases.checks():
        if both.was is not None and both.now is not None:
            found.setdefault(both.check, Counter())[both.was.outcome, both.now.outcome] += 1
    return found


def _starts(was: ImplementationStarted | None, now: ImplementationStarted | None) -> Iterator[Change]:
    """That an implementation could be tested before, or after, and could not the other time."""
    if was is None or now is None or was.state == now.state:
        return
    kind: Kind = "regressed" if now.state == "broken" else "fixed"
    yield Change(
        kind=kind,
        checks=(),
        was=None if was.state == "ready" else "error",
        now=None if now.state == "ready" else "error",
        said=was.message or "it can be tested",
        says=now.message or "it can be tested",
        cases=(),
        comparable=0,
        explanation=Explanation(),
        example="",
        example_case={},
    )


def _answers(before: Results, after: Results, match: Match) -> Iterator[Change]:
    """The open questions that are answered otherwise now; one that only one run asked says nothing."""
    old, new = (
        {one.behaviour: one for one in results.behaviours if one.implementation == name}
        for results, name in zip((before, after), match, strict=True)
    )
    asked = load_behaviours()
    for name, was in old.items():
        now = new.get(name, was)
        if (was.answer, was.detail) != (now.answer, now.detail):
            yield Change(
                kind="behaviour changed",
                checks=(),
                was="unspecified",
                now="unspecified",
                said=_answer(was),
                says=_answer(now),
                cases=(),
                comparable=0,
                explanation=Explanation(),
                example="",
                example_case={},
                asked=f"{name}: {asked[name].question}" if name in asked else name,
            )


def _answer(seen: BehaviourSeen) -> str:
    return f"{seen.answer} ({seen.detail})" if seen.detail else seen.answer


def _missing(cases: Aligned, before: Results, after: Results, claims: str) -> Iterator[Change]:
    """The cases that only one run has, phase by phase, with the reason as far as it can be known."""
    behind = "run only where other cases cannot be called"
    for records, said, says in (
        (cases.only_before, "", _absent(after, before, after, claims)),
        (cases.only_after, _absent(before, before, after, claims), ""),
    ):
        for phase in dict.fromkeys(record.phase for record in records):
            some = [record for record in records if record.phase == phase]
            why = [behind if text and phase == "behind" else text for text in (said, says)]
            yield _absence(some, *(f"{text} ({phase})" if text else "" for text in why))


def _absence(records: Sequence[CaseJudged], said: str, says: str) -> Change:
    return Change(
        kind="not comparable",
        checks=(),
        was=None,
        now=None,
        said=said,
        says=says,
        cases=tuple(record.id for record in records),
        comparable=0,
        explanation=Explanation(),
        example=records[0].id,
        example_case=records[0].case,
    )


def _absent(lacking: Results, before: Results, after: Results, claims: str) -> str:
    """Why a run may lack cases that the other one has."""
    if lacking.footer is None or not lacking.footer.complete:
        return "not reached: this run did not end in order"
    return f"not run: {_difference(before.header, after.header, claims)}"


# ---------------------------------------------------------------- what to know first


def _notes(before: Results, after: Results, pairs: Sequence[Match]) -> Iterator[str]:
    yield from _unfinished("before", before)
    yield from _unfinished("after", after)
    yield from _unlike(before.header, after.header)
    for word, results, place in (("before", before, 0), ("after", after, 1)):
        left = [name for name in results.names if name not in {pair[place] for pair in pairs}]
        if left:
            yield f"Not compared, because only {word} has it: {', '.join(left)}."


def _unfinished(word: str, results: Results) -> Iterator[str]:
    """Why a run is only a part."""
    if results.footer is None:
        yield f"The file {word} is cut off; it is compared as far as it goes."
    elif not results.footer.complete:
        yield f"The run {word} is not complete ({results.footer.reason}); it is compared as far as it goes."
    if results.header.shard is not None:
        yield f"The run {word} is shard {results.header.shard}, a part of the cases."


def _unlike(old: RunStarted, new: RunStarted) -> Iterator[str]:
    """In what the runs differ that a reader must know."""
    if old.spec != new.spec:
        yield (
            f"The runs follow different specifications ({old.spec}, {new.spec}): only cases that both have are "
            "compared, and what must hold for them may differ."
        )
    if old.suite != new.suite:
        yield f"Different versions of rnn-conformance wrote the files ({old.suite}, {new.suite}); checks may differ."
    if old.seed != new.seed and "random" in old.phases and "random" in new.phases:
        yield f"The seeds differ ({old.seed}, {new.seed}), and so do the random cases."
    if (old.profile, old.phases) != (new.profile, new.phases):
        plans = (f"{one.profile}: {'+'.join(one.phases)}" for one in (old, new))
        yield f"The plans differ ({' and '.join(plans)}), and so do the cases."
    if old.started > new.started:  # ISO 8601 in UTC
        yield (
            "The run before was started later than the run after; perhaps the files are exchanged, or a clock was "
            "wrong."
        )
    if old.machine != new.machine:
        parts = [name for name in {**old.machine, **new.machine} if old.machine.get(name) != new.machine.get(name)]
        yield f"The machines differ ({', '.join(parts)}); times may differ for that reason alone."


def _difference(one: RunStarted, other: RunStarted, more: str = "") -> str:
    """In what two runs differ that decides which cases are run; `more` is what else is known to differ."""
    parts = {
        "profiles": (one.profile, other.profile),
        "seeds": (one.seed, other.seed),
        "shards": (one.shard or "all", other.shard or "all"),
        "phases": ("+".join(one.phases), "+".join(other.phases)),
        "specifications": (one.spec, other.spec),
        "versions of rnn-conformance": (one.suite, other.suite),
    }
    told = [f"{name} differ ({first}, {second})" for name, (first, second) in parts.items() if first != second]
    return " and ".join([*told, *([more] if more else [])]) or "other options of the command, or another implementation"
