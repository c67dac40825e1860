"""Which dropout masks the rows of a batch show, and whether these are what they should be.

All masks are tried on the reference. A row that no mask explains is wrong, without a doubt. Of rows that are explained,
elements of the mask that the results tell from all others are counted; which these are follows from the reference
alone, so that counting is not biased by what came.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, groupby

import numpy as np

from conformance.checks.chance import is_unlikely
from conformance.checks.observation import Reply
from conformance.laws import Dropped, SameMasks, Site
from conformance.reference import Expected, Precision, evaluate
from conformance.spec import Array, Floats, OutputContract, Tensors, as_floats, outputs_of

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

MANY = 40
"""Random bits of one call, at least, that do not come twice by chance: less often than once in 2^40, about 10^12."""

Problem = tuple[str, str]
"""What is wrong, and a short key for it."""


class Masks:
    """All masks of a layer, and what the reference gives for each."""

    def __init__(self, dropped: Dropped, precision: Precision, scaled: bool = True) -> None:
        self.dropped = dropped
        self.precision = precision
        self.kept = (
            np.array([[mask >> bit & 1 for bit in range(len(self.sites))] for mask in range(2 ** len(self.sites))]) > 0
        )
        self.due = self._due(scaled)

    @property
    def sites(self) -> tuple[Site, ...]:
        """The elements of a mask."""
        return self.dropped.sites

    def _due(self, scaled: bool) -> list[tuple[Floats, Floats]]:
        """For every output the values and allowances with each mask: (masks, elements)."""
        draws = [self._masked(kept, scaled) for kept in self.kept]
        found = evaluate(self.dropped.config, draws, self.precision, "signed")
        return [_stacked(column) for column in zip(*found, strict=True)]

    def _masked(self, kept: Bools, scaled: bool) -> Tensors:
        given = self.dropped.tensors
        changed = [array.copy() for array in given.weights]
        between = None if given.between is None else given.between.copy()
        for site, is_kept in zip(self.sites, kept, strict=True):
            factor = float(is_kept) / (1 - self.dropped.rates[site.kind] if scaled else 1)
            part = between if site.weight is None else changed[site.weight]
            if part is not None:
                part[site.index] *= factor
        return replace(given, weights=tuple(changed), between=between)

    def explaining(self, reply: Reply) -> Bools:
        """Which masks explain which rows: (rows, masks)."""
        contract = outputs_of(self.dropped.config, self.dropped.tensors)
        fits: list[Bools | np.bool_] = []
        for (value, allowed), output, array in zip(self.due, contract, reply.outputs, strict=True):
            rows = _rows(output, array)
            fits.append((np.abs(rows[:, None] - value) <= allowed).all(axis=2))
        together: Bools = np.all(fits, axis=0)
        return together

    @cached_property
    def clear(self) -> Bools:
        """The elements that results always tell: no two masks that differ in one give what might be the same."""
        apart = np.zeros((len(self.kept), len(self.kept)), bool)
        for value, allowed in self.due:
            for place in range(value.shape[1]):
                v, a = value[:, place], allowed[:, place]
                apart |= np.abs(v[:, None] - v) > a[:, None] + a
        differ = self.kept[:, None] != self.kept
        clear: Bools = ~(differ & ~apart[..., None]).any(axis=(0, 1))
        return clear


def _stacked(column: Sequence[Expected]) -> tuple[Floats, Floats]:
    count = len(column)
    values = np.stack([np.zeros(it.allowed.shape) if it.value is None else it.value for it in column])
    return values.reshape(count, -1), np.stack([it.allowed for it in column]).reshape(count, -1)


def _rows(output: OutputContract, array: Array) -> Floats:
    """(rows, elements of one row)."""
    moved = np.moveaxis(as_floats(array), output.axes.index("batch"), 0)
    return moved.reshape(len(moved), -1)


@dataclass(frozen=True)
class Seen:
    """The masks that the rows of some calls show: (calls, rows, sites), True where something was kept."""

    kept: Bools
    clear: Bools


# ---------------------------------------------------------------- what must hold


def problem(dropped: Dropped, replies: Sequence[Reply], precision: Precision) -> Problem | None:
    """What is wrong with the masks of independent calls."""
    masks = Masks(dropped, precision)
    found = [masks.explaining(replies[call]) for call in dropped.calls]
    for fits, call in zip(found, dropped.calls, strict=True):
        if not fits.any(axis=1).all():
            return _unexplained(dropped, fits, replies[call], precision)
    seen = Seen(np.stack([masks.kept[fits.argmax(axis=1)] for fits in found]), masks.clear)
    return next(_odd(dropped, seen), None)


def differing(relation: SameMasks, replies: Sequence[Reply], precision: Precision) -> Problem | None:
    """What is wrong with a call that must show the masks of another one."""
    masks = Masks(relation.dropped, precision)
    here, there = (masks.explaining(replies[call]) for call in (relation.call, relation.other))
    if not here.any(axis=1).all():
        return _unexplained(relation.dropped, here, replies[relation.call], precision)
    differ = masks.kept[here.argmax(axis=1)] != masks.kept[there.argmax(axis=1)]
    count = int(differ[:, masks.clear].any(axis=1).sum())
    return (f"{relation.told}: those of {count} of {len(differ)} rows differ", relation.told) if count else None


def _unexplained(dropped: Dropped, fits: Bools, reply: Reply, precision: Precision) -> Problem:
    """Why rows may have come out as they did."""
    rows = np.flatnonzero(~fits.any(axis=1))
    rates = ", ".join(f"{kind} {rate}" for kind, rate in dropped.rates.items())
    told = f"in training, {len(rows)} of {len(fits)} rows are explained by no mask of 0 and 1/(1-rate) (rates: {rates})"
    unscaled = Masks(dropped, precision, scaled=False).explaining(reply)
    if unscaled[:, -1].all():
        return f"{told}; nothing is dropped", "nothing is dropped"
    if unscaled.any(axis=1).all():
        return f"{told}; what is kept is not multiplied by 1/(1-rate)", "not scaled"
    return f"{told}; the first is row {rows[0]}", "no mask"


def _odd(dropped: Dropped, seen: Seen) -> Iterator[Problem]:
    """What is too unlikely, all tests together."""
    kinds = [
        (kind, group, [number for number, _ in members if seen.clear[number]])
        for (kind, group), members in groupby(enumerate(dropped.sites), lambda it: (it[1].kind, it[1].group))
    ]
    pairs = [
        (one, other)
        for one, other in combinations(np.flatnonzero(seen.clear).tolist(), 2)
        if dropped.sites[one].group == dropped.sites[other].group
    ]
    tests = 2 * len(kinds) + len(pairs)
    for kind, _, members in kinds:
        keep = 1 - dropped.rates[kind]
        kept = seen.kept[..., members]
        if is_unlikely(int(kept.sum()), kept.size, keep, tests):
            yield f"{kind}: {kept.mean():.3f} is kept, at a rate of {1 - keep}; {kept.size} were drawn", f"{kind}: rate"
        equal = kept[:, 0::2] == kept[:, 1::2]
        if is_unlikely(int(equal.sum()), equal.size, keep**2 + (1 - keep) ** 2, tests):
            yield f"{kind}: the masks of different rows depend on each other", f"{kind}: rows"
    for one, other in pairs:
        a, b = (1 - dropped.rates[dropped.sites[it].kind] for it in (one, other))
        equal = seen.kept[..., one] == seen.kept[..., other]
        if is_unlikely(int(equal.sum()), equal.size, a * b + (1 - a) * (1 - b), tests):
            yield (
                f"{_name(dropped, one)} and {_name(dropped, other)} are dropped together, or never together",
                "elements",
            )
    first, *others = seen.kept
    if first[:, seen.clear].size >= MANY * 4 and any(np.array_equal(first, other) for other in others):
        yield "a second call draws the masks of the first again", "calls"


def _name(dropped: Dropped, number: int) -> str:
    site = dropped.sites[number]
    return f"{site.kind} {list(site.index) if site.weight is None else number}"
