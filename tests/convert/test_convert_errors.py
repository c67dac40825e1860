"""What cannot be converted is refused with one line that says why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from converting import given

from conformance import convert
from conformance.convert import ConvertError

IMPOSSIBLE: list[tuple[str, str, str, dict[str, Any], str]] = [
    ("gru", "keras", "torch", {"reset_after": False}, "reset_after=False: its GRU resets after"),
    ("gru", "onnx", "torch", {}, "reset_after=False: its GRU resets after"),
    ("lstm", "torch", "keras", {"proj_size": 64}, "proj_size=64: it has no projection"),
    ("lstm", "torch", "onnx", {"proj_size": 1}, "proj_size=1: it has no projection"),
    ("lstm", "keras", "torch", {"activation": "relu"}, "the activation relu"),
    ("simple_rnn", "keras", "torch", {"activation": "sigmoid"}, "the activation sigmoid: its RNN has tanh or relu"),
    ("gru", "keras", "torch", {"recurrent_activation": "hard_sigmoid"}, "the recurrent activation hard_sigmoid"),
    ("lstm", "onnx", "keras", {"peepholes": True}, "peepholes"),
    ("lstm", "onnx", "torch", {"peepholes": True}, "peepholes"),
    ("lstm", "onnx", "keras", {"input_forget": 1}, "input_forget"),
    ("gru", "onnx", "keras", {"clip": 3.0}, "clip=3.0"),
    ("lstm", "onnx", "keras", {"activations": ["Sigmoid", "Tanh", "Relu"]}, "different activations"),
    ("lstm", "onnx", "torch", {"activations": ["Sigmoid", "Tanh", "Relu"]}, "the output activation relu"),
    ("gru", "onnx", "keras", {"activations": ["HardSigmoid", "Tanh"]}, r"HardSigmoid\(alpha=0.2, beta=0.5\)"),
    ("simple_rnn", "onnx", "keras", {"activations": ["Elu"]}, r"Elu\(alpha=1\)"),
    ("lstm", "keras", "torch", {"num_layers": 2, "bidirectional": True, "merge_mode": "sum"}, "not concatenated"),
    ("lstm", "keras", "torch", {"num_layers": 2, "go_backwards": True}, "convert its layers one by one"),
    ("lstm", "keras", "onnx", {"bidirectional": True, "go_backwards": True}, "convert its layers one by one"),
    ("gru", "keras", "torch", {"mask": "gaps"}, "a mask of gaps"),
]
UNKNOWN: list[tuple[str, str, str, dict[str, Any], str]] = [
    ("lstm", "jax", "torch", {}, "unknown API 'jax'; choose one of keras, torch, onnx"),
    ("lstm", "keras", "jax", {}, "unknown API 'jax'"),
    ("rnn", "keras", "torch", {}, "has no layer 'rnn'; choose one of"),
    ("rnn", "onnx", "torch", {}, "has no layer 'rnn'; choose one of"),
    ("lstm", "keras", "torch", {"bias": True}, "has no option 'bias'"),
    ("lstm", "torch", "keras", {"use_bias": True}, "has no option 'use_bias'"),
    ("lstm", "onnx", "keras", {"linear_before_reset": 1}, "has no option 'linear_before_reset'"),
    ("gru", "torch", "keras", {"proj_size": 2}, "proj_size"),
    ("lstm", "keras", "torch", {"num_layers": 0}, "num_layers=0 is not valid"),
    ("lstm", "torch", "keras", {"num_layers": True}, "num_layers=True is not valid"),
    ("lstm", "onnx", "keras", {"num_layers": 1.5}, "num_layers=1.5 is not valid"),
    ("lstm", "torch", "keras", {"proj_size": -1}, "proj_size=-1 is not valid"),
    ("lstm", "onnx", "keras", {"direction": "backwards"}, "direction=backwards is not valid"),
    ("lstm", "onnx", "keras", {"activations": ["Sigmoid"]}, "activations should be 3"),
    ("lstm", "onnx", "keras", {"activations": ["Affine", "Tanh", "Tanh"]}, "Affine needs activation_alpha"),
    ("lstm", "onnx", "keras", {"clip": "much"}, "clip=much is not valid"),
]


@pytest.mark.parametrize(("layer", "source", "target", "options", "why"), IMPOSSIBLE + UNKNOWN)
def test_options(layer: str, source: str, target: str, options: dict[str, Any], why: str) -> None:
    with pytest.raises(ConvertError, match=why) as refused:
        convert.options(layer, source=source, target=target, **options)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("layer", "source", "target", "options", "why"), IMPOSSIBLE[:4])
def test_weights_are_refused_for_the_same_reason(
    layer: str, source: str, target: str, options: dict[str, Any], why: str
) -> None:
    with pytest.raises(ConvertError, match=why):
        convert.weights(layer, [], source=source, target=target, **options)


@pytest.mark.parametrize("source", ["keras", "torch", "onnx"])
def test_arrays_that_do_not_fit(source: str) -> None:
    target = "torch" if source == "keras" else "keras"
    right = given(source, "lstm", {}).arrays

    def refused(arrays: Any, why: str, **options: Any) -> None:
        with pytest.raises(ConvertError, match=why):
            convert.weights("lstm", arrays, source=source, target=target, **options)

    refused(right[:-1], f"{len(right) - 1} arrays were given; .* has {len(right)} for lstm, 1 layer in 1 direction")
    refused(right, "arrays were given", num_layers=2)
    refused([*right[:-1], right[-1][..., :-1]], r"has shape .*; it should have")
    refused([np.zeros(3), *right[1:]], "these are not the (weights|parameters)")
    refused([], "arrays were given|these are not")


def test_the_message_names_the_array() -> None:
    arrays = given("torch", "gru", {"num_layers": 2, "bidirectional": True}).arrays
    arrays[13] = arrays[13][:, :-1]
    with pytest.raises(
        ConvertError, match=r"weight_hh_l1_reverse of layer 1 has shape \(6, 1\); it should have \(6, 2\)"
    ):
        convert.weights("gru", arrays, source="torch", target="keras", num_layers=2, bidirectional=True)


def test_stacked_keras_layers_of_different_widths() -> None:
    first, second = (given("keras", "gru", {}).arrays, [np.zeros((2, 9)), np.zeros((3, 9)), np.zeros((2, 9))])
    with pytest.raises(ConvertError, match="kernel of layer 1 has shape"):
        convert.weights("gru", first + second, source="keras", target="torch", num_layers=2)


def test_the_hidden_size_of_the_node_is_that_of_its_weights() -> None:
    arrays = given("onnx", "gru", {}).arrays
    with pytest.raises(ConvertError, match="hidden_size is 5, but R is of 2 units"):
        convert.weights("gru", arrays, source="onnx", target="keras", hidden_size=5)


@pytest.mark.parametrize(
    ("source", "options", "shapes", "why"),
    [
        ("keras", {"bidirectional": True}, [(3, 2)] * 2, "are 4 arrays of 2 axes; 2 were given"),
        ("torch", {}, [(1, 3, 2)], "are 2 arrays of 3 axes; 1 were given"),
        ("torch", {"num_layers": 2}, [(1, 3, 2)] * 2, "first axis of these states is 1; layers times directions is 2"),
        ("onnx", {"direction": "bidirectional"}, [(1, 3, 2)] * 2, "are of 1 directions; the layer has 2"),
    ],
)
def test_states_that_do_not_fit(source: str, options: dict[str, Any], shapes: list[tuple[int, ...]], why: str) -> None:
    with pytest.raises(ConvertError, match=why):
        convert.states("lstm", [np.zeros(s) for s in shapes], source=source, target="keras", **options)
