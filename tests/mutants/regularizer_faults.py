"""Penalties that are counted wrongly, and layers whose training forgets penalties or constraints, or has too much."""

from __future__ import annotations

from typing import Any

import numpy as np
from descent_faults import Trainer, trained_by
from numpy_layers import CONSTRAINTS, REGULARIZERS, KerasLayer, fault, terms
from planting import Array, instead_of

# ---------------------------------------------------------------- what is counted


def _counting(change: Any) -> None:
    """Let the penalty of an array go through `change(layer, argument, array, penalty)`."""

    @instead_of(KerasLayer, "counted")
    def counted(honest: Any, layer: Any, array: Array, argument: str) -> Any:
        return change(layer, argument, array, honest(array, argument))


@fault
def bias_penalty_forgotten(_dialect: Any) -> None:
    """`bias_regularizer` is taken and not used."""
    _counting(lambda _layer, argument, _array, counted: 0 if argument == "bias_regularizer" else counted)


@fault
def output_penalty_forgotten(_dialect: Any) -> None:
    """`activity_regularizer` is taken and not handed on, in the simple RNN alone."""

    def change(layer: Any, argument: str, _array: Array, counted: Any) -> Any:
        simple = layer.directions[0].cell.layer == "simple_rnn"
        return 0 * counted if argument == "activity_regularizer" and simple else counted

    _counting(change)


@fault
def output_penalty_not_divided(_dialect: Any) -> None:
    """The penalty of what a layer gives grows with the batch."""
    _counting(lambda _layer, argument, array, it: it * len(array) if argument == "activity_regularizer" else it)


@fault
def regularizers_exchanged(_dialect: Any) -> None:
    """The kernel has the penalty of the recurrent kernel, and the other way round."""
    other = {"kernel_regularizer": "recurrent_regularizer", "recurrent_regularizer": "kernel_regularizer"}

    @instead_of(KerasLayer, "counted")
    def counted(honest: Any, _layer: Any, array: Array, argument: str) -> Any:
        return honest(array, other.get(argument, argument))


@fault
def one_direction_is_penalized(_dialect: Any) -> None:
    """The second half of a bidirectional layer is made without the penalties of the first."""

    @instead_of(KerasLayer, "penalties_of_weights")
    def penalties_of_weights(honest: Any, layer: Any) -> Any:
        found = honest()
        return found[: len(found) // len(layer.directions)]


@fault
def penalties_add_up(_dialect: Any) -> None:
    """What earlier calls gave is counted with what the last one gave."""

    @instead_of(KerasLayer, "penalties_of_outputs")
    def penalties_of_outputs(honest: Any, layer: Any, inputs: terms.Inputs) -> Any:
        layer.penalties = [*getattr(layer, "penalties", []), *honest(inputs)]
        return layer.penalties


@fault
def last_output_is_penalized(_dialect: Any) -> None:
    """Of a sequence, only the output of the last step is counted."""

    @instead_of(KerasLayer, "penalties_of_outputs")
    def penalties_of_outputs(_honest: Any, layer: Any, inputs: terms.Inputs) -> Any:
        given = [outputs[:, -1] for outputs, _ in layer.runs(np.asarray(inputs.x, layer.dtype), inputs)]
        return [layer.counted(array, "activity_regularizer") / layer.dtype.type(len(array)) for array in given]


@fault
def penalties_one_after_another(_dialect: Any) -> None:
    """Every penalty is added up element by element in the order of memory; right as well."""

    def change(layer: Any, argument: str, array: Array, _counted: Any) -> Any:
        asked = layer.arguments.get(argument) or {"config": {}}
        l1, l2 = (array.dtype.type(asked["config"].get(name, 0)) for name in ("l1", "l2"))
        total = array.dtype.type(0)
        for element in array.ravel():
            total = total + l1 * abs(element) + l2 * element * element
        return total

    _counting(change)


# ---------------------------------------------------------------- what training makes of it


class Regularized(Trainer):
    """Adds the slopes of penalties, and constrains what it has trained; a fault replaces one method."""

    def names(self) -> list[str]:
        return [name for name, _ in self.layer.weights()]

    def gradients(self) -> list[Array]:
        weights = [array for _, array in self.layer.weights()]
        pairs = zip(self.names(), weights, super().gradients(), strict=True)
        return [gradient + self.slope(name, weight) for name, weight, gradient in pairs]

    def slope(self, name: str, weight: Array) -> Array:
        return self.of_penalty(REGULARIZERS[name], weight)

    def of_penalty(self, argument: str, numbers: Array) -> Array:
        """The slope of the penalty that this argument of the constructor asks for."""
        asked = self.layer.arguments.get(argument) or {"config": {}}
        l1, l2 = (numbers.dtype.type(asked["config"].get(factor, 0)) for factor in ("l1", "l2"))
        return l1 * np.sign(numbers) + 2 * l2 * numbers

    def slopes(self) -> dict[str, Array]:
        found = super().slopes()
        if not self.layer.arguments.get("activity_regularizer"):
            return found
        return {**found, "output": found["output"] + self.of_activity(self.output())}

    def output(self) -> Array:
        """What the layer gives, without its states."""
        given = self.layer.call("eager", self.inputs)
        return given[0] if isinstance(given, tuple) else given

    def of_activity(self, output: Array) -> Array:
        return self.of_penalty("activity_regularizer", output) / np.float32(len(output))

    def constraint(self, name: str) -> dict[str, Any] | None:
        return self.layer.arguments.get(CONSTRAINTS[name])

    def constrained(self) -> list[int]:
        """The numbers of the weights that are constrained, if anything is asked for them."""
        return self.trained()

    def once(self) -> list[Array]:
        named = enumerate(zip(self.names(), super().once(), strict=True))
        places = self.constrained()
        return [self.limited(name, weight) if place in places else weight for place, (name, weight) in named]

    def limited(self, name: str, weight: Array) -> Array:
        """What the constraint of a weight makes of it."""
        asked = self.constraint(name)
        if asked is None:
            return weight
        if asked["class_name"] == "NonNeg":
            return np.maximum(weight, 0)
        bounds = {"MaxNorm": {"min_value": 0.0}, "UnitNorm": {"min_value": 1.0, "max_value": 1.0}}
        return self.normed(weight, {**bounds.get(asked["class_name"], {}), **asked["config"]})

    def normed(self, weight: Array, bounds: dict[str, float]) -> Array:
        """Columns whose norms are moved into bounds."""
        norms = self.norms(weight)
        rate = weight.dtype.type(bounds.get("rate", 1.0))
        due = rate * np.clip(norms, bounds["min_value"], bounds["max_value"]) + (1 - rate) * norms
        return (weight * (due / (norms + weight.dtype.type(1e-7)))).astype(weight.dtype)

    def norms(self, weight: Array) -> Array:
        return np.sqrt(np.square(weight).sum(axis=0, keepdims=True))


def regularized(dialect: Any, kind: type[Regularized]) -> None:
    """Let layers with penalties and constraints be trained by `kind`."""
    trained_by(dialect, kind)
    dialect.features = [*dialect.features, "regularizers"]


@fault
def regularized_descent(dialect: Any) -> None:
    """A right one."""
    regularized(dialect, Regularized)


@fault
def penalties_not_trained(dialect: Any) -> None:
    """A training step with a loss of its own, to which nobody added the penalties."""

    class Plain(Regularized):
        def slope(self, name: str, weight: Array) -> Array:
            return 0 * super().slope(name, weight)

    regularized(dialect, Plain)


@fault
def output_penalty_not_trained(dialect: Any) -> None:
    """What a layer gives is penalized in the loss that is shown, not in the one that is differentiated."""

    class Shown(Regularized):
        def of_activity(self, output: Array) -> Array:
            return 0 * output

    regularized(dialect, Shown)


@fault
def slope_of_the_output_not_divided(dialect: Any) -> None:
    """In training, the penalty of what a layer gives grows with the batch."""

    class Grown(Regularized):
        def of_activity(self, output: Array) -> Array:
            return super().of_activity(output) * np.float32(len(output))

    regularized(dialect, Grown)


@fault
def slope_of_squares_is_halved(dialect: Any) -> None:
    """Weight decay in the place of a penalty: l2 times the weight, not twice that."""

    class Decay(Regularized):
        def slope(self, name: str, weight: Array) -> Array:
            asked = self.layer.arguments.get(REGULARIZERS[name]) or {"config": {}}
            return super().slope(name, weight) - weight.dtype.type(asked["config"].get("l2", 0)) * weight

    regularized(dialect, Decay)


@fault
def constrained_before_the_step(dialect: Any) -> None:
    """Weights are constrained, and then moved."""

    class Before(Regularized):
        def once(self) -> list[Array]:
            self.layer.set_weights([self.limited(name, weight) for name, weight in self.layer.weights()])
            return Trainer.once(self)

    regularized(dialect, Before)


@fault
def all_weights_constrained(dialect: Any) -> None:
    """A constraint of one weight is applied to all."""

    class All(Regularized):
        def constraint(self, name: str) -> dict[str, Any] | None:
            asked = (super(All, self).constraint(it) for it in (name, *self.names()))
            return next((it for it in asked if it is not None), None)

    regularized(dialect, All)


@fault
def constrained_once(dialect: Any) -> None:
    """Weights are constrained after the first step only."""

    class Once(Regularized):
        done = 0

        def constraint(self, name: str) -> dict[str, Any] | None:
            return super().constraint(name) if self.done == 0 else None

        def once(self) -> list[Array]:
            found = super().once()
            self.done += 1
            return found

    regularized(dialect, Once)


@fault
def frozen_is_constrained(dialect: Any) -> None:
    """Constraints are applied to all weights that have one, frozen ones included."""

    class All(Regularized):
        def constrained(self) -> list[int]:
            return list(range(len(self.names())))

    regularized(dialect, All)


@fault
def norms_of_whole_weights(dialect: Any) -> None:
    """The norm of a weight is that of all its numbers, not of each column."""

    class Whole(Regularized):
        def norms(self, weight: Array) -> Array:
            return np.sqrt(np.square(weight).sum(keepdims=True))

    regularized(dialect, Whole)


@fault
def norms_are_moved_all_the_way(dialect: Any) -> None:
    """The rate of a constraint on norms is ignored."""

    class Strict(Regularized):
        def normed(self, weight: Array, bounds: dict[str, float]) -> Array:
            return super().normed(weight, {**bounds, "rate": 1.0})

    regularized(dialect, Strict)


@fault
def small_norms_stay(dialect: Any) -> None:
    """Norms are cut off at the larger limit; those below the smaller one stay as they are."""

    class Cut(Regularized):
        def normed(self, weight: Array, bounds: dict[str, float]) -> Array:
            return super().normed(weight, {**bounds, "min_value": 0.0})

    regularized(dialect, Cut)
