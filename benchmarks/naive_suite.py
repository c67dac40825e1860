"""A straightforward test suite for recurrent layers, as most people would write it: the yardstick of this directory.

It follows what public suites do: a fresh layer for every example, an eager call, and the assertion that everything is
"all close" to an expectation (as `keras/src/layers/rnn/*_test.py` does, through `assertAllClose`); tensors are drawn
the way the documentation of `hypothesis.extra.numpy.arrays` shows. It imports nothing of this project, and nothing in
it is slower than it has to be: the reference is NumPy over the batch, and only valid configurations are drawn. It
covers less than this project does: default activations, float32, no rejections, one fixed tolerance.

    KERAS_BACKEND=tensorflow python -m pytest benchmarks/naive_suite.py -k keras
    NAIVE_DRAWING=elementwise python -m pytest benchmarks/naive_suite.py -k torch

Environment:
    NAIVE_EXAMPLES: examples of Hypothesis for each test (default 100).
    NAIVE_DRAWING: `fill` (default: `hnp.arrays` as it comes, which repeats one value in most places) or `elementwise`
        (every element drawn on its own, `fill=st.nothing()`), without which a transposed kernel can go unnoticed.
    NAIVE_SIZES: `same` (default: distributed as in the other suite) or `small`: arrays drawn element by element often
        exceed what Hypothesis draws for one example, and such examples cost time but are no cases.
    NAIVE_COST: a file for the numbers of cases and CPU seconds, as JSON.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

Array = NDArray[np.float32]

EXAMPLES = int(os.environ.get("NAIVE_EXAMPLES", "100"))
DRAWING = os.environ.get("NAIVE_DRAWING", "fill")
SIZES = os.environ.get("NAIVE_SIZES", "same")
RANGES = (
    (st.integers(1, 4), st.sampled_from((5, 8, 9))),
    (st.integers(1, 7), st.sampled_from((8, 12, 17))),
    (st.integers(1, 6), st.sampled_from((7, 8, 9, 16, 17))),
    (st.integers(1, 8), st.sampled_from((9, 15, 16, 17, 33))),
)
GATES = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}

SPENT = {"cases": 0.0, "forward": 0.0}
"""Finished comparisons, and CPU seconds inside the calls of the layers."""

# Compiling takes longer than the default deadline, and drawing elements one by one is slow and long: everybody who
# writes such a suite ends up with these settings.
naive = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],  # a failure of this suite is a mistake here: it is not worth minutes of shrinking
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


@pytest.fixture(scope="module", autouse=True)
def cost() -> Iterator[None]:
    """Write down what the examples cost, without the imports."""
    began = time.process_time()
    yield
    if path := os.environ.get("NAIVE_COST"):
        Path(path).write_text(json.dumps({**SPENT, "cpu": time.process_time() - began}), encoding="ascii")


# ---------------------------------------------------------------- drawing


def arrays(draw: st.DrawFn, *shape: int) -> Array:
    """Values in [-1/4, 1/4]: with larger ones, long recurrences amplify rounding beyond any fixed tolerance."""
    elements = st.floats(-0.25, 0.25, width=32)
    fill = {"elementwise": st.nothing(), "fill": None}[DRAWING]
    return draw(hnp.arrays(np.float32, shape, elements=elements, fill=fill))


@st.composite
def sizes(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Batch, timesteps, features, units: `small` ones, or distributed as in `conformance.generate.strategies`."""
    return draw(st.tuples(*(small if SIZES == "small" else small | large for small, large in RANGES)))


# ---------------------------------------------------------------- the reference


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def step(kind: str, x: Array, states: Sequence[Array], weights: Sequence[Array], order: str) -> list[Array]:
    """One time step; `weights` are kernel, recurrent kernel, bias, recurrent bias, gates in the given order."""
    kernel, recurrent, bias, recurrent_bias = weights
    a, b = x @ kernel + bias, states[0] @ recurrent + recurrent_bias
    if kind == "SimpleRNN":
        return [np.tanh(a + b)]
    if kind == "GRU":
        gate = dict(zip(order, zip(*(np.split(part, 3, axis=-1) for part in (a, b)), strict=True), strict=True))
        z, r = (sigmoid(gate[name][0] + gate[name][1]) for name in "zr")
        return [z * states[0] + (1 - z) * np.tanh(gate["n"][0] + r * gate["n"][1])]
    i, f, g, o = np.split(a + b, 4, axis=-1)
    c = sigmoid(f) * states[1] + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c), c]


def run(
    kind: str,
    x: Array,
    states: Sequence[Array],
    weights: Sequence[Array],
    order: str,
    mask: NDArray[np.bool_] | None = None,
    zero_masked: bool = False,
) -> tuple[Array, list[Array]]:
    """All time steps of (batch, timesteps, features): outputs by time, and the last states."""
    outputs, states = [], list(states)
    output = np.zeros_like(states[0])
    for t in range(x.shape[1]):
        after = step(kind, x[:, t], states, weights, order)
        keep = np.ones(len(x), bool) if mask is None else mask[:, t]
        states = [np.where(keep[:, None], new, old) for new, old in zip(after, states, strict=True)]
        output = np.where(keep[:, None], after[0], output)
        outputs.append(np.where(keep[:, None], output, 0) if zero_masked else output)
    return np.stack(outputs, axis=1), states


def assert_all_close(got: Sequence[Any], expected: Sequence[Array]) -> None:
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        assert one.shape == other.shape
        assert np.allclose(one, other, rtol=1e-4, atol=1e-5)
    SPENT["cases"] += 1


# ---------------------------------------------------------------- Keras


def keras_reference(
    kind: str, x: Array, states: Sequence[Array], weights: Sequence[Array], flags: Mapping[str, Any]
) -> tuple[Array, list[Array]]:
    """One direction of Keras, in its own time order."""
    kernel, recurrent, bias = weights
    parts = [bias[0], bias[1]] if bias.ndim == 2 else [bias, np.zeros_like(bias)]
    backwards, mask = flags["go_backwards"], flags["mask"]
    if backwards:
        x, mask = x[:, ::-1], None if mask is None else mask[:, ::-1]
    return run(kind, x, states, [kernel, recurrent, *parts], "zrn", mask, flags["zero_masked"])


@pytest.mark.parametrize("kind", list(GATES))
@naive
@given(data=st.data())
def test_keras(kind: str, data: st.DataObject) -> None:
    keras = pytest.importorskip("keras")
    batch, timesteps, features, units = data.draw(sizes())
    bidirectional, states_given = data.draw(st.booleans()), data.draw(st.booleans())
    options = {name: data.draw(st.booleans()) for name in ("return_sequences", "return_state", "unroll")}
    backwards = not bidirectional and data.draw(st.booleans())
    masked = data.draw(st.booleans())
    mask = data.draw(hnp.arrays(bool, (batch, timesteps))) if masked and not options["unroll"] else None
    layer = getattr(keras.layers, kind)(units, go_backwards=backwards, **options)
    if bidirectional:
        layer = keras.layers.Bidirectional(layer)
    layer.build((batch, timesteps, features))
    weights = [arrays(data.draw, *weight.shape) for weight in layer.get_weights()]
    layer.set_weights(weights)
    x = arrays(data.draw, batch, timesteps, features)
    directions, count = (2 if bidirectional else 1), (2 if kind == "LSTM" else 1)
    states = [
        arrays(data.draw, batch, units) if states_given else np.zeros((batch, units), np.float32)
        for _ in range(directions * count)
    ]
    began = time.process_time()
    got = layer(x, mask=mask, initial_state=states if states_given else None)
    SPENT["forward"] += time.process_time() - began
    got = [keras.ops.convert_to_numpy(one) for one in (got if isinstance(got, list | tuple) else [got])]

    outputs, last = [], []
    for d in range(directions):
        # Bidirectional returns zeros at masked steps of a sequence, other layers repeat the last output.
        zero_masked = bidirectional and options["return_sequences"]
        flags = {"go_backwards": backwards or d == 1, "mask": mask, "zero_masked": zero_masked}
        own = slice(3 * d, 3 * d + 3), slice(count * d, count * d + count)
        sequence, state = keras_reference(kind, x, states[own[1]], weights[own[0]], flags)
        result = sequence if options["return_sequences"] else sequence[:, -1]
        outputs.append(result[:, ::-1] if d == 1 and options["return_sequences"] else result)
        last += state
    assert_all_close(got, [np.concatenate(outputs, axis=-1), *(last if options["return_state"] else [])])


# ---------------------------------------------------------------- torch.nn


def torch_reference(
    kind: str, x: Array, states: Sequence[Array], weights: Sequence[Array], directions: int
) -> tuple[Array, list[list[Array]]]:
    """All layers of a stack, batch first; the last states of every layer and direction."""
    last = []
    for layer in range(len(weights) // (4 * directions)):
        sequences = []
        for d in range(directions):
            place = layer * directions + d
            w_ih, w_hh, b_ih, b_hh = weights[4 * place : 4 * place + 4]
            own = [state[place] for state in states]
            sequence, state = run(kind, x[:, ::-1] if d else x, own, [w_ih.T, w_hh.T, b_ih, b_hh], "rzn")
            sequences.append(sequence[:, ::-1] if d else sequence)
            last.append(state)
        x = np.concatenate(sequences, axis=-1)
    return x, last


@pytest.mark.parametrize("kind", list(GATES))
@naive
@given(data=st.data())
def test_torch(kind: str, data: st.DataObject) -> None:
    torch = pytest.importorskip("torch")
    batch, timesteps, features, units = data.draw(sizes())
    layers = data.draw(st.integers(1, 2))
    bidirectional, batch_first, states_given = (data.draw(st.booleans()) for _ in range(3))
    made = {"SimpleRNN": torch.nn.RNN}.get(kind) or getattr(torch.nn, kind)
    layer = made(features, units, layers, batch_first=batch_first, bidirectional=bidirectional)
    weights = [arrays(data.draw, *parameter.shape) for parameter in layer.parameters()]
    x = arrays(data.draw, batch, timesteps, features)
    directions, count = (2 if bidirectional else 1), (2 if kind == "LSTM" else 1)
    shape = (layers * directions, batch, units)
    states = [arrays(data.draw, *shape) if states_given else np.zeros(shape, np.float32) for _ in range(count)]
    with torch.no_grad():
        for parameter, array in zip(layer.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(array))
        hx = [torch.from_numpy(state) for state in states]
        arguments = [torch.from_numpy(x if batch_first else x.swapaxes(0, 1).copy())]
        if states_given:
            arguments.append(hx[0] if count == 1 else tuple(hx))
        began = time.process_time()
        output, hidden = layer(*arguments)
        SPENT["forward"] += time.process_time() - began
    got = [output.numpy(), *(state.numpy() for state in (hidden if isinstance(hidden, tuple) else (hidden,)))]
    sequence, last = torch_reference(kind, x, states, weights, directions)
    expected = [np.stack([states[index] for states in last]) for index in range(count)]
    assert_all_close(got, [sequence if batch_first else sequence.swapaxes(0, 1), *expected])
