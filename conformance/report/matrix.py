"""The matrices: what (a check, an option's value) against which implementation."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from conformance.checks import CHECKS
from conformance.engine.events import DEVIATIONS, Outcome
from conformance.report.coverage import known_dialect
from conformance.report.groups import Group
from conformance.report.tally import Judged, Tally
from conformance.spec import Dialect

Cases = Mapping[str, Sequence[Judged]]
"""Implementation -> its cases."""

Labels = Callable[[Judged], Iterable[tuple[str, Outcome]]]
"""The rows to which a case contributes, with the outcome that it adds there."""


@dataclass(frozen=True)
class Cell:
    """One implementation in one row.

    Attributes:
        tally: its cases there.
        groups: the groups that explain its deviations, the one with most of its cases first.
        tested: whether the implementation was tested at all.
    """

    tally: Tally
    groups: tuple[Group, ...] = ()
    tested: bool = True

    @property
    def anchor(self) -> str | None:
        """The place of the group that explains most of its deviations; None if none does."""
        return self.groups[0].anchor if self.groups else None

    @property
    def explained(self) -> str:
        """Where the link leads, and which other groups there are: `failure 4; also 1, 6`."""
        first, *others = (str(group.number) for group in self.groups)
        return f"failure {first}" + (f"; also {', '.join(others)}" if others else "")

    @property
    def outcome(self) -> Outcome | None:
        """The most severe outcome; None if nothing of this row applies to the implementation."""
        return self.tally.outcome if self.tested else "not run"

    @property
    def says(self) -> tuple[Outcome | None, str, str]:
        """Equal for cells that look the same."""
        return self.outcome, self.text, self.tally.words

    @property
    def level(self) -> int:
        """How much of it fails, from 0 (nothing) over 1 (up to a tenth), 2 (half), 3 (more) to 4 (all)."""
        failing, judged = self.tally.deviating, self.tally.judged
        return sum(failing > threshold * judged for threshold in (0, 0.1, 0.5)) + (0 < failing == judged)

    @property
    def text(self) -> str:
        """What stands beside the glyph: `3/212` of judged if something is not a plain pass, else a number."""
        outcome, tally = self.tally.outcome, self.tally
        if outcome is None:
            return ""
        if tally.deviating:
            return f"{tally.deviating:,}/{tally.judged:,}"
        if outcome in ("known", "fixed"):
            return f"{tally.counts[outcome]:,}/{tally.judged:,}"
        return f"{tally.counts[outcome]:,}"


@dataclass(frozen=True)
class Row:
    """One row with a cell for every column."""

    name: str
    meaning: str
    cells: tuple[Cell, ...]

    @property
    def spans(self) -> tuple[tuple[Cell, int], ...]:
        """The cells; neighbours that say the same and do not deviate are one, with the number of its columns."""
        merged: list[tuple[Cell, int]] = []
        for cell in self.cells:
            if merged and not cell.tally.deviating and merged[-1][0].says == cell.says:
                merged[-1] = (merged[-1][0], merged[-1][1] + 1)
            else:
                merged.append((cell, 1))
        return tuple(merged)


@dataclass(frozen=True)
class Section:
    """Rows that belong together, such as the values of one option."""

    name: str
    meaning: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Matrix:
    """A table; `columns` are names of implementations."""

    title: str
    columns: tuple[str, ...]
    sections: tuple[Section, ...]


def by_check(cases: Cases, groups: Sequence[Group]) -> Matrix:
    """A row for every check that was run."""
    explained: dict[tuple[str, str], list[Group]] = defaultdict(list)
    for group in groups:
        for check in (group.check, *group.also):
            explained[group.implementation, check].append(group)
    tallies = {name: by_label(found, lambda case: case.outcomes.items()) for name, found in cases.items()}
    seen = dict.fromkeys(check for found in cases.values() for case in found for check in case.outcomes)
    checks = [*(check for check in CHECKS if check in seen), *(check for check in seen if check not in CHECKS)]
    rows = tuple(
        Row(
            check,
            CHECKS[check].meaning if check in CHECKS else "",
            tuple(
                Cell(tallies[name].get(check, Tally()), _own_first(check, explained[name, check]), bool(found))
                for name, found in cases.items()
            ),
        )
        for check in checks
    )
    return Matrix("Checks", tuple(cases), (Section("", "", rows),))


def _own_first(check: str, groups: Sequence[Group]) -> tuple[Group, ...]:
    """The groups of a check before those that only have it as a consequence."""
    return tuple(sorted(groups, key=lambda group: group.check != check))


def by_option(cases: Cases, groups: Sequence[Group]) -> tuple[Matrix, ...]:
    """For every dialect a row for each value of each option, and for each kind of invalid configuration.

    A case counts with its most severe outcome. Invalid configurations count only in their own rows.
    """
    by_dialect: dict[str, list[str]] = defaultdict(list)
    for name, found in cases.items():
        for dialect in dict.fromkeys(case.case["config"]["dialect"] for case in found):
            by_dialect[dialect].append(name)
    return tuple(
        _option_matrix(rules, {name: _of(rules, cases[name]) for name in names}, groups)
        for dialect, names in sorted(by_dialect.items())
        if (rules := known_dialect(dialect)) is not None
    )


def _of(rules: Dialect, cases: Sequence[Judged]) -> tuple[Judged, ...]:
    return tuple(case for case in cases if case.case["config"]["dialect"] == rules.name)


def _option_matrix(rules: Dialect, cases: Cases, groups: Sequence[Group]) -> Matrix:
    tallies = {name: by_label(found, _values) for name, found in cases.items()}
    explained = {
        name: _explained(found, [group for group in groups if group.implementation == name])
        for name, found in cases.items()
    }

    def cells(label: str) -> tuple[Cell, ...]:
        return tuple(Cell(found.get(label, Tally()), explained[name].get(label, ())) for name, found in tallies.items())

    def section(name: str, meaning: str, values: Iterable[tuple[str, str]]) -> Section:
        rows = (Row(value, note, cells(f"{name}={value}")) for value, note in values)
        return Section(name, meaning, tuple(row for row in rows if any(cell.tally.total for cell in row.cells)))

    sections = [
        section("layer", "kind of layer", [(layer.name, layer.class_name) for layer in rules.layers.values()]),
        *(
            section(
                option.name, option.meaning, [(str(v), "default" if v == option.default else "") for v in option.values]
            )
            for option in rules.options.values()
        ),
        section(
            "invalid",
            "must be refused with an error of the implementation's own",
            [(rejection.id, rejection.meaning) for rejection in rules.rejections.values()],
        ),
    ]
    return Matrix(rules.title, tuple(cases), tuple(section for section in sections if section.rows))


def _values(case: Judged) -> Iterable[tuple[str, Outcome]]:
    outcome = case.outcome
    if case.rejection is not None:
        return [(f"invalid={case.rejection}", outcome)]
    return [(f"{name}={value}", outcome) for name, value in case.options.items()]


def by_label(cases: Iterable[Judged], labels: Labels) -> dict[str, Tally]:
    """The tally of every row to which some case contributes."""
    outcomes: dict[str, list[Outcome]] = defaultdict(list)
    for case in cases:
        for label, outcome in labels(case):
            outcomes[label].append(outcome)
    return {label: Tally.of(some) for label, some in outcomes.items()}


def _explained(cases: Iterable[Judged], groups: Sequence[Group]) -> dict[str, tuple[Group, ...]]:
    """For every row the groups of its deviating cases, those with most of them first."""
    of_case: dict[str, list[Group]] = defaultdict(list)
    of_check: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        for name in group.ids:
            of_case[name].append(group)
        for check in group.also:
            of_check[check].append(group)

    def behind(case: Judged) -> Iterable[Group]:
        """The groups that have the case; else those of which a failing check is a consequence."""
        failing = [check for check, outcome in case.outcomes.items() if outcome in DEVIATIONS]
        return of_case.get(case.id) or [group for check in failing for group in of_check.get(check, ())]

    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for case in cases:
        for label, outcome in _values(case):
            if outcome in DEVIATIONS:
                counts[label].update(list(dict.fromkeys(group.anchor for group in behind(case))))
    by_anchor = {group.anchor: group for group in groups}
    return {label: tuple(by_anchor[anchor] for anchor, _ in some.most_common()) for label, some in counts.items()}
