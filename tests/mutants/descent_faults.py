"""Layers whose gradients are right, and which are trained by them: faults of the steps alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from gradient_faults import Emulation, trainable
from numpy_layers import fault, terms

from conformance.spec import outputs

Array = np.ndarray
Step = Callable[[Array, Array, float], Array]
"""A weight, its gradient and the rate; the weight after the step."""


def plain(weight: Array, gradient: Array, rate: float) -> Array:
    """What everybody does."""
    return weight - np.float32(rate) * gradient


class Trainer:
    """Takes the steps; a fault replaces one method."""

    def __init__(self, layer: Any, inputs: terms.Inputs, descent: terms.Descent) -> None:
        self.layer = layer
        self.inputs = inputs
        self.descent = descent

    def gradients(self) -> list[Array]:
        return list(self.layer.differentiated(self.inputs, self.slopes()).weights)

    def slopes(self) -> dict[str, Array]:
        """The slope of the loss by each output that enters into it."""
        numbers, promised = self.descent.beside, outputs(self.layer.config)
        pairs = zip(numbers, self.descent.paired(self.layer.call("eager", self.inputs)), strict=True)
        slope = self.of_square if self.descent.squared else lambda _output, weights: weights
        return {promised[number].name: slope(*pair) for number, pair in pairs}

    def of_square(self, output: Array, target: Array) -> Array:
        """The slope of a mean squared error."""
        return 2 * (output - target) / np.float32(target.size)

    def trained(self) -> list[int]:
        return [place for place in range(self.count()) if place not in self.descent.frozen]

    def count(self) -> int:
        """Of the weights."""
        return len(self.layer.weights())

    def step(self, weight: Array, gradient: Array) -> Array:
        return plain(weight, gradient, self.descent.rate)

    def once(self) -> list[Array]:
        """All weights after one more step."""
        weights = [array.copy() for _, array in self.layer.weights()]
        found = self.gradients()
        for place in self.trained():
            weights[place] = self.step(weights[place], found[place])
        return weights

    def steps(self) -> Iterator[list[Array]]:
        for _ in range(self.descent.steps):
            weights = self.once()
            self.layer.set_weights(weights)
            yield weights


def trained_by(dialect: Any, kind: type[Trainer]) -> None:
    """Let layers with a right backward pass be trained by `kind`, which knows no penalties and constraints."""
    trainable(dialect, Emulation)

    class Trained(dialect.layer_class):  # type: ignore[misc]
        def descend(self, inputs: terms.Inputs, descent: terms.Descent) -> Iterator[list[Array]]:
            return kind(self, inputs, descent).steps()

    dialect.layer_class = Trained
    dialect.features = [*(it for it in dialect.features if it != "regularizers"), "train", "targets"]


@fault
def plain_descent(dialect: Any) -> None:
    """A right one."""
    trained_by(dialect, Trainer)


@fault
def descent_in_one_rounding(dialect: Any) -> None:
    """Product and sum in float64, rounded once, as a fused operation does; right as well."""

    class Fused(Trainer):
        def step(self, weight: Array, gradient: Array) -> Array:
            return plain(weight.astype(np.float64), gradient.astype(np.float64), self.descent.rate).astype(np.float32)

    trained_by(dialect, Fused)


@fault
def rate_counts_twice(dialect: Any) -> None:
    """The gradient is scaled by the rate before the optimizer scales it again."""

    class Twice(Trainer):
        def step(self, weight: Array, gradient: Array) -> Array:
            return super().step(weight, np.float32(self.descent.rate) * gradient)

    trained_by(dialect, Twice)


@fault
def bias_not_trained(dialect: Any) -> None:
    """The optimizer is not told of the bias."""

    class Kernels(Trainer):
        def trained(self) -> list[int]:
            return [place for place in super().trained() if place < 2]

    trained_by(dialect, Kernels)


@fault
def frozen_is_trained(dialect: Any) -> None:
    """The optimizer was told of all weights before some were frozen."""

    class All(Trainer):
        def trained(self) -> list[int]:
            return list(range(self.count()))

    trained_by(dialect, All)


@fault
def gradient_of_the_step_before(dialect: Any) -> None:
    """Every step but the first uses the gradient that was computed before the last update."""

    class Late(Trainer):
        last: list[Array] | None = None

        def gradients(self) -> list[Array]:
            now = super().gradients()
            used, self.last = self.last or now, now
            return used

    trained_by(dialect, Late)


@fault
def gradients_never_set_to_zero(dialect: Any) -> None:
    """Gradients of all steps so far are added up."""

    class Adding(Trainer):
        total: list[Array] | None = None

        def gradients(self) -> list[Array]:
            now = super().gradients()
            self.total = [a + b for a, b in zip(self.total, now, strict=True)] if self.total else now
            return self.total

    trained_by(dialect, Adding)


@fault
def loss_is_a_mean(dialect: Any) -> None:
    """The loss is divided by the size of the batch."""

    class Mean(Trainer):
        def gradients(self) -> list[Array]:
            return [gradient / np.float32(len(self.inputs.x)) for gradient in super().gradients()]

    trained_by(dialect, Mean)


@fault
def frozen_layer_trains_its_bias(dialect: Any) -> None:
    """A frozen layer freezes its kernels; the bias was made later, and is trained."""

    class Late(Trainer):
        def trained(self) -> list[int]:
            return super().trained() or list(range(2, self.count()))

    trained_by(dialect, Late)


@fault
def frozen_for_good(dialect: Any) -> None:
    """A weight that was frozen once is frozen whenever the layer is trained later."""

    class ForGood(Trainer):
        def trained(self) -> list[int]:
            self.layer.frozen = {*getattr(self.layer, "frozen", ()), *self.descent.frozen}
            return [place for place in range(self.count()) if place not in self.layer.frozen]

    trained_by(dialect, ForGood)


# ---------------------------------------------------------------- losses


@fault
def squares_without_their_factor(dialect: Any) -> None:
    """The slope of a square is taken for the number itself, not twice that."""

    class Half(Trainer):
        def of_square(self, output: Array, target: Array) -> Array:
            return super().of_square(output, target) / 2

    trained_by(dialect, Half)


@fault
def squares_are_added_up(dialect: Any) -> None:
    """The squares are divided by the size of the batch alone, not by the number of all elements."""

    class Sum(Trainer):
        def of_square(self, output: Array, target: Array) -> Array:
            return super().of_square(output, target) * np.float32(target.size / len(target))

    trained_by(dialect, Sum)


@fault
def errors_of_the_first_step(dialect: Any) -> None:
    """What outputs are off their targets is computed once, with the weights of the first step."""

    class Once(Trainer):
        first: dict[str, Array] | None = None

        def slopes(self) -> dict[str, Array]:
            self.first = self.first or super().slopes()
            return self.first

    trained_by(dialect, Once)


@fault
def states_have_no_target(dialect: Any) -> None:
    """Of several outputs, only the first enters into a loss with targets."""

    class First(Trainer):
        def slopes(self) -> dict[str, Array]:
            found = super().slopes()
            return dict([*found.items()][:1]) if self.descent.squared else found

    trained_by(dialect, First)
