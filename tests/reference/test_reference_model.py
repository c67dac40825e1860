"""The vectorised reference and the scalar model in `specs/model` were written independently; they must agree."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_cases import random_config, random_draw

from conformance.reference import Expected, evaluate, precision
from conformance.spec import LayerConfig, Tensors
from specs.model import keras as keras_model
from specs.model import torch as torch_model


def model_outputs(config: LayerConfig, draw: Tensors) -> list[tuple[str, Any]]:
    def lists(arrays: Any) -> Any:
        return None if arrays is None else [array.astype(np.float64).tolist() for array in arrays]

    last = None if draw.initial_state is None else lists(draw.initial_state)
    weights, (x,) = lists(draw.weights), lists([draw.x])
    if config.dialect == "keras":
        mask = None if draw.mask is None else draw.mask.tolist()
        return keras_model.run(config.layer, config.options, weights, x, mask, last)
    lengths = None if draw.lengths is None else draw.lengths.tolist()
    return torch_model.run(config.layer, config.options, weights, x, lengths, last)


def assert_same(config: LayerConfig, draw: Tensors, expected: tuple[Expected, ...]) -> Counter[str]:
    """Equal names, shapes, values and open elements."""
    judged = [output for output in expected if output.value is not None]
    model = model_outputs(config, draw)
    assert [name for name, _ in model] == [output.name for output in judged]
    seen: Counter[str] = Counter()
    for (_, numbers), output in zip(model, judged, strict=True):
        values = np.array(numbers, dtype=object)
        assert output.value is not None
        assert values.shape == output.value.shape == output.allowed.shape
        specified = np.ones(values.shape, bool) if output.specified is None else output.specified
        np.testing.assert_array_equal(specified, values != None, err_msg=output.name)  # noqa: E711 (elementwise)
        np.testing.assert_allclose(
            output.value[specified], values[specified].astype(np.float64), rtol=1e-11, atol=1e-12, err_msg=output.name
        )
        seen += Counter(values=int(specified.sum()), open=int((~specified).sum()))
    return seen


@pytest.mark.parametrize("dialect", ["keras", "torch"])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=600, deadline=None)
def test_values_and_open_elements_agree(dialect: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    config = random_config(rng, dialect)
    draws = [random_draw(rng, config, gain=0.7) for _ in range(2)]
    for draw, expected in zip(draws, evaluate(config, draws, precision("float64"), "step"), strict=True):
        assert_same(config, draw, expected)
