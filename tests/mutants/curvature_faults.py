"""Layers with second derivatives: one tanh layer of PyTorch, its gradients taken at complex numbers; faults in these.

The gradients are analytic functions: at a number with a tiny imaginary part in some direction, their imaginary part is
that times their derivative along the direction (Squire and Trapp 1998), to the last digit. For layers of Keras, the
difference of gradients on both sides is taken, in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from gradient_faults import STYLE, Emulation, trainable
from numpy_layers import TorchLayer, fault, terms

from conformance.spec import Tensors

Array = np.ndarray

TINY = 1e-30
"""The length of the imaginary step."""


class Curved(TorchLayer):
    """A layer with gradients and their derivatives, which faults change in one place."""

    def slope(self, y: Array) -> Array:
        """Of tanh, at its output."""
        return 1 - y * y

    def handed_on(self, h: Array) -> Array:
        """The state for the next step."""
        return h

    def steps(self, leaves: Sequence[Array], cotangents: Sequence[Array]) -> list[Array]:
        """The gradients with respect to x (time first), the weights, and the initial state if there is one."""
        count = len(self.stack[0][0].weights)
        x, weights, states = leaves[0], leaves[1 : 1 + count], leaves[1 + count :]
        biases = sum(weights[2:]) if count > 2 else 0
        before = [states[0][0] if states else np.zeros((x.shape[1], len(weights[1])))]
        for row in x:
            before.append(np.tanh(row @ weights[0].T + self.handed_on(before[-1]) @ weights[1].T + biases))
        dx, dh, found = np.zeros_like(x), cotangents[1][0], [np.zeros_like(weight) for weight in weights]
        for t in reversed(range(len(x))):
            dz = (dh + cotangents[0][t]) * self.slope(before[t + 1])
            dx[t], dh = dz @ weights[0], dz @ weights[1]
            found[0] += dz.T @ x[t]
            found[1] += dz.T @ before[t]
            for bias in found[2:]:
                bias += dz.sum(axis=0)
        return [dx, *found, *([dh[None]] if states else [])]

    def gradients(self, mode: str, inputs: terms.Inputs, weighed: terms.Weighed) -> terms.Gradients:
        return self._answered([array.real for array in self._at(mode, inputs, weighed, None)])

    def curvature(self, mode: str, inputs: terms.Inputs, weighed: terms.Weighed, along: terms.Gradients) -> Any:
        found = self._at(mode, inputs, weighed, [along.x, *along.weights, *along.initial_state])
        return self._answered([array.imag / TINY for array in found])

    def _at(
        self, mode: str, inputs: terms.Inputs, weighed: terms.Weighed, along: Sequence[Array] | None
    ) -> list[Array]:
        """The gradients a tiny imaginary step along some directions from what is given."""
        given = [inputs.x, *(array for _, array in self.weights()), *(inputs.initial_state or [])]
        steps = [0 * leaf for leaf in given] if along is None else along
        leaves = [leaf + 1j * TINY * step.astype(np.float64) for leaf, step in zip(given, steps, strict=True)]
        cotangents = [cotangent.astype(np.float64) for _, cotangent in weighed(self.call(mode, inputs))]
        if self.options["batch_first"]:
            leaves[0], cotangents[0] = leaves[0].swapaxes(0, 1), cotangents[0].swapaxes(0, 1)
        return self.steps(leaves, cotangents)

    def _answered(self, found: Sequence[Array]) -> terms.Gradients:
        x, *rest = (array.astype(self.dtype) for array in found)
        count = len(self.weights())
        return terms.Gradients(x.swapaxes(0, 1) if self.options["batch_first"] else x, rest[:count], rest[count:])


def curved(dialect: Any, kind: type[Curved]) -> None:
    """Let layers compute second derivatives with `kind`, which has one tanh layer and reads one way."""
    dialect.layer_class = kind
    dialect.features = [*dialect.features, "gradients", "curvature"]
    described = dialect.describe

    def describe() -> Any:
        said = described()
        said["capabilities"]["layers"] = ["simple_rnn"]
        return said

    dialect.describe = describe
    one = {"num_layers": [1], "bidirectional": [False], "nonlinearity": ["tanh"], "input": ["batched"]}
    dialect.options = {**dialect.options, **one}


@fault
def second_derivatives(dialect: Any) -> None:
    """Right ones."""
    curved(dialect, Curved)


@fault
def slope_without_slope(dialect: Any) -> None:
    """The slope of tanh counts as a constant when gradients are differentiated."""

    class Constant(Curved):
        def slope(self, y: Array) -> Array:
            return super().slope(y.real)

    curved(dialect, Constant)


@fault
def curvature_within_steps_alone(dialect: Any) -> None:
    """When gradients are differentiated, a state that is handed on counts as a constant."""

    class Detached(Curved):
        def handed_on(self, h: Array) -> Array:
            return h.real

    curved(dialect, Detached)


@fault
def gradients_instead_of_curvature(dialect: Any) -> None:
    """Asked for second derivatives, it gives the first."""

    class First(Curved):
        def curvature(self, mode: str, inputs: terms.Inputs, weighed: terms.Weighed, along: terms.Gradients) -> Any:
            return self.gradients(mode, inputs, weighed)

    curved(dialect, First)


# ---------------------------------------------------------------- Keras

STEP = 2.0**-20
"""To both sides."""

IN_FLOAT64 = replace(STYLE, dtype="float64")


def twice(dialect: Any, kind: type[Emulation]) -> None:
    """Let layers whose gradients are right compute second derivatives as if their gradients were those of `kind`."""
    trainable(dialect, Emulation)

    class Twice(dialect.layer_class):  # type: ignore[misc]
        def curvature(self, mode: str, inputs: Any, weighed: terms.Weighed, along: terms.Gradients) -> terms.Gradients:
            given, cotangents = self.given(inputs), self.cotangents(mode, inputs, weighed)
            weighing = {name: array.astype(np.float64) for name, array in cotangents.items()}
            config = self.config.with_options(dtype="float64")
            sides = [kind(config, moved(given, along, step), IN_FLOAT64).gradients(weighing) for step in (STEP, -STEP)]
            x, *found = (((a - b) / (2 * STEP)).astype(np.float32) for a, b in zip(*sides, strict=True))
            return terms.Gradients(x, found[: len(given.weights)], found[len(given.weights) :])

    dialect.layer_class = Twice
    dialect.features = [*dialect.features, "curvature"]


def moved(given: Tensors, along: terms.Gradients, step: float) -> Tensors:
    """All that a call is given in float64, so far along its direction."""

    def each(arrays: Sequence[Array], directions: Sequence[Array]) -> tuple[Array, ...]:
        pairs = zip(arrays, directions, strict=True)
        return tuple(array.astype(np.float64) + step * direction for array, direction in pairs)

    (x,), weights = each([given.x], [along.x]), each(given.weights, along.weights)
    states = None if given.initial_state is None else each(given.initial_state, along.initial_state)
    return replace(given, x=x, weights=weights, initial_state=states)


@fault
def second_derivatives_of_keras(dialect: Any) -> None:
    """Right ones."""
    twice(dialect, Emulation)


@fault
def curvature_without_cell_state(dialect: Any) -> None:
    """When gradients are differentiated, the way from a cell state to the one before it is cut."""

    class Detached(Emulation):
        def back_lstm(self, row: Any, dh: Any, dc: Any) -> Any:
            return *super().back_lstm(row, dh, dc)[:3], []

    twice(dialect, Detached)


@fault
def curvature_without_masked_steps(dialect: Any) -> None:
    """When gradients are differentiated, what is shown at masked steps counts as a constant."""

    class Forgetful(Emulation):
        def shown(self, cotangents: Any, b: int, k: int, mask: Any) -> list[Any]:
            return super().shown(cotangents, b, k, mask) if mask[k] else []

    twice(dialect, Forgetful)


@fault
def curvature_along_one_direction(dialect: Any) -> None:
    """Directions of weights are forgotten: only what depends on the input is differentiated again."""
    twice(dialect, Emulation)
    honest = dialect.layer_class

    class InputAlone(honest):
        def curvature(self, mode: str, inputs: Any, weighed: terms.Weighed, along: terms.Gradients) -> terms.Gradients:
            zeros = [np.zeros_like(direction) for direction in along.weights]
            return honest.curvature(self, mode, inputs, weighed, along._replace(weights=zeros))

    dialect.layer_class = InputAlone
