"""Sizes that matter: vector remainders, borders of chunks and special shapes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping

from conformance.generate import covering
from conformance.spec import Dialect, LayerConfig, Sizes, Value

SPECIAL = (1, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129)
"""Units, features and rows: vector code works in blocks of 4 to 128 numbers, and these lie on either side of each."""

LENGTHS = (1, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 300)
"""Timesteps: sequences are cut into chunks in the same way; errors have time to add up."""

UNROLLED = 17
"""Longest sequence that is unrolled: a graph with a node for every step takes long to compile."""

_WALKS = {"units": (1, 0), "features": (7, 3), "batch": (11, 5)}
"""How each size walks through `SPECIAL`: stride and first place. The strides have no divisor in common with its length,
so each size meets every value, mostly beside different ones."""


_STRIDE = 7
"""Rows of the covering array by which its options go on from size to size, or the next number that reaches all rows."""


def sized_configs(dialect: Dialect, part: int) -> Iterator[LayerConfig]:
    """Configurations with every special size, with default options and with others.

    Args:
        dialect: the API contract.
        part: 1: every layer has all sizes, with both; n: one in n of the sizes, another part in each layer, with
            default options and others by turns.
    """
    for place, layer in enumerate(dialect.layers):
        rows = [row for row in covering.load(dialect.name, 2) if row["layer"] == layer]
        planned = (*_wide(place), *_long())
        stride = next(number for number in itertools.count(_STRIDE) if math.gcd(number, len(rows)) == 1)
        for index, sizes in enumerate(planned):
            if index % part != place % part:
                continue
            walk = (rows[stride * (index + further) % len(rows)] for further in range(len(rows)))
            others = (_config(dialect, layer, row, sizes) for row in walk)
            other = next(config for config in others if config.sizes == sizes)  # where no option forbids them
            both = (_config(dialect, layer, {}, sizes), other)
            yield from dict.fromkeys(both if part == 1 else (both[(index // part + 1) % 2],))


def _wide(place: int) -> Iterator[Sizes]:
    """Every special number of units, of features and of rows, over few steps."""
    for index in range(len(SPECIAL)):
        walked = {
            name: SPECIAL[(stride * (index + place) + first) % len(SPECIAL)] for name, (stride, first) in _WALKS.items()
        }
        yield Sizes(timesteps=2 + index % 5, **walked)


def _long() -> Iterator[Sizes]:
    """Every special length, in small layers."""
    for index, timesteps in enumerate(LENGTHS):
        yield Sizes(2 + index % 2, timesteps, 3, 4 + index % 2)


def _config(dialect: Dialect, layer: str, row: Mapping[str, Value], sizes: Sizes) -> LayerConfig:
    chosen = {name: value for name, value in row.items() if name != "layer"}
    if sizes.timesteps > UNROLLED and "unroll" in chosen:
        chosen["unroll"] = False
    return LayerConfig.fitting(dialect.name, layer, chosen, sizes)
