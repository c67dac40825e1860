"""Error symbols: how they arise step by step, and how their number is kept in hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conformance.reference.bounded import Bounded
from conformance.spec import Floats


class Symbols:
    """The symbols of one run through time, the same number of them in every row of every draw.

    Attributes:
        most: reduce when there are more than this.
        count: how many there are.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.count = 0

    def promote(self, number: Bounded) -> Bounded:
        """The same number, its box turned into fresh symbols, one per unit."""
        if not number.box.any():
            return number
        units = number.box.shape[-1]
        gens = np.zeros((*number.box.shape[:-1], self.count + units, units))
        if number.gens is not None:
            gens[..., : number.gens.shape[-2], :] = number.gens
        unit = np.arange(units)
        gens[..., self.count + unit, unit] = number.box
        self.count += units
        return replace(number, box=np.zeros_like(number.box), gens=gens, exact=False)

    def carry(self, states: tuple[Bounded, ...]) -> tuple[Bounded, ...]:
        """The states at the end of a step: no boxes, and not too many symbols."""
        states = tuple(self.promote(state) for state in states)
        return states if self.count <= self.most else self._reduce(states)

    def _reduce(self, states: tuple[Bounded, ...]) -> tuple[Bounded, ...]:
        """Keep the half of the symbols that matter most, row by row; the others go back into the boxes.

        Replacing symbols by the box around them encloses them (Girard 2005, section 3.4).
        """
        padded = [self._padded(state) for state in states]
        weight = sum(np.abs(gens).sum(axis=-1) for gens in padded)
        order = np.argsort(-np.asarray(weight), axis=-1, kind="stable")
        self.count = self.most // 2
        kept, dropped = order[..., : self.count, None], order[..., self.count :, None]
        return tuple(
            replace(
                state,
                gens=np.take_along_axis(gens, kept, axis=-2),
                box=state.box + np.abs(np.take_along_axis(gens, dropped, axis=-2)).sum(axis=-2),
            )
            for state, gens in zip(states, padded, strict=True)
        )

    def _padded(self, state: Bounded) -> Floats:
        gens = np.zeros((*state.value.shape[:-1], self.count, state.value.shape[-1]))
        if state.gens is not None:
            gens[..., : state.gens.shape[-2], :] = state.gens
        return gens
