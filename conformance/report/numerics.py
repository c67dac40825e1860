"""Error ÷ allowed, activation accuracy, and elements that could say little."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from conformance.engine.events import Elements
from conformance.errors import SpecError
from conformance.reference import precision
from conformance.results import Results

LOWEST, HIGHEST, BINS_PER_DECADE = -4, 2, 4
"""The decades of error ÷ allowed that are drawn; what is outside stands at the ends."""


@dataclass(frozen=True)
class Distribution:
    """Error ÷ allowed of many cases (one number a case: its largest).

    Attributes:
        implementation, check: whose.
        part: of cases with one type (`float32`) or a range of time steps (`T 5-16`) only; None: all.
        number: how many.
        zero: how many are exactly 0.
        above: how many are above 1 (or not numbers): wrong.
        median, p99, largest: of all, those that are 0 included.
        bins: counts of those that are not 0 on a log scale; the first is all below the lowest decade, the last all
            above the highest.
        sample, weak, uninformative: elements of those cases in which they were counted, and how many could say little.
    """

    implementation: str
    check: str
    part: str | None
    number: int
    zero: int
    above: int
    median: float
    p99: float
    largest: float
    bins: tuple[int, ...]
    sample: int
    weak: int
    uninformative: int


@dataclass(frozen=True)
class Informativeness:
    """Elements of one implementation's outputs, and how many of them could say little.

    Attributes:
        implementation: whose.
        all: over all judged cases; weak and uninformative elements are counted only in `sample`.
        sample: over the cases where they were counted.
    """

    implementation: str
    all: Elements
    sample: Elements


@dataclass(frozen=True)
class Accuracy:
    """How exactly one implementation computes in a type.

    Attributes:
        implementation, dtype: which.
        tanh, sigmoid: accuracy of activations in units of rounding, relative and absolute.
        measured: whether that was measured; otherwise it is the widest that is accepted.
        bits: significant bits of the type; 0 for one that is not known.
        kept: bits that the worst value of a case keeps in half of the cases: `bits`, less those by which its error is
            above what is allowed. None: no values were compared.
    """

    implementation: str
    dtype: str
    tanh: tuple[float, ...]
    sigmoid: tuple[float, ...]
    measured: bool
    bits: int = 0
    kept: int | None = None


STEPS = (4, 16, 64)
"""Cases are told apart by their number of time steps: up to 4, 16, 64, and more."""

FEW = 20
"""So few cases are not told apart: nothing could be seen."""


@dataclass(frozen=True)
class Spread:
    """One check on one implementation, as a whole and in parts.

    Attributes:
        whole: all its cases.
        parts: cases of one type each, then of one range of time steps each; none where there are few cases or one part.
    """

    whole: Distribution
    parts: tuple[Distribution, ...]


@dataclass(frozen=True)
class _Seen:
    """One verdict: its type, its range of time steps, its ratio, and the elements of which it is the largest."""

    dtype: str
    steps: str
    ratio: float
    elements: Elements | None


def spreads(results: Results) -> tuple[Spread, ...]:
    """One for each check and implementation."""
    seen: dict[tuple[str, str], list[_Seen]] = defaultdict(list)
    for record in results.cases:
        config = record.case["config"]
        dtype, steps = str(config["options"].get("dtype", "")), _steps(int(config["sizes"].get("timesteps", 0)))
        for check, verdict in record.outcomes.items():
            if verdict.ratio is not None:
                one = _Seen(dtype, steps, verdict.ratio, verdict.elements)
                seen[check, record.implementation].append(one)
    return tuple(
        Spread(_distribution(name, check, None, found), tuple(_parts(name, check, found)))
        for (check, name), found in sorted(seen.items())
    )


def _steps(number: int) -> str:
    """The range of a number of time steps, in an order that sorts."""
    for low, high in zip((0, *STEPS), STEPS, strict=False):
        if number <= high:
            return f"T {low + 1}–{high}"
    return f"T > {STEPS[-1]}"


def _parts(name: str, check: str, found: Sequence[_Seen]) -> Iterable[Distribution]:
    if len(found) < FEW:
        return
    order = {_steps(steps): place for place, steps in enumerate((*STEPS, STEPS[-1] + 1))}
    for by in (attrgetter("dtype"), attrgetter("steps")):
        parts: dict[str, list[_Seen]] = defaultdict(list)
        for one in found:
            parts[by(one)].append(one)
        if len(parts) > 1:
            for part in sorted(parts, key=lambda part: (order.get(part, -1), part)):
                yield _distribution(name, check, part, parts[part])


def _distribution(name: str, check: str, part: str | None, seen: Sequence[_Seen]) -> Distribution:
    ordered = sorted(math.inf if math.isnan(one.ratio) else one.ratio for one in seen)
    sample = _sum([one.elements for one in seen if one.elements is not None and one.elements.measured])
    bins = [0] * ((HIGHEST - LOWEST) * BINS_PER_DECADE + 2)
    for ratio in ordered:
        if ratio > 0:
            bins[_bin(ratio)] += 1
    return Distribution(
        implementation=name,
        check=check,
        part=part,
        number=len(ordered),
        zero=sum(ratio == 0 for ratio in ordered),
        above=sum(ratio > 1 for ratio in ordered),
        median=ordered[(len(ordered) - 1) // 2],
        p99=ordered[min(len(ordered) - 1, math.ceil(0.99 * len(ordered)) - 1)],
        largest=ordered[-1],
        bins=tuple(bins),
        sample=sample.judged,
        weak=sample.weak,
        uninformative=sample.uninformative,
    )


def _bin(ratio: float) -> int:
    """The bin of a ratio above 0; a ratio of exactly 1 is allowed and stands left of the line."""
    if math.isinf(ratio):
        return (HIGHEST - LOWEST) * BINS_PER_DECADE + 1
    place = math.ceil((math.log10(ratio) - LOWEST) * BINS_PER_DECADE)
    return min(max(place, 0), (HIGHEST - LOWEST) * BINS_PER_DECADE + 1)


def informativeness(results: Results) -> tuple[Informativeness, ...]:
    """One for each implementation whose elements were compared."""
    found: dict[str, list[Elements]] = defaultdict(list)
    for record in results.cases:
        found[record.implementation] += [v.elements for v in record.outcomes.values() if v.elements is not None]
    return tuple(
        Informativeness(name, _sum(elements), _sum([entry for entry in elements if entry.measured]))
        for name, elements in found.items()
        if elements
    )


def _sum(elements: Sequence[Elements]) -> Elements:
    names = [entry.name for entry in fields(Elements) if entry.name != "measured"]
    totals = {name: sum(getattr(entry, name) for entry in elements) for name in names}
    return Elements(**totals, measured=bool(elements) and all(entry.measured for entry in elements))


def accuracies(results: Results) -> tuple[Accuracy, ...]:
    """Activation accuracy as calibrated (or capped) and bits kept, by implementation and dtype."""
    ratios = _ratios_of_values(results)
    return tuple(
        Accuracy(
            implementation=started.name,
            dtype=dtype,
            tanh=_pair(found.get("tanh")),
            sigmoid=_pair(found.get("sigmoid")),
            measured=found.get("measured") is True,
            bits=_bits(dtype),
            kept=_kept(_bits(dtype), ratios[started.name, dtype]),
        )
        for started in results.implementations
        for dtype, found in started.calibration.items()
        if isinstance(found, Mapping)
    )


def _ratios_of_values(results: Results) -> Mapping[tuple[str, str], list[float]]:
    """Error ÷ allowed of plain calls, by implementation and dtype; NaN counts as infinite."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for record in results.cases:
        verdict = record.outcomes.get("values")
        if verdict is not None and verdict.ratio is not None:
            dtype = str(record.case["config"]["options"].get("dtype", ""))
            found[record.implementation, dtype].append(math.inf if math.isnan(verdict.ratio) else verdict.ratio)
    return found


def _bits(dtype: str) -> int:
    """Significant bits of a type; 0 for one that is not known."""
    try:
        return -round(math.log2(precision(dtype).u))
    except SpecError:
        return 0


def _kept(bits: int, ratios: Sequence[float]) -> int | None:
    if not ratios or not bits:
        return None
    middle = sorted(ratios)[len(ratios) // 2]
    return bits if middle <= 1 else 0 if math.isinf(middle) else max(0, bits - math.ceil(math.log2(middle)))


def _pair(found: Any) -> tuple[float, ...]:
    """Numbers from an implementation's own words; what is no number is left out."""
    values = found if isinstance(found, list | tuple) else ()
    return tuple(float(value) for value in values if isinstance(value, int | float))
