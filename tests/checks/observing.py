"""Observations made by hand: a right one, and the ways in which it is spoilt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from conformance.checks import Built, Expectation, Observation, Recalled, Refusal, Reply
from conformance.checks.observation import expectations
from conformance.generate.tensors import tensors
from conformance.reference import precision
from conformance.spec import Array, Case, DataSpec, LayerConfig, Sizes, Value, weights

SIZES = Sizes(batch=2, timesteps=4, features=3, units=5)


def case(dialect: str = "keras", layer: str = "lstm", rejection: str | None = None, **options: Value) -> Case:
    config = LayerConfig.of(dialect, layer, options, SIZES)
    return Case(config, DataSpec("generic", 7), rejection)


def expectation(of: Case) -> Expectation:
    return expectations([of], [tensors(of)], precision(of.config.dtype))[0]


def right_reply(due: Expectation) -> Reply:
    """What the reference gives, in the promised types."""
    arrays = (
        np.zeros(contract.shape, contract.dtype) if it.value is None else it.value.astype(contract.dtype)
        for it, contract in zip(due.step, due.contract, strict=True)
    )
    return Reply(tuple(arrays), due.structure, 0.0)


def observed(of: Case | None = None) -> Observation:
    """A case on a right implementation, seen from all sides."""
    of = of or case()
    due = expectation(of)
    reply = right_reply(due)
    given = due.tensors
    return Observation(
        of,
        due,
        built=Built(initial_weights(of)),
        reply=reply,
        again=reply,
        recalled=Recalled(given.weights, given.x, given.mask, given.lengths, given.initial_state, reply.outputs),
        weights_after={it.name: (was, was) for it, was in zip(weights(of.config), given.weights, strict=True)},
        sampled=True,
    )


def initial_weights(of: Case) -> tuple[Array, ...]:
    """Weights as promised before anybody sets them."""

    def initial(name: str | None, shape: tuple[int, ...]) -> Array:
        array = np.zeros(shape, of.config.dtype)
        if name == "unit_forget":
            array[of.config.sizes.units : 2 * of.config.sizes.units] = 1
        return array

    return tuple(initial(it.initial, it.shape) for it in weights(of.config))


def with_outputs(seen: Observation, change: Callable[[list[Array]], Sequence[Array]]) -> Observation:
    """The same with other outputs."""
    assert isinstance(seen.reply, Reply)
    copies = [array.copy() for array in seen.reply.outputs]
    return replace(seen, reply=replace(seen.reply, outputs=tuple(change(copies))))


def refused(kind: str = "ValueError", stage: str = "call", message: str = "no") -> Refusal:
    return Refusal(stage, kind, (kind, "Exception", "BaseException"), message)
