"""Of many configurations the few that differ most: what Hypothesis draws in a row is often nearly the same."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import combinations
from operator import or_

from conformance.spec import LayerConfig

TOGETHER = 3
"""Combinations of so many values count."""

FEW = 8
"""Sizes up to this one count as the same, apart from 1, where broadcasting begins; those above it too."""


def diverse(configs: Sequence[LayerConfig], count: int, beside: Iterable[LayerConfig] = ()) -> tuple[LayerConfig, ...]:
    """Up to `count` of the configurations: always the one with the most combinations that none before it has.

    A combination is of any three values of layer, options and sizes. What a configuration adds only becomes less, so
    one that still adds the most as of now needs no look at the others (lazy greedy: Minoux 1978).

    Args:
        configs: to choose from.
        count: how many.
        beside: those that are run as well.
    """
    numbers: dict[tuple[tuple[str, str], ...], int] = {}
    has = [_bits(config, numbers) for config in configs]
    seen = reduce(or_, (_bits(config, numbers) for config in beside), 0)
    waiting = [(-(those & ~seen).bit_count(), place) for place, those in enumerate(has)]
    heapq.heapify(waiting)
    chosen: list[LayerConfig] = []
    while waiting and len(chosen) < count:
        _, place = heapq.heappop(waiting)
        now = (-(has[place] & ~seen).bit_count(), place)
        if waiting and now > waiting[0]:
            heapq.heappush(waiting, now)
            continue
        chosen.append(configs[place])
        seen |= has[place]
    return tuple(chosen)


def _bits(config: LayerConfig, numbers: dict[tuple[tuple[str, str], ...], int]) -> int:
    """A bit for each combination that a configuration has; combinations that are new get the next number."""
    bits = 0
    for combination in combinations(_values(config), TOGETHER):
        bits |= 1 << numbers.setdefault(combination, len(numbers))
    return bits


def _values(config: LayerConfig) -> list[tuple[str, str]]:
    sizes = ((name, _class_of(size)) for name, size in vars(config.sizes).items())
    return [("layer", config.layer), *((name, str(value)) for name, value in config.items), *sizes]


def _class_of(size: int) -> str:
    return "one" if size == 1 else "few" if size <= FEW else "many"
