"""How the time of the same cases changed."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from conformance.results.align import Aligned
from conformance.results.kinds import Thresholds

MEASURABLE = 100e-6
"""Seconds that a call must take, before and after, to be timed: a hundred times what the files resolve."""

FEWEST = 8
"""With fewer timed cases nothing is said."""


@dataclass(frozen=True)
class Quartiles:
    """A quarter, half and three quarters of some numbers are at most `low`, `median` and `high`."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Quartiles:
        """The quartiles of at least one number."""
        if len(numbers) == 1:
            return cls(numbers[0], numbers[0], numbers[0])
        low, median, high = statistics.quantiles(numbers, n=4, method="inclusive")
        return cls(low, median, high)


@dataclass(frozen=True)
class Speed:
    """Time per case, after ÷ before.

    Attributes:
        layer: of which layer; None: of all.
        cases: number of cases that were long enough to be timed, before and after.
        ratio: quartiles over these cases.
        kind: None if it is about the same.
    """

    layer: str | None
    cases: int
    ratio: Quartiles
    kind: Literal["slower", "faster"] | None


def speeds(cases: Aligned, thresholds: Thresholds) -> tuple[Speed, ...]:
    """The speed of all cases first, then by layer, where enough cases were timed."""
    ratios: dict[str, list[float]] = {}
    for layer, ratio in _ratios(cases):
        ratios.setdefault(layer, []).append(ratio)
    everything = [ratio for some in ratios.values() for ratio in some]
    named: list[tuple[str | None, list[float]]] = [(None, everything)]
    if len(ratios) > 1:
        named += sorted(ratios.items())
    return tuple(_speed(layer, some, thresholds) for layer, some in named if len(some) >= FEWEST)


def _ratios(cases: Aligned) -> Iterator[tuple[str, float]]:
    """The layer and the ratio of the times of every case that is long enough."""
    for before, after in cases.common:
        took, takes = before.seconds or 0.0, after.seconds or 0.0
        if min(took, takes) >= MEASURABLE:
            yield before.case["config"]["layer"], takes / took


def _speed(layer: str | None, ratios: Sequence[float], thresholds: Thresholds) -> Speed:
    ratio = Quartiles.of(ratios)
    if ratio.median > thresholds.speed and ratio.low > 1:
        return Speed(layer, len(ratios), ratio, "slower")
    if ratio.median < 1 / thresholds.speed and ratio.high < 1:
        return Speed(layer, len(ratios), ratio, "faster")
    return Speed(layer, len(ratios), ratio, None)
