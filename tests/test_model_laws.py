"""Laws that hold for every recurrent layer, and so for the reference model, on random small data."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_data import SIZES, close, every_layer, keras_case, numbers, run_keras, some_states, some_weights

from conformance.spec import LayerConfig, Sizes
from specs.model import torch

seeds = st.integers(0, 2**32 - 1)


def reversed_time(x: Any) -> Any:
    return [row[::-1] for row in x]


# ---------------------------------------------------------------- laws


@every_layer
@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_going_backwards_is_reading_the_reversed_input(layer: str, seed: int) -> None:
    layer_weights, x = keras_case(layer, seed)
    options: dict[str, Any] = {"return_sequences": True, "return_state": True}
    backwards = run_keras(layer, layer_weights, x, go_backwards=True, **options)
    assert backwards == run_keras(layer, layer_weights, reversed_time(x), **options)


@every_layer
@settings(max_examples=10, deadline=None)
@given(seed=seeds, cut=st.integers(1, SIZES.timesteps - 1))
def test_two_parts_of_a_sequence_equal_the_whole(layer: str, seed: int, cut: int) -> None:
    layer_weights, x = keras_case(layer, seed)
    options: dict[str, Any] = {"return_sequences": True, "return_state": True}
    whole = run_keras(layer, layer_weights, x, **options)
    first = run_keras(layer, layer_weights, [row[:cut] for row in x], **options)
    states = [value for name, value in first.items() if name != "output"]
    second = run_keras(layer, layer_weights, [row[cut:] for row in x], None, states, **options)
    assert [a + b for a, b in zip(first["output"], second["output"], strict=True)] == whole["output"]
    assert {**second, "output": None} == {**whole, "output": None}


@every_layer
@settings(max_examples=10, deadline=None)
@given(seed=seeds, both=st.booleans(), padding=st.integers(1, 3))
def test_padding_under_a_mask_changes_no_state(layer: str, seed: int, both: bool, padding: int) -> None:
    layer_weights, x = keras_case(layer, seed, bidirectional=both)
    padded = [row + [[math.nan] * SIZES.features] * padding for row in x]
    mask = [[True] * SIZES.timesteps + [False] * padding] * SIZES.batch
    options: dict[str, Any] = {"bidirectional": both, "return_state": True}
    assert run_keras(layer, layer_weights, padded, mask, **options) == run_keras(layer, layer_weights, x, **options)


@every_layer
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_mask_that_keeps_everything_is_no_mask(layer: str, return_sequences: bool, bidirectional: bool) -> None:
    options: dict[str, Any] = {"return_sequences": return_sequences, "bidirectional": bidirectional}
    layer_weights, x = keras_case(layer, **options)
    mask = [[True] * SIZES.timesteps] * SIZES.batch
    assert run_keras(layer, layer_weights, x, mask, **options) == run_keras(layer, layer_weights, x, **options)


@every_layer
@pytest.mark.parametrize("return_sequences", [False, True])
def test_merge_modes_follow_from_the_two_halves(layer: str, return_sequences: bool) -> None:
    options: dict[str, Any] = {"bidirectional": True, "return_sequences": return_sequences}
    layer_weights, x = keras_case(layer, **options)
    halves = run_keras(layer, layer_weights, x, merge_mode="None", **options)
    f, b = np.array(halves["forward_output"]), np.array(halves["backward_output"])
    expected = {"concat": np.concatenate([f, b], -1), "sum": f + b, "mul": f * b, "ave": (f + b) / 2}
    for mode, value in expected.items():
        assert close(run_keras(layer, layer_weights, x, merge_mode=mode, **options)["output"], value), mode


@every_layer
def test_a_bidirectional_layer_is_its_two_layers_run_apart(layer: str) -> None:
    layer_weights, x = keras_case(layer, bidirectional=True)
    half = len(layer_weights) // 2
    options: dict[str, Any] = {"return_sequences": True, "return_state": True}
    both = run_keras(layer, layer_weights, x, bidirectional=True, merge_mode="None", **options)
    forward = run_keras(layer, layer_weights[:half], x, **options)
    backward = run_keras(layer, layer_weights[half:], x, go_backwards=True, **options)
    backward["output"] = reversed_time(backward["output"])
    assert list(both.values()) == [
        forward.pop("output"), backward.pop("output"), *forward.values(), *backward.values(),
    ]  # fmt: skip


@every_layer
def test_swapping_the_directions_swaps_the_halves(layer: str) -> None:
    layer_weights, x = keras_case(layer, bidirectional=True)
    half = len(layer_weights) // 2
    options: dict[str, Any] = {"bidirectional": True, "return_sequences": True, "merge_mode": "None"}
    one = run_keras(layer, layer_weights, x, **options)
    other = run_keras(layer, layer_weights[half:] + layer_weights[:half], reversed_time(x), **options)
    assert reversed_time(other["forward_output"]) == one["backward_output"]
    assert reversed_time(other["backward_output"]) == one["forward_output"]


@every_layer
@pytest.mark.parametrize("bidirectional", [False, True])
def test_options_choose_what_is_shown(layer: str, bidirectional: bool) -> None:
    layer_weights, x = keras_case(layer, bidirectional=bidirectional)
    alone = run_keras(layer, layer_weights, x, bidirectional=bidirectional)
    with_states = run_keras(layer, layer_weights, x, bidirectional=bidirectional, return_state=True)
    steps = run_keras(layer, layer_weights, x, bidirectional=bidirectional, return_state=True, return_sequences=True)
    assert alone["output"] == with_states.pop("output")
    steps.pop("output")
    assert steps == with_states


@every_layer
def test_rows_do_not_influence_one_another(layer: str) -> None:
    layer_weights, x = keras_case(layer)
    spoiled = [x[0], [[math.nan] * SIZES.features] * SIZES.timesteps]
    assert run_keras(layer, layer_weights, spoiled)["output"][0] == run_keras(layer, layer_weights, x)["output"][0]


# ---------------------------------------------------------------- one mathematics, two APIs

GATES = {
    "simple_rnn": {"keras": "h", "torch": "h"},
    "gru": {"keras": "zrn", "torch": "rzn"},
    "lstm": {"keras": "ifgo", "torch": "ifgo"},
}


def both_layouts(layer: str, seed: int) -> tuple[list[Any], list[Any]]:
    """The same weights as Keras and as PyTorch lays them out."""
    features, units = SIZES.features, SIZES.units
    shapes = {"W": (features, units), "R": (units, units), "b": (units,), "rb": (units,)}
    parts = {
        gate: {key: np.array(numbers(seed + 10 * place + at, *shape)) for at, (key, shape) in enumerate(shapes.items())}
        for place, gate in enumerate(GATES[layer]["keras"])
    }

    def fused(api: str, key: str) -> Any:
        return np.concatenate([parts[gate][key] for gate in GATES[layer][api]], axis=-1)

    b, rb = fused("keras", "b"), fused("keras", "rb")
    bias = np.stack([b, rb]) if layer == "gru" else b + rb
    in_keras = [fused("keras", "W"), fused("keras", "R"), bias]
    in_torch = [fused("torch", "W").T, fused("torch", "R").T, fused("torch", "b"), fused("torch", "rb")]
    return [array.tolist() for array in in_keras], [array.tolist() for array in in_torch]


@every_layer
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_keras_and_torch_agree_on_the_same_weights(layer: str, seed: int) -> None:
    (keras_f, torch_f), (keras_b, torch_b) = both_layouts(layer, seed), both_layouts(layer, seed + 1000)
    x = numbers(seed, SIZES.batch, SIZES.timesteps, SIZES.features)
    theirs = dict(torch.run(layer, {"bidirectional": True, "batch_first": True}, torch_f + torch_b, x))
    options: dict[str, Any] = {"bidirectional": True, "return_sequences": True, "return_state": True}
    ours = run_keras(layer, keras_f + keras_b, x, **options)
    assert close(ours["output"], theirs["output"])
    assert close([ours["forward_h"], ours["backward_h"]], theirs["h_n"])
    if layer == "lstm":
        assert close([ours["forward_c"], ours["backward_c"]], theirs["c_n"])


@every_layer
@pytest.mark.parametrize("lengths", [[4, 2], [1, 3]])
def test_packed_lengths_are_a_right_mask(layer: str, lengths: list[int]) -> None:
    (keras_f, torch_f), (keras_b, torch_b) = both_layouts(layer, 1), both_layouts(layer, 1001)
    x = numbers(1, SIZES.batch, SIZES.timesteps, SIZES.features)
    form = "packed_unsorted" if lengths != sorted(lengths, reverse=True) else "packed"
    call: dict[str, Any] = {"bidirectional": True, "batch_first": True, "input": form}
    theirs = dict(torch.run(layer, call, torch_f + torch_b, x, lengths))
    mask = [[t < length for t in range(SIZES.timesteps)] for length in lengths]
    options: dict[str, Any] = {"bidirectional": True, "return_sequences": True, "return_state": True}
    ours = run_keras(layer, keras_f + keras_b, x, mask, **options)
    assert close([row[: max(lengths)] for row in ours["output"]], theirs["output.padded"])
    assert close([ours["forward_h"], ours["backward_h"]], theirs["h_n"])
    assert theirs["output.lengths"] == lengths
    assert sum(theirs["output.batch_sizes"]) == sum(lengths)


# ---------------------------------------------------------------- PyTorch's own


def torch_case(layer: str, **options: Any) -> tuple[LayerConfig, dict[str, Any]]:
    """A configuration, and the outputs of the model for it."""
    sizes = Sizes(1 if options.get("input") == "unbatched" else 2, 4, 3, 4)
    config = LayerConfig.of("torch", layer, options, sizes)
    x = numbers(7, sizes.batch, sizes.timesteps, sizes.features)
    if config.get("input") == "unbatched":
        x = x[0]
    elif not config.get("batch_first"):
        x = np.swapaxes(x, 0, 1).tolist()
    lengths = {"packed": [4, 2], "packed_unsorted": [2, 3]}.get(str(config.get("input")))
    states = some_states(config) if config.get("hx") else None
    return config, dict(torch.run(layer, config.options, some_weights(config), x, lengths, states))


@every_layer
@pytest.mark.parametrize("hx", [False, True])
def test_a_stack_is_its_layers_one_after_the_other(layer: str, hx: bool) -> None:
    config, whole = torch_case(layer, num_layers=2, bidirectional=True, hx=hx)
    stack, states = some_weights(config), some_states(config)
    options: dict[str, Any] = {"bidirectional": True, "hx": hx}

    def one_layer(place: int, x: Any) -> dict[str, Any]:
        half = len(stack) // 2
        given = [state[2 * place : 2 * place + 2] for state in states] if hx else None
        return dict(torch.run(layer, options, stack[half * place : half * (place + 1)], x, None, given))

    bottom = one_layer(0, np.swapaxes(numbers(7, 2, 4, 3), 0, 1).tolist())
    top = one_layer(1, bottom["output"])
    assert top["output"] == whole["output"]
    assert bottom["h_n"] + top["h_n"] == whole["h_n"]


@every_layer
def test_final_states_are_the_ends_of_the_output(layer: str) -> None:
    _, found = torch_case(layer, num_layers=3, bidirectional=True)
    forward, backward = found["h_n"][-2:]
    assert [row[:4] for row in found["output"][-1]] == forward
    assert [row[4:] for row in found["output"][0]] == backward


@every_layer
def test_the_layout_changes_the_axes_only(layer: str) -> None:
    time_first = torch_case(layer)[1]
    batch_first = torch_case(layer, batch_first=True)[1]
    assert np.swapaxes(batch_first.pop("output"), 0, 1).tolist() == time_first.pop("output")
    assert batch_first == time_first


@every_layer
def test_an_unbatched_sequence_is_a_batch_of_one(layer: str) -> None:
    config, alone = torch_case(layer, input="unbatched", bidirectional=True)
    x = [[step] for step in numbers(7, 1, 4, 3)[0]]
    batched = dict(torch.run(layer, {"bidirectional": True}, some_weights(config), x))
    assert {name: np.squeeze(value, 1).tolist() for name, value in batched.items()} == alone
