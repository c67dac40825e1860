"""Converted weights compute the same function: by the reference models of both dialects, and by ONNX in plain steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_model
import pytest
from converting import LAYERS, SIZES, Given, given

from conformance import convert
from conformance.reference import Expected, evaluate, precision
from conformance.spec import Array, LayerConfig, Sizes, Tensors

T, B, U = SIZES.timesteps, SIZES.batch, SIZES.units
STACKS = [(layer, both, count) for layer in LAYERS for both in (False, True) for count in (1, 2, 3)]
BIASES = pytest.mark.parametrize("bias", [True, False])


def input_of(seed: int = 9) -> Array:
    """(batch, timesteps, features)."""
    return np.random.default_rng(seed).normal(size=(B, T, SIZES.features))


def within(got: Array, wanted: Expected) -> None:
    """Within what rounding in float64 allows."""
    assert wanted.value is not None
    assert got.shape == wanted.value.shape
    assert (np.abs(got - wanted.value) <= wanted.allowed).all(), np.abs(got - wanted.value).max()


def finals_within(states: list[Array], wanted: dict[str, Expected]) -> None:
    assert len(states) == len(wanted) - 1
    for name, state in zip(["h_n", "c_n"][: len(states)], states, strict=True):
        within(state, wanted[name])


def keras(layer: str, options: dict[str, Any], arrays: list[Array], x: Array) -> dict[str, Expected]:
    sizes = Sizes(B, T, x.shape[-1], U)
    config = LayerConfig.of("keras", layer, {**options, "dtype": "float64"}, sizes)
    return named(config, Tensors(tuple(arrays), x))


def torch(layer: str, options: dict[str, Any], arrays: list[Array], x: Array) -> dict[str, Expected]:
    config = LayerConfig.of("torch", layer, {**options, "dtype": "float64"}, SIZES)
    return named(config, Tensors(tuple(arrays), x if options["batch_first"] else x.swapaxes(0, 1)))


def named(config: LayerConfig, tensors: Tensors) -> dict[str, Expected]:
    (expected,) = evaluate(config, [tensors], precision("float64"), "interval")
    return {output.name: output for output in expected}


def keras_stack(layer: str, options: dict[str, Any], arrays: list[Array], x: Array) -> tuple[Array, list[Array]]:
    """Output of the top layer, and the states of all layers one after the other."""
    count = options["num_layers"]
    each, alone = len(arrays) // count, {name: value for name, value in options.items() if name != "num_layers"}
    states: list[Array] = []
    for k in range(count):
        got = keras(layer, alone, arrays[k * each : (k + 1) * each], x)
        values = {name: output.value for name, output in got.items() if output.value is not None}
        x = values.pop("output")
        states += values.values()
    return x, states


def onnx_stack(layer: str, options: dict[str, Any], arrays: list[Array], x: Array) -> tuple[Array, list[Array]]:
    """Output (timesteps, batch, directions * units) of the top node, and the states of all nodes."""
    count, x = options["num_layers"], x.swapaxes(0, 1)
    each, states = len(arrays) // count, []
    for k in range(count):
        Y, *finals = onnx_model.run(layer, options, arrays[k * each : (k + 1) * each], x)
        x = Y.transpose(0, 2, 1, 3).reshape(T, B, -1)
        states += finals
    return x, states


def moved(source: Given, target: str) -> tuple[dict[str, Any], list[Array]]:
    """Options and weights for the target."""
    options = convert.options(source.layer, source=source.api, target=target, **source.options).options
    arrays = convert.weights(source.layer, source.arrays, source=source.api, target=target, **source.options)
    return dict(options), arrays


@BIASES
@pytest.mark.parametrize(("layer", "both", "count"), STACKS)
def test_torch_to_keras(layer: str, both: bool, count: int, bias: bool) -> None:
    source = given("torch", layer, {"num_layers": count, "bidirectional": both, "bias": bias, "batch_first": True})
    wanted = torch(layer, source.options, source.arrays, input_of())
    output, states = keras_stack(layer, *moved(source, "keras"), input_of())
    within(output, wanted["output"])
    finals_within(convert.states(layer, states, source="keras", target="torch", **_ours(source)), wanted)


@BIASES
@pytest.mark.parametrize(("layer", "both", "count"), STACKS)
def test_keras_to_torch(layer: str, both: bool, count: int, bias: bool) -> None:
    source = given("keras", layer, {"num_layers": count, "bidirectional": both, "use_bias": bias})
    options, arrays = moved(source, "torch")
    wanted = torch(layer, options, arrays, input_of())
    shown = {**source.options, "return_sequences": True, "return_state": True}
    output, states = keras_stack(layer, shown, source.arrays, input_of())
    within(output, wanted["output"])
    finals_within(convert.states(layer, states, source="keras", target="torch", **source.options), wanted)


@BIASES
@pytest.mark.parametrize(("layer", "both", "count"), STACKS)
def test_torch_to_onnx(layer: str, both: bool, count: int, bias: bool) -> None:
    source = given("torch", layer, {"num_layers": count, "bidirectional": both, "bias": bias, "batch_first": False})
    wanted = torch(layer, source.options, source.arrays, input_of())
    output, states = onnx_stack(layer, *moved(source, "onnx"), input_of())
    within(output, wanted["output"])
    finals_within(convert.states(layer, states, source="onnx", target="torch", **_onnx(source)), wanted)


ONE_LAYER: list[tuple[str, dict[str, Any]]] = [
    ("gru", {"reset_after": False}),
    ("gru", {"reset_after": False, "bidirectional": True}),
    ("gru", {"activation": "relu", "recurrent_activation": "hard_sigmoid"}),
    ("lstm", {"activation": "linear", "recurrent_activation": "hard_sigmoid", "bidirectional": True}),
    ("lstm", {"activation": "hard_sigmoid", "recurrent_activation": "tanh"}),
    ("simple_rnn", {"activation": "sigmoid", "go_backwards": True}),
    ("lstm", {"go_backwards": True, "use_bias": False}),
]


@pytest.mark.parametrize(("layer", "options"), ONE_LAYER)
def test_keras_to_onnx(layer: str, options: dict[str, Any]) -> None:
    source = given("keras", layer, options)
    attributes, node = moved(source, "onnx")
    wanted = keras(layer, {**options, "return_sequences": True, "return_state": True}, source.arrays, input_of())
    Y, *finals = onnx_model.run(layer, attributes, node, input_of().swapaxes(0, 1))
    sequence = Y.transpose(2, 0, 1, 3).reshape(B, T, -1)
    within(sequence[:, ::-1] if options.get("go_backwards") else sequence, wanted.pop("output"))
    states = convert.states(layer, finals, source="onnx", target="keras", **attributes)
    for state, output in zip(states, wanted.values(), strict=True):
        within(state, output)


@pytest.mark.parametrize(("layer", "options"), ONE_LAYER)
def test_onnx_to_keras(layer: str, options: dict[str, Any]) -> None:
    """With two biases, and back to the options that were there."""
    attributes = convert.options(layer, source="keras", target="onnx", **options).options
    source = given("onnx", layer, dict(attributes), seed=5)
    back, arrays = moved(source, "keras")
    assert {**options, **back} == back
    wanted = keras(layer, {name: v for name, v in back.items() if name != "num_layers"}, arrays, input_of())
    Y, *_ = onnx_model.run(layer, attributes, source.arrays, input_of().swapaxes(0, 1))
    sequence = Y.transpose(2, 0, 1, 3).reshape(B, T, -1)
    within(sequence[:, ::-1] if options.get("go_backwards") else sequence, wanted["output"])


# ---------------------------------------------------------------- what the notes say


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave", "None"])
def test_the_output_of_a_bidirectional_keras_layer_is_made_of_h_n(layer: str, merge_mode: str) -> None:
    source = given("keras", layer, {"bidirectional": True, "merge_mode": merge_mode})
    formulas = {
        "concat": lambda f, b: np.concatenate([f, b], axis=-1),
        "sum": lambda f, b: f + b,
        "mul": lambda f, b: f * b,
        "ave": lambda f, b: (f + b) / 2,
    }
    wanted = keras(layer, source.options, source.arrays, input_of())
    got = torch(layer, *moved(source, "torch"), input_of())
    assert got["h_n"].value is not None
    forward, backward = got["h_n"].value[-2:]
    if merge_mode == "None":
        within(forward, wanted["forward_output"])
        within(backward, wanted["backward_output"])
        return
    within(formulas[merge_mode](forward, backward), wanted["output"])
    assert got["output"].value is not None
    last = got["output"].value[:, -1]
    assert not np.allclose(formulas[merge_mode](last[:, :U], last[:, U:]), wanted["output"].value)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_keras_layer_that_reads_backwards_is_torch_on_flipped_input(layer: str) -> None:
    source = given("keras", layer, {"go_backwards": True, "return_sequences": True})
    wanted = keras(layer, source.options, source.arrays, input_of())
    got = torch(layer, *moved(source, "torch"), input_of()[:, ::-1])
    assert got["output"].value is not None
    within(got["output"].value, wanted["output"])


def test_notes_are_those_of_the_options() -> None:
    def notes(**options: Any) -> str:
        return "\n".join(convert.options("lstm", source="keras", target="torch", **options).notes)

    assert "output[:, -1]" in notes(bidirectional=True)
    assert "output[:, -1]" not in notes(bidirectional=True, return_sequences=True)
    assert "f + b" in notes(bidirectional=True, return_sequences=True, merge_mode="sum")
    assert "bias_hh is zero" not in notes(use_bias=False)
    assert "flip the input" in notes(go_backwards=True)
    assert "pack the input" in notes(mask="right")


def _ours(source: Given) -> dict[str, Any]:
    """The options that states depend on, in the words of Keras."""
    return {name: source.options[name] for name in ("num_layers", "bidirectional")}


def _onnx(source: Given) -> dict[str, Any]:
    direction = "bidirectional" if source.options["bidirectional"] else "forward"
    return {"num_layers": source.options["num_layers"], "direction": direction} | (
        {"linear_before_reset": 1} if source.layer == "gru" else {}
    )
