"""Helpers for the tests of the converters: layers of every API with random weights, and Hypothesis strategies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from conformance.spec import Array, LayerConfig, Sizes, weights

LAYERS = ("simple_rnn", "lstm", "gru")
GATES = {"simple_rnn": 1, "lstm": 4, "gru": 3}
SIZES = Sizes(batch=3, timesteps=5, features=4, units=2)


@dataclass(frozen=True)
class Given:
    """A layer of an API with its weights."""

    api: str
    layer: str
    options: dict[str, Any]
    arrays: list[Array]


def given(
    api: str, layer: str, options: dict[str, Any], sizes: Sizes = SIZES, seed: int = 0, dtype: str = "float64"
) -> Given:
    """A layer with random weights in the order of its API."""
    rng = np.random.default_rng(seed)
    return Given(api, layer, options, [rng.normal(size=s).astype(dtype) for s in shapes(api, layer, options, sizes)])


def shapes(api: str, layer: str, options: dict[str, Any], sizes: Sizes) -> list[tuple[int, ...]]:
    if api == "onnx":
        return [shape for k in range(options.get("num_layers", 1)) for shape in _node(layer, options, sizes, k)]
    if api == "torch":
        return [weight.shape for weight in weights(LayerConfig.of("torch", layer, options, sizes))]
    alone = {name: value for name, value in options.items() if name != "num_layers"}
    width = sizes.units * (2 if alone.get("bidirectional") and alone.get("merge_mode", "concat") == "concat" else 1)
    widths = [sizes.features] + [width] * (options.get("num_layers", 1) - 1)
    read = [Sizes(sizes.batch, sizes.timesteps, features, sizes.units) for features in widths]
    return [weight.shape for each in read for weight in weights(LayerConfig.of("keras", layer, alone, each))]


def _node(layer: str, options: dict[str, Any], sizes: Sizes, index: int) -> list[tuple[int, ...]]:
    directions = 2 if options.get("direction") == "bidirectional" else 1
    rows, inputs = GATES[layer] * sizes.units, sizes.features if index == 0 else directions * sizes.units
    found = [(directions, rows, inputs), (directions, rows, sizes.units), (directions, 2 * rows)]
    return found if options.get("bias", True) else found[:2]


@st.composite
def some_layer(draw: st.DrawFn, api: str) -> Given:
    """Any layer that every API can express, but for the GRU that resets before."""
    layer = draw(st.sampled_from(LAYERS))
    both, bias, count = draw(st.booleans()), draw(st.booleans()), draw(st.integers(1, 3))
    options: dict[str, Any] = {
        "keras": {"num_layers": count, "bidirectional": both, "use_bias": bias},
        "torch": {"num_layers": count, "bidirectional": both, "bias": bias, "batch_first": draw(st.booleans())},
        "onnx": {"num_layers": count, "direction": "bidirectional" if both else "forward", "bias": bias}
        | ({"linear_before_reset": 1} if layer == "gru" else {}),
    }[api]
    sizes = Sizes(1, 1, draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    dtype = draw(st.sampled_from(["float32", "float64", "float16"]))
    return given(api, layer, options, sizes, draw(st.integers(0, 2**32 - 1)), dtype)


def same(left: list[Array], right: list[Array]) -> bool:
    """Equal values, shapes and types."""
    return len(left) == len(right) and all(
        a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(left, right, strict=True)
    )
