"""There and back again: nothing is lost that the API in between can hold."""

from __future__ import annotations

import numpy as np
import pytest
from converting import LAYERS, Given, given, same, some_layer
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from conformance import convert
from conformance.spec import Array, Sizes

quickly = settings(max_examples=60, deadline=None, derandomize=True)


def there_and_back(source: Given, target: str) -> list[Array]:
    there = convert.weights(source.layer, source.arrays, source=source.api, target=target, **source.options)
    back = convert.options(source.layer, source=source.api, target=target, **source.options).options
    return convert.weights(source.layer, there, source=target, target=source.api, **back)


@quickly
@for_all(source=some_layer("keras"), target=st.sampled_from(["keras", "torch", "onnx"]))
def test_keras_gets_its_own_weights_back(source: Given, target: str) -> None:
    assert same(there_and_back(source, target), source.arrays)


@quickly
@for_all(source=some_layer("torch"), target=st.sampled_from(["torch", "onnx"]))
def test_torch_gets_its_own_parameters_back(source: Given, target: str) -> None:
    assert same(there_and_back(source, target), source.arrays)


@quickly
@for_all(source=some_layer("onnx"), target=st.sampled_from(["torch", "onnx"]))
def test_onnx_gets_its_own_weights_back(source: Given, target: str) -> None:
    assert same(there_and_back(source, target), source.arrays)


@quickly
@for_all(source=some_layer("torch"))
def test_keras_adds_the_biases_that_it_cannot_keep_apart(source: Given) -> None:
    back = there_and_back(source, "keras")
    if source.layer == "gru" or not source.options["bias"]:
        assert same(back, source.arrays)
        return
    for k in range(0, len(back), 4):
        assert same(back[k : k + 2], source.arrays[k : k + 2])
        np.testing.assert_array_equal(back[k + 2], source.arrays[k + 2] + source.arrays[k + 3])
        assert not back[k + 3].any()


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_gru_that_resets_before_goes_to_onnx_and_back(bidirectional: bool) -> None:
    source = given("keras", "gru", {"reset_after": False, "bidirectional": bidirectional})
    assert convert.options("gru", source="keras", target="onnx", **source.options).arguments["linear_before_reset"] == 0
    assert same(there_and_back(source, "onnx"), source.arrays)


@pytest.mark.parametrize("proj_size", [1, 3])
def test_a_projection_stays_within_torch(proj_size: int) -> None:
    options = {"proj_size": proj_size, "num_layers": 2, "bidirectional": True}
    source = given("torch", "lstm", options, Sizes(1, 1, 2, 5))
    assert same(there_and_back(source, "torch"), source.arrays)


def test_sizes_beyond_those_that_the_suite_tests() -> None:
    rng = np.random.default_rng(0)
    shapes = [(200, 7), (200, 33), (200,), (200,), (33, 50)] + [(200, 33), (200, 33), (200,), (200,), (33, 50)] * 4
    arrays = [rng.normal(size=shape) for shape in shapes]
    there = convert.weights("lstm", arrays, source="torch", target="torch", num_layers=5, proj_size=33)
    assert same(there, arrays)


@pytest.mark.parametrize("layer", LAYERS)
def test_the_result_shares_no_memory_with_what_was_given(layer: str) -> None:
    source = given("torch", layer, {})
    kept = [array.copy() for array in source.arrays]
    for target in ("keras", "torch", "onnx"):
        for array in convert.weights(layer, source.arrays, source="torch", target=target):
            assert array.flags.c_contiguous
            array[...] = 9
    assert same(source.arrays, kept)


@quickly
@for_all(source=some_layer("keras"), target=st.sampled_from(["torch", "onnx"]), layout=st.sampled_from([0, 1]))
def test_states_there_and_back(source: Given, target: str, layout: int) -> None:
    count = source.options["num_layers"] * (2 if source.options["bidirectional"] else 1)
    count *= 2 if source.layer == "lstm" else 1
    rng = np.random.default_rng(layout)
    states = [rng.normal(size=(3, 2)) for _ in range(count)]
    back = convert.options(source.layer, source="keras", target=target, **source.options).options
    there = convert.states(source.layer, states, source="keras", target=target, **source.options)
    assert same(convert.states(source.layer, there, source=target, target="keras", **back), states)
    if target == "onnx" and layout:
        batch_first = [state.swapaxes(0, 1) for state in there]
        back = {**back, "layout": 1}
        assert same(convert.states(source.layer, batch_first, source="onnx", target="keras", **back), states)
