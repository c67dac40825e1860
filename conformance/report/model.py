"""Everything that a report says, as data computed from results alone. HTML, Markdown and JUnit only spell it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from conformance.engine.events import ImplementationStarted, KnownSeen, Outcome, RunFinished, RunStarted
from conformance.report.behaviours import Question, questions
from conformance.report.behind import Beyond, behind_of, untested_of
from conformance.report.clauses import Tested, tested
from conformance.report.coverage import Coverage, coverages
from conformance.report.groups import Group, groups_of, linked
from conformance.report.known import clauses_of
from conformance.report.matrix import Matrix, by_check, by_label, by_option
from conformance.report.numerics import (
    Accuracy,
    Informativeness,
    Spread,
    accuracies,
    informativeness,
    spreads,
)
from conformance.report.tally import Judged, Tally, cases_of
from conformance.report.text import count
from conformance.report.vocabulary import check_place
from conformance.results import Results
from conformance.spec import Clause

Status = Literal["broken", "deviates", "incomplete", "not run", "conforms"]
"""What is true of an implementation, the worst first."""

STATUSES: Mapping[Status, Outcome] = {
    "broken": "error",
    "deviates": "fail",
    "incomplete": "unspecified",
    "not run": "not run",
    "conforms": "pass",
}
"""Status -> the outcome whose glyph and colour it takes."""


@dataclass(frozen=True)
class Standing:
    """Where one implementation stands.

    Attributes:
        name: as the user named it.
        label: name with version.
        status: in one word.
        verdict: the sentence, without the label.
        tally: its cases, each with its most severe outcome.
        groups: number of deviations: groups of failures with one cause.
        checks, checks_failed: checks that judged any case, and those with a deviation.
        started: what it said of itself; None if it never started.
        configs: number of different configurations.
    """

    name: str
    label: str
    status: Status
    verdict: str
    tally: Tally
    groups: int
    checks: int
    checks_failed: int
    started: ImplementationStarted | None
    configs: int

    @property
    def outcome(self) -> Outcome:
        """The outcome whose glyph and colour stand for it."""
        return STATUSES[self.status]

    @property
    def versions(self) -> str:
        """The versions of the packages that its name names."""
        return _versions(self.name, self.started)

    def capability(self, name: str) -> str:
        """What it said that it can do, as a list in words."""
        found = self.started.capabilities.get(name) if self.started is not None else None
        return ", ".join(map(str, found)) if isinstance(found, list | tuple) else ""


@dataclass(frozen=True)
class Remark:
    """What was declared, left open or not supported: one line for all cases that say the same.

    Attributes:
        check: empty where whole cases are not supported.
        cases: implementation and number of its cases, those with most first.
    """

    check: str
    outcome: Outcome
    message: str
    cases: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        """Cases of all implementations."""
        return sum(number for _, number in self.cases)


@dataclass(frozen=True)
class Speed:
    """How long the calls of one implementation took, and what its run cost.

    Attributes:
        calls: calls with a measured time.
        total, median, p95, longest: seconds of those calls inside the worker.
        cost: CPU seconds of worker, forward and driver.
    """

    implementation: str
    calls: int
    total: float
    median: float
    p95: float
    longest: float
    cost: Mapping[str, float]

    @property
    def ratio(self) -> float | None:
        """CPU of worker and driver together ÷ forward time; None where it was not measured."""
        if self.cost.get("forward", 0.0) <= 0:
            return None
        return (self.cost.get("worker", 0.0) + self.cost.get("driver", 0.0)) / self.cost["forward"]


@dataclass(frozen=True)
class Report:
    """All that a report says.

    Attributes:
        header, footer: the run.
        source: the name of the results file, for commands.
        warnings: what a reader must know first, such as why the results are not the whole story.
        partial: whether they are not.
        standings: the implementations, worst first.
        checks: the matrix by check.
        options: a matrix by option value for every dialect.
        groups: failure groups, of the worst implementation first.
        known: declared deviations, and what the run says of them.
        known_clauses: implementation and declaration -> the clauses that it is about.
        behaviours: open questions with their answers.
        behind: what was run in the place of what cannot be called, and what stays untested.
        remarks: known, fixed, unspecified and unsupported behaviour.
        clauses: the clauses that were tested or asked about.
        coverage, spreads, informativeness, accuracies, speeds: see those classes.
    """

    header: RunStarted
    footer: RunFinished | None
    source: str
    warnings: tuple[str, ...]
    partial: bool
    standings: tuple[Standing, ...]
    checks: Matrix
    options: tuple[Matrix, ...]
    groups: tuple[Group, ...]
    known: tuple[KnownSeen, ...]
    known_clauses: Mapping[tuple[str, str], tuple[Clause, ...]]
    behaviours: tuple[Question, ...]
    behind: tuple[Beyond, ...]
    remarks: tuple[Remark, ...]
    clauses: tuple[Tested, ...]
    coverage: tuple[Coverage, ...]
    spreads: tuple[Spread, ...]
    informativeness: tuple[Informativeness, ...]
    accuracies: tuple[Accuracy, ...]
    speeds: tuple[Speed, ...]

    @property
    def labels(self) -> Mapping[str, str]:
        """Implementation -> its name with version."""
        return {standing.name: standing.label for standing in self.standings}

    def failures_of(self, one: Beyond) -> tuple[Group, ...]:
        """The failures because of which something cannot be called."""
        return tuple(group for group in self.groups if one in group.behind)


def view(results: Results, source: str = "results.jsonl", notes: Sequence[str] = ()) -> Report:
    """The report of some results.

    Args:
        results: the results.
        source: the name of their file, as replay commands should spell it.
        notes: what the reader must know first.
    """
    lacking = (*notes, *_unfinished(results))
    cases = cases_of(results)
    behind = (*behind_of(cases), *(() if lacking else untested_of(results)))
    groups = groups_of(results, cases, source, behind)
    standings = _standings(results, cases, groups)
    order = {standing.name: rank for rank, standing in enumerate(standings)}
    ranked = _ranked(groups, order)
    asked = questions(results.behaviours, {one.name: one.label for one in standings})
    ordered = {name: cases[name] for name in order}
    return Report(
        header=results.header,
        footer=results.footer,
        source=source,
        warnings=(*lacking, *_of_the_clock(results)),
        partial=bool(lacking),
        standings=standings,
        checks=by_check(ordered, ranked),
        options=by_option(ordered, ranked),
        groups=ranked,
        known=results.known,
        known_clauses=clauses_of(results),
        behaviours=asked,
        behind=behind,
        remarks=_remarks(results),
        clauses=tested(
            {check for found in cases.values() for case in found for check in case.outcomes},
            {case.case["config"]["dialect"] for found in cases.values() for case in found},
            ranked,
            (question.clause for question in asked if question.clause),
        ),
        coverage=coverages(case for found in cases.values() for case in found),
        spreads=tuple(
            sorted(spreads(results), key=lambda one: (check_place(one.whole.check), order[one.whole.implementation]))
        ),
        informativeness=tuple(sorted(informativeness(results), key=lambda one: order[one.implementation])),
        accuracies=tuple(sorted(accuracies(results), key=lambda one: order[one.implementation])),
        speeds=tuple(sorted(_speeds(results), key=lambda one: order[one.implementation])),
    )


def numbered(results: Results) -> tuple[Group, ...]:
    """The failures, with the numbers that they have in the report of all results."""
    cases = cases_of(results)
    groups = groups_of(results, cases, "")
    standings = _standings(results, cases, groups)
    return _ranked(groups, {standing.name: rank for rank, standing in enumerate(standings)})


def _ranked(groups: Sequence[Group], order: Mapping[str, int]) -> tuple[Group, ...]:
    """Groups of the worst implementation first, those with most cases first, numbered anew."""
    ranked = sorted(groups, key=lambda group: (order[group.implementation], -group.cases, group.number))
    return linked([replace(group, number=number) for number, group in enumerate(ranked, start=1)])


def _of_the_clock(results: Results) -> Iterator[str]:
    """That a run ends before it begins (times are ISO 8601 in UTC)."""
    if results.footer is not None and results.footer.finished < results.header.started:
        yield (
            f"The run began at {results.header.started} and ended at {results.footer.finished}: a clock was set "
            "meanwhile, or differs between machines. Verdicts do not depend on it."
        )


def _unfinished(results: Results) -> Iterator[str]:
    """Why what follows is a part."""
    footer, shard = results.footer, results.header.shard
    if footer is None:
        yield "The results are cut off: the run was ended from outside or is still going on. What follows is a part."
    elif footer.reason == "interrupted":
        yield "The run was interrupted. What follows is a part."
    else:
        if shard:
            yield f"This is shard {shard} of a run. What follows is a part; merge all shards for the whole."
        if not footer.complete:
            yield f"The run is not complete: {footer.reason}."


def _standings(
    results: Results, cases: Mapping[str, Sequence[Judged]], groups: Sequence[Group]
) -> tuple[Standing, ...]:
    found = [_standing(results, name, cases[name], groups) for name in cases]
    rank = {status: index for index, status in enumerate(STATUSES)}
    return tuple(sorted(found, key=lambda one: (rank[one.status], -one.groups, -one.tally.deviating)))


def _standing(results: Results, name: str, cases: Sequence[Judged], groups: Sequence[Group]) -> Standing:
    said = [started for started in results.implementations if started.name == name]
    broken = next((started for started in said if started.state == "broken"), None)
    tally = Tally.of(case.outcome for case in cases)
    checks = by_label(cases, lambda case: case.outcomes.items()).values()
    judging, failed = sum(check.judged > 0 for check in checks), sum(check.deviating > 0 for check in checks)
    deviations = sum(group.implementation == name for group in groups)
    whole = results.footer is not None and not results.footer.cut_short
    status = _status(tally, broken is not None, whole)
    sentence = _sentence(tally, deviations, failed, judging, whole)
    if broken is not None:
        sentence = f"broken: {broken.message or 'no reason given'}." + (f" Before that: {sentence}" if cases else "")
    return Standing(
        name=name,
        label=label(name, said[0] if said else None),
        status=status,
        verdict=sentence,
        tally=tally,
        groups=deviations,
        checks=judging,
        checks_failed=failed,
        started=said[0] if said else None,
        configs=len({str(case.case["config"]) for case in cases}),
    )


def _status(tally: Tally, broken: bool, whole: bool) -> Status:
    if broken:
        return "broken"
    if tally.deviating:
        return "deviates"
    if tally.judged == 0:
        return "not run"
    return "conforms" if whole else "incomplete"


def _sentence(tally: Tally, deviations: int, failed: int, checks: int, whole: bool) -> str:
    """Such as `2 deviations in 1 of 11 checks; 1,598 of 1,600 applicable cases pass; 12 unsupported.`."""
    rest = [
        f"{tally.counts[outcome]:,} {outcome}"
        for outcome in ("known", "fixed", "unspecified", "unsupported", "not run")
        if outcome in tally.counts
    ]
    if tally.judged == 0:
        return "; ".join(["nothing was judged", *rest]) + "."
    head = f"{count(deviations, 'deviation')} in {failed} of" if deviations else "no deviation in"
    passed = tally.counts.get("pass", 0)
    every = "the only applicable case passes" if tally.judged == 1 else f"all {tally.judged:,} applicable cases pass"
    some = f"{passed:,} of {count(tally.judged, 'applicable case')} pass"
    parts = [f"{head} {count(checks, 'check')}", every if passed == tally.judged else some, *rest]
    return ("" if whole else "so far, ") + "; ".join(parts) + "."


def label(name: str, started: ImplementationStarted | None) -> str:
    """The name with its versions: `torch 2.13.0`."""
    versions = _versions(name, started)
    if versions.startswith(f"{name} "):
        return versions
    return f"{name} ({versions})" if versions else name


def _versions(name: str, started: ImplementationStarted | None) -> str:
    """The packages that a name names, with their versions."""
    versions = started.versions if started is not None else {}
    return ", ".join(f"{part} {versions[part]}" for part in dict.fromkeys(re.split(r"[:.]", name)) if part in versions)


def _remarks(results: Results) -> tuple[Remark, ...]:
    wanted: tuple[Outcome, ...] = ("known", "fixed", "unspecified", "unsupported")
    said = {
        (_where(check, verdict.outcome), verdict.outcome, verdict.message or "", record.implementation, record.id)
        for record in results.cases
        for check, verdict in record.outcomes.items()
        if verdict.outcome in wanted
    }
    found: dict[tuple[str, Outcome, str], Counter[str]] = defaultdict(Counter)
    for check, outcome, message, name, _ in sorted(said):
        found[check, outcome, message][name] += 1
    remarks = (Remark(*key, tuple(names.most_common())) for key, names in found.items())
    return tuple(sorted(remarks, key=lambda one: (wanted.index(one.outcome), -one.total)))


def _where(check: str, outcome: Outcome) -> str:
    """The check to name; none where a whole case is not supported."""
    return "" if outcome == "unsupported" else check


def _speeds(results: Results) -> tuple[Speed, ...]:
    times: dict[str, list[float]] = {}
    for record in results.cases:
        if record.seconds is not None:
            times.setdefault(record.implementation, []).append(record.seconds)
    cost = results.footer.cost if results.footer is not None else {}
    return tuple(_speed(name, sorted(some), cost.get(name, {})) for name, some in times.items())


def _speed(name: str, ordered: Sequence[float], cost: Mapping[str, float]) -> Speed:
    last = len(ordered) - 1
    return Speed(name, len(ordered), sum(ordered), ordered[last // 2], ordered[int(0.95 * last)], ordered[last], cost)
