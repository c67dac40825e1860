"""One layer run in one direction or in both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from conformance.reference.arithmetic import Mask
from conformance.reference.bounded import Bounded
from conformance.reference.cells import GATES, Cell, Weights
from conformance.reference.precision import Precision
from conformance.reference.scan import Policy, run
from conformance.spec import Array, Floats, LayerConfig


@dataclass(frozen=True)
class Direction:
    """One direction of a layer.

    Attributes:
        weights: its weights.
        initial: its initial states, each (K, B, n).
        backwards: whether it reads from the last step to the first.
    """

    weights: Weights
    initial: tuple[Floats, ...]
    backwards: bool


def run_directions(
    build: Callable[[Weights], Cell],
    directions: Sequence[Direction],
    x: Bounded,
    mask: Mask | None,
    precision: Precision,
    policy: Policy,
) -> list[tuple[Bounded, ...]]:
    """The states of every direction after every step, (T, K, B, n), in the direction's processing order.

    Directions differ in weights and data only, as draws do: they are run as more draws, in one pass.

    Args:
        build: makes the cell of given weights.
        directions: one or two.
        x: input (T, K, B, F) in time order.
        mask: (T, K, B) in time order, True = processed; None: all are.
        precision: the rounding model.
        policy: how errors of earlier steps enter the bound.
    """
    cell = build(_joined_weights([direction.weights for direction in directions]))
    initial = tuple(
        Bounded.of(np.concatenate(states), precision.tiny)
        for states in zip(*(direction.initial for direction in directions), strict=True)
    )
    oriented = Bounded(_oriented(x.value, directions), _oriented(x.box, directions), exact=x.exact)
    masks = None if mask is None else _oriented(mask, directions)
    states = run(cell, oriented, initial, masks, precision, policy)
    draws = x.value.shape[1]
    return [
        tuple(Bounded(s.value[:, k : k + draws], s.box[:, k : k + draws]) for s in states)
        for k in range(0, draws * len(directions), draws)
    ]


def flipped(number: Bounded) -> Bounded:
    """The other order of time."""
    return Bounded(number.value[::-1], number.box[::-1])


def reordered(config: LayerConfig, values: Floats) -> Floats:
    """The gate blocks along the last axis, from the dialect's order to that of `cells`."""
    given, wanted = config.rules.layers[config.layer].blocks, GATES[config.layer]
    blocks = values.reshape(*values.shape[:-1], len(given), -1)
    return blocks[..., [given.index(gate) for gate in wanted], :].reshape(values.shape)


def _oriented(values: Array, directions: Sequence[Direction]) -> Array:
    return np.concatenate([values[::-1] if direction.backwards else values for direction in directions], axis=1)


def _joined_weights(weights: Sequence[Weights]) -> Weights:
    def joined(arrays: Sequence[Floats | None]) -> Floats | None:
        present = [array for array in arrays if array is not None]
        return np.concatenate(present) if present else None

    return Weights(
        np.concatenate([w.kernel for w in weights]),
        np.concatenate([w.recurrent_kernel for w in weights]),
        joined([w.bias for w in weights]),
        joined([w.recurrent_bias for w in weights]),
        joined([w.projection for w in weights]),
    )
