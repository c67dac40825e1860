"""Faults of other ways to a result than a plain call: routes, and exported programs that another runtime runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy_layers
from numpy_layers import Packed, fault, sigmoid
from planting import Array, TorchCell, TorchLayer, instead_of

WAY = "its_own_way"
"""The name of the only way that is offered."""


def offer(dialect: Any, kind: str, needs: dict[str, list[Any]] | None = None) -> None:
    """Let the honest implementation say that it has one route, or one way through a runtime, and take it for a call."""
    described = dialect.describe

    def describe() -> Any:
        said = described()
        said["capabilities"][kind] = {WAY: needs or {}}
        return said

    dialect.describe = describe

    @instead_of(TorchLayer, "call")
    def call(honest: Any, layer: Any, mode: str, inputs: Any) -> Any:
        layer.on_its_way = mode == WAY
        for cells in layer.stack:
            for cell in cells:
                cell.on_its_way = mode == WAY
        return honest("eager" if mode == WAY else mode, inputs)


# ---------------------------------------------------------------- routes


@fault
def copied_without_the_second_bias(dialect: Any) -> None:
    """A copy of a module has no `bias_hh`."""
    offer(dialect, "routes")

    @instead_of(TorchCell, "products")
    def products(honest: Any, cell: Any, x: Array, h: Array) -> Any:
        from_x, from_h = honest(x, h)
        return from_x, from_h - cell.weights[3] if cell.bias and cell.on_its_way else from_h


@fault
def mapped_over_rows_with_one_state(dialect: Any) -> None:
    """A call that is mapped over the rows of a batch begins every row with the initial states of the first."""
    offer(dialect, "routes", {"input": ["batched"]})

    @instead_of(TorchLayer, "initial")
    def initial(honest: Any, layer: Any, inputs: Any, batch: int) -> Any:
        given = inputs.initial_state
        if layer.on_its_way and given is not None:
            inputs = inputs._replace(initial_state=[np.repeat(state[:, :1], batch, axis=1) for state in given])
        return honest(inputs, batch)


@fault
def padded_with_the_last_step(dialect: Any) -> None:
    """Padding up to a total length repeats the last step instead of the padding value."""
    offer(dialect, "routes", {"input": ["packed", "packed_unsorted"]})

    @instead_of(TorchLayer, "packaged")
    def packaged(honest: Any, layer: Any, output: Array, lengths: Array, finals: list[Array]) -> Any:
        result = honest(output, lengths, finals)
        if layer.on_its_way and isinstance(result[0], Packed):
            last = output[lengths - 1, np.arange(len(lengths))]
            beyond = (np.arange(len(output))[:, None] >= lengths)[:, :, None]
            padded = np.where(beyond, last, output)
            result[0].padded = padded.swapaxes(0, 1).copy() if layer.options["batch_first"] else padded
        return result


# ---------------------------------------------------------------- another runtime


@fault
def exported_without_hx(dialect: Any) -> None:
    """An exported program has the zeros of its example in the place of initial states."""
    offer(dialect, "runtimes")

    @instead_of(TorchLayer, "initial")
    def initial(honest: Any, layer: Any, inputs: Any, batch: int) -> Any:
        return honest(inputs._replace(initial_state=None) if layer.on_its_way else inputs, batch)


@fault
def exported_with_the_other_gru(dialect: Any) -> None:
    """An exported GRU resets before the recurrent product, as ONNX does unless `linear_before_reset` is set."""
    offer(dialect, "runtimes")

    @instead_of(TorchCell, "step_gru")
    def step(honest: Any, cell: Any, from_x: Array, from_h: Array, states: Any) -> Any:
        if not cell.on_its_way:
            return honest(from_x, from_h, states)
        (xr, xz, xn), (hr, hz, _) = np.split(from_x, 3, axis=1), np.split(from_h, 3, axis=1)
        r, z = sigmoid(xr + hr), sigmoid(xz + hz)
        after = (r * states[0]) @ np.split(cell.weights[1], 3)[2].T
        bias = np.split(cell.weights[3], 3)[2] if cell.bias else 0
        return [(1 - z) * np.tanh(xn + after + bias) + z * states[0]]


@fault
def exported_for_its_example(dialect: Any) -> None:
    """An exported program reads as many steps as its example had, one fewer than there are, and repeats its output."""
    offer(dialect, "runtimes", {"input": ["batched"], "bidirectional": [False]})

    @instead_of(TorchLayer, "run")
    def run(honest: Any, layer: Any, cell: Any, x: Array, lengths: Array, states: Any, *, reverse: bool) -> Any:
        if not layer.on_its_way or len(x) < 2:
            return honest(cell, x, lengths, states, reverse=reverse)
        outputs, finals = honest(cell, x[:-1], lengths - 1, states, reverse=reverse)
        return np.concatenate([outputs, outputs[-1:]]), finals


@fault
def exported_with_rough_activations(dialect: Any) -> None:
    """Right: another runtime whose tanh and sigmoid are off by some units of rounding, near 0 as well."""
    offer(dialect, "runtimes")
    exact = dict(numpy_layers.ACTIVATIONS)

    def rough(name: str, units: float) -> Any:
        def activation(x: Array) -> Array:
            off = units * np.finfo(x.dtype).eps / 2 * np.sin(1e5 * x.astype(np.float64))
            return (exact[name](x) + off).astype(x.dtype)

        return activation

    tanh, logistic = rough("tanh", 8.0), rough("sigmoid", 4.0)

    @instead_of(TorchCell, "step")
    def step(honest: Any, cell: Any, x: Array, states: Any) -> Any:
        if not cell.on_its_way:
            return honest(x, states)
        from_x, from_h = cell.products(x, states[0])
        if cell.layer == "simple_rnn":
            total = from_x + from_h
            return [tanh(total) if cell.activation is np.tanh else cell.activation(total)]
        if cell.layer == "gru":
            (xr, xz, xn), (hr, hz, hn) = np.split(from_x, 3, axis=1), np.split(from_h, 3, axis=1)
            r, z = logistic(xr + hr), logistic(xz + hz)
            return [(1 - z) * tanh(xn + r * hn) + z * states[0]]
        i, f, g, o = np.split(from_x + from_h, 4, axis=1)
        c = logistic(f) * states[1] + logistic(i) * tanh(g)
        h = logistic(o) * tanh(c)
        return [h @ cell.weights[-1].T if cell.projected != cell.units else h, c]
