"""What the cases exercised: option values, pairs of them, and rejections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.errors import SpecError
from conformance.generate import covering
from conformance.report.tally import Judged
from conformance.report.vocabulary import PHASES
from conformance.spec import Dialect, load_dialect


@dataclass(frozen=True)
class ValueCoverage:
    """How many cases had one value of an option, by phase."""

    value: str
    is_default: bool
    by_phase: tuple[int, ...]
    cases: int


@dataclass(frozen=True)
class OptionCoverage:
    """The values of one option."""

    name: str
    meaning: str
    values: tuple[ValueCoverage, ...]


@dataclass(frozen=True)
class PhaseCoverage:
    """What one phase, or all of them, exercised: cases, configurations, pairs and triples of option values."""

    phase: str
    cases: int
    configs: int
    pairs: int
    triples: int


@dataclass(frozen=True)
class Coverage:
    """What was exercised of one dialect.

    A case counts once however many implementations ran it, and only if one of them could be judged.

    Attributes:
        title: of the dialect.
        phases: by phase; the last one is all of them.
        pairs_possible: pairs of option values (the layer is one of the options) that some valid configuration has.
        triples_possible: triples of them.
        pairs_missing: those that no case had, spelled out.
        rejections, rejections_possible: kinds of invalid configurations.
        options: by option.
    """

    dialect: str
    title: str
    phases: tuple[PhaseCoverage, ...]
    pairs_possible: int
    triples_possible: int
    pairs_missing: tuple[str, ...]
    rejections: int
    rejections_possible: int
    options: tuple[OptionCoverage, ...]

    @property
    def total(self) -> PhaseCoverage:
        """All phases together."""
        return self.phases[-1]


def coverages(cases: Iterable[Judged]) -> tuple[Coverage, ...]:
    """The coverage of every dialect that any case belongs to."""
    by_dialect: dict[str, dict[str, Judged]] = {}
    for case in cases:
        if case.judged:
            by_dialect.setdefault(case.case["config"]["dialect"], {}).setdefault(case.id, case)
    return tuple(
        _coverage(rules, tuple(found.values()))
        for name, found in sorted(by_dialect.items())
        if (rules := known_dialect(name)) is not None
    )


def known_dialect(name: str) -> Dialect | None:
    """The dialect of that name; None if this version's specification has none."""
    try:
        return load_dialect(name)
    except SpecError:
        return None


def _coverage(rules: Dialect, cases: Sequence[Judged]) -> Coverage:
    valid = [case for case in cases if case.rejection is None]
    possible = {strength: covering.valid_tuples(rules, strength) for strength in (2, 3)}
    covered = possible[2] & covering.covered(_rows(valid), 2)
    chosen = {phase: [case for case in cases if case.phase == phase] for phase in PHASES}
    if not chosen["behind"]:  # as a rule nothing is
        del chosen["behind"]
    return Coverage(
        dialect=rules.name,
        title=rules.title,
        phases=tuple(_phase(name, some, possible) for name, some in {**chosen, "all": cases}.items()),
        pairs_possible=len(possible[2]),
        triples_possible=len(possible[3]),
        pairs_missing=tuple(sorted(_spelled(pair) for pair in possible[2] - covered)),
        rejections=len({case.rejection for case in cases if case.rejection}),
        rejections_possible=len(rules.rejections),
        options=_options(rules, valid, tuple(chosen)),
    )


def _phase(
    name: str, cases: Sequence[Judged], possible: Mapping[int, set[frozenset[tuple[str, Any]]]]
) -> PhaseCoverage:
    rows = _rows(case for case in cases if case.rejection is None)
    configs = {str(sorted(case.options.items())) + str(sorted(case.case["config"]["sizes"].items())) for case in cases}
    pairs, triples = (len(all_of & covering.covered(rows, strength)) for strength, all_of in possible.items())
    return PhaseCoverage(name, len(cases), len(configs), pairs, triples)


def _rows(cases: Iterable[Judged]) -> list[dict[str, Any]]:
    """The different combinations of layer and options."""
    return list({str(sorted(case.options.items())): case.options for case in cases}.values())


def _spelled(pair: frozenset[tuple[str, Any]]) -> str:
    return " · ".join(sorted(f"{name}={value}" for name, value in pair))


def _options(rules: Dialect, cases: Sequence[Judged], phases: Sequence[str]) -> tuple[OptionCoverage, ...]:
    counts: Counter[tuple[str, str, str]] = Counter(
        (name, str(value), case.phase) for case in cases for name, value in case.options.items()
    )

    def value(option: str, value: str, default: str | None) -> ValueCoverage:
        by_phase = tuple(counts.get((option, value, phase), 0) for phase in phases)
        return ValueCoverage(value, value == default, by_phase, sum(by_phase))

    layers = OptionCoverage("layer", "kind of layer", tuple(value("layer", name, None) for name in rules.layers))
    return (
        layers,
        *(
            OptionCoverage(
                option.name,
                option.meaning,
                tuple(value(option.name, str(one), str(option.default)) for one in option.values),
            )
            for option in rules.options.values()
        ),
    )
