"""Random cases for the tests of gradients: cotangents, leaves and the loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from conformance.reference import evaluate, precision
from conformance.spec import LayerConfig, Tensors

WITHOUT_GRADIENT = ("output.batch_sizes", "output.lengths")


def random_cotangents(
    rng: np.random.Generator, config: LayerConfig, draw: Tensors, share: float = 1.0
) -> dict[str, Any]:
    """A weight for every element that is specified; an output is left out with probability 1 - share."""
    (outputs,) = evaluate(config, [draw], precision("float64"), "step")
    cotangents = {}
    for output in outputs:
        if output.value is not None and output.name not in WITHOUT_GRADIENT and rng.random() < share:
            weights = rng.normal(size=output.value.shape).astype(config.dtype)
            cotangents[output.name] = weights if output.specified is None else np.where(output.specified, weights, 0)
    return cotangents


def losses(config: LayerConfig, draws: Sequence[Tensors], cotangents: Mapping[str, Any]) -> Any:
    """The loss of every draw, all with the same cotangents."""
    results = evaluate(config, draws, precision("float64"), "step")
    return np.array(
        [sum((cotangents[o.name] * o.value).sum() for o in each if o.name in cotangents) for each in results]
    )


def leaves(draw: Tensors) -> list[Any]:
    """Everything that has a gradient, in the order of `gradients`."""
    return [draw.x, *draw.weights, *(draw.initial_state or ())]


def with_leaf(draw: Tensors, index: int, value: Any) -> Tensors:
    """The same tensors but for one."""
    changed = leaves(draw)
    changed[index] = value
    end = 1 + len(draw.weights)
    states = None if draw.initial_state is None else tuple(changed[end:])
    return replace(draw, x=changed[0], weights=tuple(changed[1:end]), initial_state=states)
