"""What a comparison says, in the words and numbers that every format shows."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from conformance.engine.events import DEVIATIONS, Outcome, RunStarted, Verdict
from conformance.report.groups import CaseView, case_view
from conformance.report.model import label
from conformance.report.text import count, number, ratio
from conformance.report.vocabulary import OUTCOMES, check_place
from conformance.results import KINDS, Change, Compared, Comparison, Explanation, Kind, Quartiles, Speed, Thresholds
from conformance.results.kinds import kind_of


@dataclass(frozen=True)
class Sign:
    """How a kind of change is shown: never by colour alone."""

    glyph: str
    tone: Outcome


SIGNS: Mapping[Kind, Sign] = {
    "regressed": Sign("✗", "fail"),
    "changed": Sign("≠", "error"),
    "fixed": Sign("✓", "pass"),
    "behaviour changed": Sign("?", "unspecified"),
    "drifted": Sign("~", "timeout"),
    "slower": Sign("▾", "timeout"),
    "faster": Sign("▴", "pass"),
    "not comparable": Sign("∅", "not run"),
}
"""Kind -> glyph, and the outcome whose colour it takes."""

Fact = tuple[str, str]
"""A heading and what stands beside it."""

BESIDE = ("before", "after", "error ÷ allowed")
"""Facts that a page shows side by side."""


@dataclass(frozen=True)
class Side:
    """What one run says of the cases that changed.

    Attributes:
        outcome: how they came out; None where there is nothing.
        said: in the words of the smallest one.
        ratios: error ÷ allowed in words; empty if it did not matter.
        replay: the command that runs the smallest one again; empty if it does not deviate.
    """

    outcome: Outcome | None
    said: str
    ratios: str
    replay: str


@dataclass(frozen=True)
class Entry:
    """One change with one cause, in words.

    Attributes:
        number: unique within the comparison.
        subject: the check, or what else changed.
        implementation: the name, before.
        facts: headings with text, in the order in which they are read; empty text is left out.
        smallest: the smallest case that changed; None where there is none.
        before, after: what each run says.
    """

    number: int
    kind: Kind
    subject: str
    implementation: str
    was: Outcome | None
    now: Outcome | None
    facts: tuple[Fact, ...]
    smallest: CaseView | None
    before: Side
    after: Side

    @property
    def replays(self) -> tuple[str, ...]:
        """The commands that run the smallest case again."""
        return tuple(side.replay for side in (self.before, self.after) if side.replay)

    @property
    def other_facts(self) -> tuple[Fact, ...]:
        """The facts that are not about one of the two runs."""
        return tuple(fact for fact in self.facts if fact[0] not in BESIDE)

    @property
    def anchor(self) -> str:
        """Its place in the page."""
        return f"change-{self.number}"

    @property
    def outcomes(self) -> str:
        """`pass -> fail`; nothing where it is about whole cases, or both are what they should be."""
        if self.was == self.now and self.was in ("pass", "unspecified"):
            return ""
        return f"{self.was or 'nothing'} → {self.now or 'nothing'}" if self.was or self.now else ""


@dataclass(frozen=True)
class Move:
    """Cases with one outcome before and one after, of one check; `kind` of change, if the outcomes alone are one."""

    was: Outcome
    now: Outcome
    cases: int
    kind: Kind | None


@dataclass(frozen=True)
class Grid:
    """The transitions of one check: a row for every outcome before, a column for every outcome after."""

    check: str
    was: tuple[Outcome, ...]
    moves: Mapping[tuple[Outcome, Outcome], Move]

    @property
    def changed(self) -> bool:
        """Whether any case changed its outcome in a way that counts."""
        return any(move.kind for move in self.moves.values())


@dataclass(frozen=True)
class Part:
    """One implementation in words.

    Attributes:
        name: its name before.
        before, after: its names with versions.
        worst: the kind of change that matters most; None if nothing changed.
        verdict: one sentence.
        entries: its changes.
        after_outcomes: the columns of the grids.
        grids: the transitions of every check.
        speeds: time per case.
    """

    name: str
    before: str
    after: str
    worst: Kind | None
    verdict: str
    entries: tuple[Entry, ...]
    after_outcomes: tuple[Outcome, ...]
    grids: tuple[Grid, ...]
    speeds: tuple[Speed, ...]


@dataclass(frozen=True)
class View:
    """A comparison in words.

    Attributes:
        before, after: the headers of the runs.
        sources: the names of the two files.
        notes: what must be known first.
        verdict: one sentence about everything.
        parts: the implementations.
        thresholds: how much counted as a change.
    """

    before: RunStarted
    after: RunStarted
    sources: tuple[str, str]
    notes: tuple[str, ...]
    verdict: str
    parts: tuple[Part, ...]
    thresholds: Thresholds

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All changes."""
        return tuple(entry for part in self.parts for entry in part.entries)


def view(comparison: Comparison, sources: tuple[str, str]) -> View:
    """A comparison in words.

    Args:
        comparison: what changed.
        sources: the names of the two files, as replay commands should spell them.
    """
    parts, first = [], 1
    for one in comparison.implementations:
        parts.append(_part(one, sources, first))
        first += len(one.changes)
    return View(
        before=comparison.before,
        after=comparison.after,
        sources=sources,
        notes=comparison.notes,
        verdict=_counted(comparison.kinds) or "nothing changed",
        parts=tuple(parts),
        thresholds=comparison.thresholds,
    )


def _counted(kinds: Mapping[Kind, int]) -> str:
    """`2 regressed, 1 fixed`: causes, not cases; what matters most first."""
    return ", ".join(f"{kinds[kind]:,} {kind}" for kind in KINDS if kinds.get(kind))


def _part(one: Compared, sources: tuple[str, str], first: int) -> Part:
    kinds = one.kinds
    changed = _counted({kind: n for kind, n in kinds.items() if kind != "not comparable"}) or "nothing changed"
    return Part(
        name=one.before,
        before=label(one.before, one.was),
        after=label(one.after, one.now),
        worst=next((kind for kind in KINDS if kinds.get(kind)), None),
        verdict=f"{changed}; {count(one.cases, 'case')} compared in {count(len(one.transitions), 'check')}.",
        entries=tuple(_entry(n, change, one, sources) for n, change in enumerate(one.changes, first)),
        after_outcomes=_ordered(now for moves in one.transitions.values() for _, now in moves),
        grids=tuple(_grid(check, one.transitions[check]) for check in sorted(one.transitions, key=check_place)),
        speeds=one.speeds,
    )


def _ordered(outcomes: Iterator[Outcome]) -> tuple[Outcome, ...]:
    """The different outcomes, the most severe first."""
    seen = set(outcomes)
    return tuple(outcome for outcome in OUTCOMES if outcome in seen)


def _grid(check: str, moves: Mapping[tuple[Outcome, Outcome], int]) -> Grid:
    found = {key: Move(*key, cases, kind_between(*key)) for key, cases in moves.items()}
    return Grid(check, _ordered(was for was, _ in moves), found)


def kind_between(was: Outcome, now: Outcome) -> Kind | None:
    """The kind of change that two outcomes alone are."""
    return kind_of(Verdict(was), Verdict(now), Thresholds())


def _entry(place: int, change: Change, one: Compared, sources: tuple[str, str]) -> Entry:
    return Entry(
        number=place,
        kind=change.kind,
        subject=_subject(change),
        implementation=one.before,
        was=change.was,
        now=change.now,
        facts=tuple((name, text) for name, text in _facts(change) if text),
        smallest=case_view(change.example, change.example_case) if change.example else None,
        before=_side(change, change.was, change.said, 0, sources),
        after=_side(change, change.now, change.says, 1, sources),
    )


def _subject(change: Change) -> str:
    """What an entry is about."""
    if len(change.checks) == 1 or (change.checks and change.kind != "not comparable"):
        return change.checks[0]
    if not change.cases:
        return "open question" if change.kind == "behaviour changed" else "the implementation itself"
    return f"{len(change.checks)} checks" if change.checks else "whole cases"


def _facts(change: Change) -> Iterator[Fact]:
    yield "cases", _cases(change)
    if len(change.checks) > 1:
        silent = change.kind == "not comparable"
        yield ("checks" if silent else "also in"), ", ".join(change.checks if silent else change.checks[1:])
    if change.comparable and change.kind != "not comparable":
        yield "when", when(change.explanation)
    yield "asked", change.asked
    if change.said or change.says or change.was != change.now:  # of a drift, the numbers say it
        was, now = (None, None) if change.asked else (change.was, change.now)
        yield "before", _spoken(was, change.said)
        yield "after", _spoken(now, change.says)
    yield "declared", _declared(change)
    yield "looks like", change.looks_like or ""
    if change.ratios is not None:
        before, after = change.ratios
        yield "error ÷ allowed", f"before {quartiles(before)}; after {quartiles(after)}"


def _declared(change: Change) -> str:
    """That one run calls a deviation known, and the other one does not."""
    if (change.was == "known") == (change.now == "known"):
        return ""
    here, there = ("before", change.now) if change.was == "known" else ("after", change.was)
    return f"as known in the run {here} alone" + ("; it deviates in both" if there in DEVIATIONS else "")


def _cases(change: Change) -> str:
    if not change.cases:
        return ""
    of = f" of {change.comparable:,} compared" if change.comparable and change.kind != "not comparable" else ""
    return f"{len(change.cases):,}{of}"


def _spoken(outcome: Outcome | None, said: str) -> str:
    return ": ".join(part for part in (outcome or "", said) if part)


def when(explanation: Explanation) -> str:
    """Which cases changed, and who says so."""
    told = " and ".join(explanation.when)
    if explanation.group is None:
        if not told:
            return "no option value sets these cases apart"
        return told if explanation.exact else f"{told} (some such cases did not change)"
    fate = {"before": ("gone", "smaller"), "after": ("new", "larger")}[explanation.side or "after"]
    group = f"group {explanation.group} {explanation.side}, {fate[0] if explanation.whole else fate[1]}"
    return f"{told or 'always'} ({group}{'' if explanation.exact else '; some such cases pass'})"


def quartiles(found: Quartiles) -> str:
    """`0.12 (0.08 to 0.31)`: the median, and half of all between."""
    return f"{ratio(found.median)} ({ratio(found.low)} to {ratio(found.high)})"


def speed(found: Speed) -> str:
    """Time after ÷ before in words."""
    low, middle, high = (number(value) for value in (found.ratio.low, found.ratio.median, found.ratio.high))
    return f"{found.kind or 'about the same'}: × {middle} ({low} to {high}) over {count(found.cases, 'case')}"


def _side(change: Change, outcome: Outcome | None, said: str, place: int, sources: tuple[str, str]) -> Side:
    """What a run says; a command for the run in which the smallest case deviates."""
    deviates = outcome in DEVIATIONS and bool(change.example)
    return Side(
        outcome=outcome,
        said=said,
        ratios="" if change.ratios is None else quartiles(change.ratios[place]),
        replay=replay_command(change.example, sources[place]) if deviates else "",
    )


def replay_command(case: str, source: str) -> str:
    """The command that runs a case of a results file again."""
    return f"rnn-conformance replay {shlex.quote(case)} --results {shlex.quote(source)}"
