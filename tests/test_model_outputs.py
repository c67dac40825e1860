"""The reference model against facts from elsewhere: the worked example and sums done by hand."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from model_data import close, run_keras

from conformance.spec import Value
from specs.model import keras, torch

# ---------------------------------------------------------------- the worked example

X = [[[0.1, 4.2, 1.5, 1.1, 2.8], [1.0, 3.1, 2.5, 0.7, 1.1], [0.3, 2.1, 1.5, 2.1, 0.1], [2.2, 1.4, 0.5, 0.9, 1.1]]]
CONSTANT = [[[0.1] * 12] * 5, [[0.1] * 12] * 3, [0.0] * 3 + [1.0] * 3 + [0.0] * 6] * 2
"""Forward and backward weights: kernels of 0.1, a forget bias of one."""


def test_the_worked_example_has_five_outputs() -> None:
    found = run_keras("lstm", CONSTANT, X, bidirectional=True, return_state=True)
    assert list(found) == ["output", "forward_h", "forward_c", "backward_h", "backward_c"]
    assert found["output"][0] == pytest.approx([0.6303139] * 3 + [0.70387346] * 3, abs=5e-8)
    assert found["output"][0] == found["forward_h"][0] + found["backward_h"][0]


def test_the_last_step_of_the_full_sequence_is_not_that_vector() -> None:
    last = run_keras("lstm", CONSTANT, X, bidirectional=True)["output"][0]
    steps = run_keras("lstm", CONSTANT, X, bidirectional=True, return_sequences=True)["output"][0]
    assert np.shape(steps) == (4, 6)
    assert not close(steps[-1], last)
    assert close(steps[-1][:3], last[:3])
    assert close(steps[0][3:], last[3:])


# ---------------------------------------------------------------- by hand


def logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_simple_rnn_by_hand() -> None:
    found = run_keras("simple_rnn", [[[0.5]], [[2.0]], [0.25]], [[[1.0], [-1.0]]], return_sequences=True)
    first = math.tanh(1.0 * 0.5 + 0.25)
    second = math.tanh(-1.0 * 0.5 + first * 2.0 + 0.25)
    assert close(found["output"], [[[first], [second]]])


def test_an_activation_of_a_linear_cell_is_a_sum() -> None:
    kernel, recurrent = [[1.0, 10.0], [2.0, 20.0]], [[0.0, 1.0], [3.0, 0.0]]
    found = run_keras("simple_rnn", [kernel, recurrent, [0.5, 0.0]], [[[1.0, 1.0], [1.0, 0.0]]], activation="linear")
    # step 1: [1+2+0.5, 10+20] = [3.5, 30]; step 2: [1 + 3*30 + 0.5, 10 + 1*3.5] = [91.5, 13.5]
    assert found["output"] == [[91.5, 13.5]]


def test_lstm_by_hand() -> None:
    kernel, recurrent, bias = [[0.1, 0.2, 0.3, 0.4]], [[0.5, 0.6, 0.7, 0.8]], [0.01, 1.02, 0.03, 0.04]
    x, h, c = 2.0, 0.5, -0.25
    found = run_keras("lstm", [kernel, recurrent, bias], [[[x]]], None, [[[h]], [[c]]], return_state=True)
    i = logistic(0.1 * x + 0.5 * h + 0.01)
    f = logistic(0.2 * x + 0.6 * h + 1.02)
    g = math.tanh(0.3 * x + 0.7 * h + 0.03)
    o = logistic(0.4 * x + 0.8 * h + 0.04)
    new_c = f * c + i * g
    assert close(found["c"], [[new_c]])
    assert close(found["h"], [[o * math.tanh(new_c)]])
    assert found["output"] == found["h"]


@pytest.mark.parametrize("reset_after", [True, False])
def test_gru_by_hand(reset_after: bool) -> None:
    kernel, recurrent = [[0.1, 0.2, 0.3]], [[0.4, 0.5, 0.6]]
    b, rb = [0.01, 0.02, 0.03], [0.04, 0.05, 0.06]
    x, h = 2.0, 0.5
    bias: Any = [b, rb] if reset_after else b
    found = run_keras("gru", [kernel, recurrent, bias], [[[x]]], None, [[[h]]], reset_after=reset_after)
    if reset_after:
        z, r = logistic(0.1 * x + 0.01 + 0.4 * h + 0.04), logistic(0.2 * x + 0.02 + 0.5 * h + 0.05)
        n = math.tanh(0.3 * x + 0.03 + r * (0.6 * h + 0.06))
    else:
        z, r = logistic(0.1 * x + 0.01 + 0.4 * h), logistic(0.2 * x + 0.02 + 0.5 * h)
        n = math.tanh(0.3 * x + 0.03 + (r * h) * 0.6)
    assert close(found["output"], [[z * h + (1 - z) * n]])


def test_the_two_conventions_of_the_reset_gate_differ_from_two_units_on() -> None:
    kernel, recurrent = [[0.0] * 6], [[0.0, 0.0, -9.0, 9.0, 0.0, 1.0], [0.0, 0.0, 9.0, 9.0, 1.0, 0.0]]
    h, zeros = [[[1.0, 0.5]]], [0.0] * 6
    r = [logistic(-4.5), logistic(13.5)]
    after = run_keras("gru", [kernel, recurrent, [zeros, zeros]], [[[0.0]]], None, h)["output"][0]
    before = run_keras("gru", [kernel, recurrent, zeros], [[[0.0]]], None, h, reset_after=False)["output"][0]
    # z = 1/2; unit 0 hears unit 1 (0.5), unit 1 hears unit 0 (1.0); the reset of the listener, or of the speaker
    assert close(after, [0.5 + 0.5 * math.tanh(r[0] * 0.5), 0.25 + 0.5 * math.tanh(r[1] * 1.0)])
    assert close(before, [0.5 + 0.5 * math.tanh(r[1] * 0.5), 0.25 + 0.5 * math.tanh(r[0] * 1.0)])


def test_projection_by_hand() -> None:
    weight_ih, weight_hh, weight_hr = [[1.0]] * 8, [[0.5]] * 8, [[2.0, -1.0]]
    options: dict[str, Value] = {"proj_size": 1, "bias": False, "hx": True}
    states = [[[[0.5]]], [[[0.1, 0.2]]]]
    found = dict(torch.run("lstm", options, [weight_ih, weight_hh, weight_hr], [[[1.0]]], None, states))
    gate, candidate = logistic(1.25), math.tanh(1.25)
    c = [gate * 0.1 + gate * candidate, gate * 0.2 + gate * candidate]
    assert close(found["c_n"], [[c]])
    assert close(found["h_n"], [[[2 * gate * math.tanh(c[0]) - gate * math.tanh(c[1])]]])
    assert found["output"] == found["h_n"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("linear", {-2.5: -2.5, 3.0: 3.0}),
        ("relu", {-2.5: 0.0, 0.0: 0.0, 3.0: 3.0}),
        ("tanh", {0.0: 0.0, 1.0: 0.7615941559557649}),
        ("sigmoid", {0.0: 0.5, 1.0: 0.7310585786300049, -800.0: 0.0, 800.0: 1.0}),
        ("hard_sigmoid", {-3.0: 0.0, -2.5: 1 / 12, 0.0: 0.5, 1.5: 0.75, 4.0: 1.0}),
    ],
)
def test_activations(name: str, values: Mapping[float, float]) -> None:
    for x, expected in values.items():
        found = run_keras("simple_rnn", [[[1.0]], [[0.0]]], [[[x]]], use_bias=False, activation=name)
        assert found["output"][0][0] == pytest.approx(expected, abs=1e-15)


def test_new_biases() -> None:
    assert keras.initial_bias("lstm", {}, 2) == [0, 0, 1, 1, 0, 0, 0, 0]
    assert keras.initial_bias("lstm", {"unit_forget_bias": False}, 2) == [0] * 8
    assert keras.initial_bias("gru", {}, 2) == [[0] * 6, [0] * 6]
    assert keras.initial_bias("gru", {"reset_after": False}, 2) == [0] * 6
    assert keras.initial_bias("simple_rnn", {"use_bias": False}, 2) is None
