"""How versions of an implementation compare: checks by version, and causes with the versions that have them.

A pure function of several results. Every number stands with its denominator; where runs follow different versions of
the specification, only the cases that all of them have are counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from conformance.checks import CHECKS
from conformance.engine.events import DEVIATIONS, GroupFound, ImplementationStarted, KnownSeen, Outcome
from conformance.laws import LAWS
from conformance.report.explanations import Explanation, explained
from conformance.report.html import TREND, render
from conformance.report.tally import JUDGED, Judged, Tally, cases_of
from conformance.report.text import count
from conformance.report.trend_known import Declared, declared_rows
from conformance.results import Results

ALIKE = 0.5
"""Two groups of neighbouring versions have one cause if they share this part of the cases of the smaller one."""


@dataclass(frozen=True)
class Said:
    """A part of a verdict.

    Attributes:
        outcome: such as `known`.
        about: of laws, what is broken, such as one of several routes; otherwise empty.
        cause: a short key that is the same in other versions.
    """

    outcome: Outcome
    about: str
    cause: str


@dataclass(frozen=True)
class Run:
    """One implementation of one results file.

    Attributes:
        name: of the implementation.
        versions: package -> version.
        report: the address of its report, relative to the page.
        spec: version of the specification.
        state: `ready`, or what went wrong.
        cases, groups: what was found.
        known: what was declared of it.
        said: case id, check -> what the verdicts said.
        part: why that is not the whole; empty: it is.
    """

    name: str
    versions: Mapping[str, str]
    report: str
    spec: str
    state: str
    cases: tuple[Judged, ...]
    groups: tuple[GroupFound, ...]
    known: tuple[KnownSeen, ...] = ()
    said: Mapping[tuple[str, str], frozenset[Said]] = field(default_factory=dict)
    part: str = ""

    @property
    def tally(self) -> Tally:
        """Its cases, each with its most severe outcome."""
        return Tally.of(case.outcome for case in self.cases)

    @property
    def verdict(self) -> str:
        """One sentence with denominators."""
        if self.state == "broken":
            return "broken: it could not be judged."
        found, tally = len(self.groups), self.tally
        head = count(found, "deviation") if found else "no deviation"
        known = f"; {tally.counts['known']:,} known" if "known" in tally.counts else ""
        return f"{head}; {tally.counts.get('pass', 0):,} of {count(tally.judged, 'applicable case')} pass{known}."

    @property
    def label(self) -> str:
        """The versions of its packages, the first one that of the framework."""
        return ", ".join(f"{name} {version}" for name, version in self.versions.items()) or "versions unknown"


@dataclass(frozen=True)
class Cell:
    """One check in neighbouring versions that gave the same.

    Attributes:
        outcome: the most severe one; None where the check judged nothing.
        text: how many cases had it, of how many.
        tally: all outcomes.
        span: number of versions.
        report: of the first of them.
    """

    outcome: Outcome | None
    text: str
    tally: Tally
    span: int
    report: str


@dataclass(frozen=True)
class Row:
    """One check in all versions."""

    check: str
    meaning: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Cause:
    """Failures of one check that neighbouring versions share.

    Attributes:
        check, outcome: what fails, and how.
        span: the versions that have it, in words.
        when, looks_like, message: of the last version that has it.
        counts: label of a version -> failing cases, of how many judged, in words; with the address of its report.
        ended: whether the newest version no longer has it.
        explanation: what people found out; empty if nothing.
    """

    check: str
    outcome: Outcome
    span: str
    when: tuple[str, ...]
    looks_like: str | None
    message: str
    counts: tuple[tuple[str, str, str], ...]
    ended: bool
    explanation: str


@dataclass(frozen=True)
class Story:
    """Causes with one explanation, or one cause without any."""

    explanation: str
    causes: tuple[Cause, ...]


@dataclass(frozen=True)
class Family:
    """All versions of one implementation, the oldest first."""

    name: str
    runs: tuple[Run, ...]
    rows: tuple[Row, ...]
    causes: tuple[Cause, ...]
    declared: tuple[Declared, ...]
    notes: tuple[str, ...]

    @property
    def stories(self) -> tuple[Story, ...]:
        """The causes, those with the same explanation together."""
        told: dict[str, list[Cause]] = {}
        for number, cause in enumerate(self.causes):
            told.setdefault(cause.explanation or str(number), []).append(cause)
        return tuple(Story(causes[0].explanation, tuple(causes)) for causes in told.values())


def trend(results: Iterable[tuple[Results, str]], explanations: Sequence[Explanation] = ()) -> tuple[Family, ...]:
    """The families of all results, each of which comes with the address of its report."""
    runs = sorted((run for one, report in results for run in _runs(one, report)), key=_order)
    named = groupby(runs, key=lambda run: run.name)
    return tuple(_family(name, tuple(members), explanations) for name, members in named)


def unexplained(families: Sequence[Family]) -> Iterator[str]:
    """A line for every cause that no explanation fits."""
    for family in families:
        for cause in family.causes:
            if not cause.explanation:
                yield f"{family.name}  {cause.check}  {cause.span}: {cause.message}"


def html(families: Sequence[Family], commands: Sequence[str] = ()) -> str:
    """The trend as one HTML page, with the commands that made it."""
    return render("trend.html", TREND, families=families, commands=commands)


# ---------------------------------------------------------------- runs and their order


def _runs(results: Results, report: str) -> Iterator[Run]:
    started = {one.name: one for one in results.implementations}
    for name, cases in cases_of(results).items():
        groups = tuple(group for group in results.groups if group.implementation == name)
        known = started.get(name)
        state = known.state if known else "broken"
        declared = tuple(one for one in results.known if one.implementation == name)
        spec, said = results.header.spec, _said(results, name)
        yield Run(name, _versions(known), report, spec, state, cases, groups, declared, said, _part(results))


def _said(results: Results, name: str) -> dict[tuple[str, str], frozenset[Said]]:
    found: dict[tuple[str, str], frozenset[Said]] = {}
    for case in results.cases:
        for check, verdict in case.outcomes.items() if case.implementation == name else ():
            if verdict.outcome in (*DEVIATIONS, "known"):
                parts = {Said(it.outcome, _about(check, it.message or ""), it.cause or "") for it in verdict.parts}
                found[case.id, check] = found.get((case.id, check), frozenset()) | parts
    return found


def _part(results: Results) -> str:
    """Why a run is not the whole."""
    if results.footer is None:
        return "it was cut off"
    return "" if results.footer.complete else results.footer.reason


def _versions(started: ImplementationStarted | None) -> dict[str, str]:
    versions = started.versions if started is not None else {}
    return {package: version for package, version in versions.items() if package != "numpy"}


def _order(run: Run) -> tuple[str, list[tuple[int, ...]]]:
    return run.name, [_numbers(version) for version in run.versions.values()]


def _numbers(version: str) -> tuple[int, ...]:
    """The release of a version as numbers: 3.12.4 is newer than 3.9.2."""
    return tuple(int(number) for number in re.findall(r"\d+", version.partition("+")[0]))


def _family(name: str, runs: tuple[Run, ...], explanations: Sequence[Explanation]) -> Family:
    notes = []
    specs = list(dict.fromkeys(run.spec for run in runs))
    if len(specs) > 1:
        known = [{case.id for case in run.cases} for run in runs if run.cases]
        common = known[0].intersection(*known[1:]) if known else set()
        runs = tuple(_narrowed(run, common) for run in runs)
        notes.append(
            f"The runs follow versions {', '.join(specs)} of the specification: only the {count(len(common), 'case')} "
            "that all of them have are counted."
        )
    notes += [f"{run.label} is broken: it could not be judged." for run in runs if run.state == "broken"]
    notes += [f"{run.label} is a part of a run: {run.part}." for run in runs if run.part]
    rows = tuple(row for check in CHECKS.values() if (row := _row(check.name, check.meaning, runs)) is not None)
    causes = tuple(_causes(runs, explanations))
    return Family(name, runs, rows, causes, declared_rows([run.known for run in runs]), tuple(notes))


def _narrowed(run: Run, ids: set[str]) -> Run:
    """The run with these cases alone; groups without any of them are gone."""
    groups = tuple(group for group in run.groups if ids & set(group.cases))
    cases = tuple(case for case in run.cases if case.id in ids)
    return replace(run, cases=cases, groups=groups)


# ---------------------------------------------------------------- checks by version


def _row(check: str, meaning: str, runs: Sequence[Run]) -> Row | None:
    """The row of a check; None if it judged nothing in any version."""
    tallies = [(Tally.of(case.outcomes[check] for case in run.cases if check in case.outcomes), run) for run in runs]
    if not any(tally.total for tally, _ in tallies):
        return None
    cells = []
    for _, neighbours in groupby(tallies, key=lambda pair: tuple(pair[0].counts.items())):
        tally, first = (several := list(neighbours))[0]
        cells.append(Cell(tally.outcome, _share(tally), tally, len(several), first.report))
    return Row(check, meaning, tuple(cells))


def _share(tally: Tally) -> str:
    if tally.outcome is None:
        return "no case"
    whole = tally.judged if tally.judged and tally.outcome not in ("unspecified", "unsupported") else tally.total
    return f"{tally.counts[tally.outcome]:,} of {whole:,}"


# ---------------------------------------------------------------- causes by version


@dataclass(frozen=True)
class _Link:
    """A group in one of the versions, or what became of it in the next one, which declares it as known.

    Attributes:
        causes: what the verdicts of the group say, as short keys that are the same in other versions.
    """

    place: int
    group: GroupFound
    causes: frozenset[str]
    declared: bool = False


def _causes(runs: Sequence[Run], explanations: Sequence[Explanation]) -> Iterator[Cause]:
    """Groups that go on from version to version, chained; those that the newest version has come first."""
    chains: list[list[_Link]] = []
    for place, run in enumerate(runs):
        for group in run.groups:
            link = _Link(place, group, _causes_of(group, run))
            before = [chain for chain in chains if chain[-1].place < place and _alike(chain[-1].group, group)]
            if before:
                max(before, key=lambda chain: _shared(chain[-1].group, group)).append(link)
            else:
                chains.append([link])
        for chain in chains:
            last = chain[-1]
            if last.place == place - 1 and (cases := _declared(last, run)):
                chain.append(_Link(place, replace(last.group, cases=cases), last.causes, declared=True))
    causes = [_cause(chain, runs, explanations) for chain in chains]
    places = {check: place for place, check in enumerate(CHECKS)}  # that of a later version may not be here
    yield from sorted(causes, key=lambda one: (one.ended, places.get(one.check, len(places)), one.message))


def _causes_of(group: GroupFound, run: Run) -> frozenset[str]:
    about = _about(group.check, group.message)
    said = (it for case in group.cases for it in run.said.get((case, group.check), ()))
    return frozenset(it.cause for it in said if it.about == about)


def _declared(last: _Link, run: Run) -> tuple[str, ...]:
    """The cases of a group that fail alike in the next version, which declares that: those make no group there."""
    return tuple(
        case
        for case in dict.fromkeys(last.group.cases)
        if any(it.outcome == "known" and it.cause in last.causes for it in run.said.get((case, last.group.check), ()))
    )


def _alike(one: GroupFound, other: GroupFound) -> bool:
    same = (one.check, one.outcome, _about(one.check, one.message))
    if same != (other.check, other.outcome, _about(other.check, other.message)):
        return False
    return one.when == other.when or _shared(one, other) >= ALIKE * min(len(set(one.cases)), len(set(other.cases)))


def _about(check: str, message: str) -> str:
    """What a law is broken in, such as one of several routes: its message up to the first colon; empty: no law."""
    return message.partition(":")[0] if check in LAWS else ""


def _shared(one: GroupFound, other: GroupFound) -> int:
    return len(set(one.cases) & set(other.cases))


def _cause(chain: Sequence[_Link], runs: Sequence[Run], explanations: Sequence[Explanation]) -> Cause:
    places, last = [link.place for link in chain], chain[-1].group
    shown_by = [runs[link.place].versions for link in chain if not link.declared]
    return Cause(
        check=last.check,
        outcome=last.outcome,
        span=_span(places, runs),
        when=last.when,
        looks_like=last.looks_like,
        message=last.message,
        counts=tuple(
            (runs[link.place].label, _failing(runs[link.place], link), runs[link.place].report) for link in chain
        ),
        ended=places[-1] < len(runs) - 1,
        explanation=explained(explanations, runs[0].name, last.check, last.message, shown_by),
    )


def _failing(run: Run, link: _Link) -> str:
    check = link.group.check
    judged = sum(case.outcomes.get(check) in JUDGED for case in run.cases)
    number = f"{len(set(link.group.cases)):,} of {judged or link.group.judged:,}"
    return f"{number} (declared as known)" if link.declared else number


def _span(places: Sequence[int], runs: Sequence[Run]) -> str:
    """Such as `from 3.3.3 to 3.9.2, gone in 3.12.4`."""
    first, last, newest = places[0], places[-1], len(runs) - 1
    if newest == 0:
        return f"in {runs[0].label}"
    if first == 0 and last == newest:
        words = "in all of these versions"
    elif first == last:
        words = f"in {runs[first].label}"
    else:
        words = f"from {runs[first].label} to {runs[last].label}"
    if first == last == newest or (last == newest and first > 0):
        words += f", not before ({runs[first - 1].label} does not have it)"
    if last < newest:
        words += f"; not in {runs[last + 1].label}"
    holes = [runs[place].label for place in range(first, last) if place not in places]
    return words + (f"; but for {', '.join(holes)}" if holes else "")
