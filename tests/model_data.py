"""Small data for the tests of the reference model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from conformance.spec import LayerConfig, Sizes, Value, initial_states, weights
from specs.model import keras

LAYERS = ("simple_rnn", "gru", "lstm")
SIZES = Sizes(batch=2, timesteps=4, features=3, units=2)

every_layer = pytest.mark.parametrize("layer", LAYERS)


def numbers(seed: int, *shape: int) -> Any:
    """Nested lists of numbers between -1 and 1."""
    return np.random.default_rng([seed, *shape]).uniform(-1, 1, shape).tolist()


def some_weights(config: LayerConfig, seed: int = 0) -> list[Any]:
    return [numbers(seed + place, *weight.shape) for place, weight in enumerate(weights(config))]


def some_states(config: LayerConfig, seed: int = 0) -> list[Any]:
    return [numbers(seed + 100 + place, *state.shape) for place, state in enumerate(initial_states(config))]


def run_keras(
    layer: str,
    weight_lists: Sequence[Any],
    x: Any,
    mask: Any = None,
    initial_state: Any = None,
    **options: Any,
) -> dict[str, Any]:
    """The outputs of a Keras layer by name; the options of the call follow from its arguments."""
    call: dict[str, Value] = {"mask": "none" if mask is None else "gaps", "initial_state": initial_state is not None}
    return dict(keras.run(layer, options | call, weight_lists, x, mask, initial_state))


def keras_case(layer: str, seed: int = 0, **options: Any) -> tuple[list[Any], Any]:
    """Weights of a layer and an input for it."""
    config = LayerConfig.of("keras", layer, options, SIZES)
    return some_weights(config, seed), numbers(seed + 50, SIZES.batch, SIZES.timesteps, SIZES.features)


def close(a: Any, b: Any) -> bool:
    return np.shape(a) == np.shape(b) and bool(np.allclose(a, b, rtol=1e-12, atol=1e-14))
