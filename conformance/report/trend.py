"""How versions of an implementation compare: checks by version, and causes with the versions that have them.

A pure function of several results. Every number stands with its denominator; where runs follow different versions of
the specification, only the cases that all of them have are counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from conformance.checks import CHECKS
from conformance.engine.events import DEVIATIONS, GroupFound, ImplementationStarted, KnownSeen, Outcome
from conformance.report.explanations import Explanation, explained
from conformance.report.html import TREND, render
from conformance.report.tally import Judged, Tally, cases_of
from conformance.report.text import count
from conformance.report.trend_known import Declared, declared_rows
from conformance.results import Results

ALIKE = 0.5
"""Two groups of neighbouring versions have one cause if they share this part of the cases of the smaller one."""


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
class Family:
    """All versions of one implementation, the oldest first."""

    name: str
    runs: tuple[Run, ...]
    rows: tuple[Row, ...]
    causes: tuple[Cause, ...]
    declared: tuple[Declared, ...]
    notes: tuple[str, ...]


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
        yield Run(name, _versions(known), report, results.header.spec, state, cases, groups, declared, _part(results))


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


def _causes(runs: Sequence[Run], explanations: Sequence[Explanation]) -> Iterator[Cause]:
    """Groups that go on from version to version, chained; those that the newest version has come first."""
    chains: list[list[tuple[int, GroupFound]]] = []
    for place, run in enumerate(runs):
        for group in run.groups:
            before = [chain for chain in chains if chain[-1][0] < place and _alike(chain[-1][1], group)]
            if before:
                max(before, key=lambda chain: _shared(chain[-1][1], group)).append((place, group))
            else:
                chains.append([(place, group)])
        for chain in chains:
            if chain[-1][0] == place - 1 and (declared := _declared(chain[-1][1], run)):
                chain.append((place, replace(chain[-1][1], cases=declared)))
    causes = [_cause(chain, runs, explanations) for chain in chains]
    places = {check: place for place, check in enumerate(CHECKS)}  # that of a later version may not be here
    yield from sorted(causes, key=lambda one: (one.ended, places.get(one.check, len(places)), one.message))


def _declared(group: GroupFound, run: Run) -> tuple[str, ...]:
    """The cases of a group that fail in a version that declares them as known: those make no group of their own."""
    ids = set(group.cases)
    return tuple(case.id for case in run.cases if case.id in ids and case.outcomes.get(group.check) == "known")


def _alike(one: GroupFound, other: GroupFound) -> bool:
    if (one.check, one.outcome) != (other.check, other.outcome):
        return False
    return one.when == other.when or _shared(one, other) >= ALIKE * min(len(set(one.cases)), len(set(other.cases)))


def _shared(one: GroupFound, other: GroupFound) -> int:
    return len(set(one.cases) & set(other.cases))


def _cause(chain: Sequence[tuple[int, GroupFound]], runs: Sequence[Run], explanations: Sequence[Explanation]) -> Cause:
    places, last = [place for place, _ in chain], chain[-1][1]
    counts = tuple((runs[place].label, _failing(runs[place], group), runs[place].report) for place, group in chain)
    return Cause(
        check=last.check,
        outcome=last.outcome,
        span=_span(places, runs),
        when=last.when,
        looks_like=last.looks_like,
        message=last.message,
        counts=counts,
        ended=places[-1] < len(runs) - 1,
        explanation=explained(explanations, runs[0].name, last.check, last.message),
    )


def _failing(run: Run, group: GroupFound) -> str:
    judged = sum(case.outcomes.get(group.check) in (*DEVIATIONS, "known", "fixed", "pass") for case in run.cases)
    known = bool(_declared(group, run))
    return f"{len(set(group.cases)):,} of {judged or group.judged:,}" + (" (declared as known)" if known else "")


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
