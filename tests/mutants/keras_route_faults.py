"""Faults of other ways to call layers of Keras: two stateful layers in a model, and a fused program of one layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy_layers import fault
from planting import Array, KerasCell, KerasLayer, instead_of

Way = Callable[[Any, Any], Any]
"""From a layer and the arguments of a call to what the way gives."""

ONE_WAY: dict[str, list[Any]] = {"mask": ["none"], "bidirectional": [False]}
"""What two parts of a sequence need to be one pass."""


def offer(dialect: Any, name: str, needs: dict[str, list[Any]], way: Way) -> None:
    """Let the honest implementation say that its layers have one route, and take it."""
    described = dialect.describe

    def describe() -> Any:
        said = described()
        said["capabilities"].setdefault("routes", {})[name] = needs
        return said

    dialect.describe = describe

    @instead_of(KerasLayer, "call")
    def call(honest: Any, layer: Any, mode: str, inputs: Any) -> Any:
        return way(layer, inputs) if mode == name else honest(mode, inputs)


def made(kind: str, options: dict[str, Any], sizes: dict[str, int], weights: Sequence[Array]) -> Any:
    """A new layer with these weights."""
    layer = KerasLayer(kind, options, sizes)
    layer.take({})
    layer.build()
    layer.set_weights(weights)
    return layer


# ---------------------------------------------------------------- two stateful layers in a model


class Stack:
    """A model of two stateful layers, the lower of which hands on what it reads; faults replace one method."""

    def __init__(self, layer: Any) -> None:
        features, kept = layer.sizes["features"], {**layer.options, "stateful": True}
        plain = {"activation": "linear", "use_bias": False, "return_sequences": True}
        shape = {"return_state": False, "go_backwards": False}
        weights = [np.eye(features, dtype=layer.dtype), np.zeros((features, features), layer.dtype)]
        self.lower = made("simple_rnn", {**kept, **plain, **shape}, {**layer.sizes, "units": features}, weights)
        own = [array for _, array in layer.weights()]
        self.upper = made(layer.directions[0].cell.layer, kept, layer.sizes, own)

    def call(self, inputs: Any) -> Any:
        """What a call of the model gives; initial states are those of the upper layer."""
        passed = self.lower.call("eager", inputs._replace(initial_state=None))
        return self.upper.call("eager", inputs._replace(x=passed))


def stacked(dialect: Any, kind: type[Stack]) -> None:
    """Let a sequence be read in two parts by such a model."""

    def way(layer: Any, inputs: Any) -> Any:
        model, steps = kind(layer), inputs.x.shape[1]
        if steps < 2:
            return layer.call("eager", inputs)
        parts = [inputs.x[:, : steps // 2], inputs.x[:, steps // 2 :]]
        if layer.options["go_backwards"]:
            parts.reverse()
        given = [inputs._replace(x=parts[0]), inputs._replace(x=parts[1], initial_state=None)]
        first, second = (model.call(part) for part in given)
        if not layer.options["return_sequences"]:
            return second
        if not layer.options["return_state"]:
            return np.concatenate([first, second], axis=1)
        return (np.concatenate([first[0], second[0]], axis=1), *second[1:])

    offer(dialect, "stateful_stack", ONE_WAY, way)


@fault
def stateful_layers_in_a_model(dialect: Any) -> None:
    """Right: both layers go on where they stopped."""
    stacked(dialect, Stack)


@fault
def upper_layer_begins_anew(dialect: Any) -> None:
    """Of the stateful layers in a model, the lowest alone goes on where it stopped."""

    class Forgetting(Stack):
        def call(self, inputs: Any) -> Any:
            self.upper.reset()
            return super().call(inputs)

    stacked(dialect, Forgetting)


@fault
def upper_layer_keeps_half_of_its_state(dialect: Any) -> None:
    """The upper of two stateful layers in a model goes on with h alone, and c begins anew."""

    class Halved(Stack):
        def call(self, inputs: Any) -> Any:
            given = super().call(inputs)
            h, *others = self.upper.kept
            self.upper.keep([h, *map(np.zeros_like, others)])
            return given

    stacked(dialect, Halved)


# ---------------------------------------------------------------- stateful layers in training


class Reading:
    """How a stateful layer reads a batch in training and evaluation; faults replace one method."""

    def fit(self, layer: Any, inputs: Any) -> None:
        """One epoch, after which all weights are others."""
        layer.call("eager", inputs)
        layer.set_weights([0.5 * weight for _, weight in layer.weights()])

    def evaluate(self, layer: Any, inputs: Any) -> None:
        """One batch."""
        layer.call("eager", inputs)


def reading(dialect: Any, kind: type[Reading], *names: str) -> None:
    """Let layers be trained (`fit`), evaluated (`evaluate`) or both so."""

    def silent(read: Callable[[Any, Any], None]) -> Way:
        def way(layer: Any, inputs: Any) -> Any:
            read(layer, inputs)
            return ()

        return way

    for name in names:
        offer(dialect, name, {"mask": ["none"]}, silent(getattr(kind(), name)))


@fault
def stateful_layers_in_training(dialect: Any) -> None:
    """Right: a batch leaves its states, however it is read."""
    reading(dialect, Reading, "fit", "evaluate")


@fault
def evaluation_leaves_no_trace(dialect: Any) -> None:
    """After `evaluate` a stateful layer has the states that it had before."""

    class Restoring(Reading):
        def evaluate(self, layer: Any, inputs: Any) -> None:
            before = layer.kept
            super().evaluate(layer, inputs)
            layer.kept = before

    reading(dialect, Restoring, "evaluate")


@fault
def training_ends_with_a_reset(dialect: Any) -> None:
    """At the end of an epoch of `fit` the states are reset."""

    class Resetting(Reading):
        def fit(self, layer: Any, inputs: Any) -> None:
            super().fit(layer, inputs)
            layer.reset()

    reading(dialect, Resetting, "fit")


@fault
def training_reads_its_batch_twice(dialect: Any) -> None:
    """`fit` reads a batch once more to report its loss, and the states of a stateful layer run on."""

    class Twice(Reading):
        def fit(self, layer: Any, inputs: Any) -> None:
            layer.call("eager", inputs)
            super().fit(layer, inputs)

    reading(dialect, Twice, "fit")


# ---------------------------------------------------------------- a fused program

NO_MASK: dict[str, list[Any]] = {
    "mask": ["none"],
    "reset_after": [None, True],
    "recurrent_activation": ["sigmoid", "tanh", "relu", "linear", "hard_sigmoid"],
}


def fused(dialect: Any, change: Callable[[KerasCell, list[Array]], list[Array]]) -> None:
    """Let weights be handed to a fused program, as `change` makes them."""

    def way(layer: Any, inputs: Any) -> Any:
        own = [direction.cell.weights for direction in layer.directions]
        for direction in layer.directions:
            direction.cell.weights = change(direction.cell, direction.cell.weights)
        try:
            return layer.call("eager", inputs)
        finally:
            for direction, weights in zip(layer.directions, own, strict=True):
                direction.cell.weights = weights

    offer(dialect, "with_cudnn", NO_MASK, way)


@fault
def fused_program(dialect: Any) -> None:
    """Right: copies of the weights, as they are."""
    fused(dialect, lambda _cell, weights: [weight.copy() for weight in weights])


@fault
def fused_gates_not_reordered(dialect: Any) -> None:
    """A fused program reads reset and update gate, in this order, where the kernels have update and reset gate."""

    def change(cell: KerasCell, weights: list[Array]) -> list[Array]:
        if cell.layer != "gru":
            return weights
        blocks = [np.split(weight, 3, axis=-1) for weight in weights]
        return [np.concatenate([reset, update, candidate], axis=-1) for update, reset, candidate in blocks]

    fused(dialect, change)


@fault
def fused_without_recurrent_bias(dialect: Any) -> None:
    """A fused program has two biases; the second is left at zero."""

    def change(cell: KerasCell, weights: list[Array]) -> list[Array]:
        if not cell.reset_after or len(weights) < 3:
            return weights
        return [*weights[:2], np.stack([weights[2][0], np.zeros_like(weights[2][1])])]

    fused(dialect, change)
