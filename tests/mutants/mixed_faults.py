"""Faults of layers that keep their weights in float32 and compute in float16."""

from __future__ import annotations

from typing import Any

from declared_faults import changed
from numpy_layers import MIXED, fault
from planting import Array, KerasCell, KerasLayer, TorchLayer, instead_of

AUTOCAST = "autocast_float16"
"""The way to call a module of PyTorch so."""


def mixed(dialect: Any) -> None:
    """Let the honest implementation say that it computes in float16 too, and has a policy or a way for it.

    Under autocast it computes everything in float32, as it may.
    """
    dialect.options = {**dialect.options, "dtype": ["float32", "float16"]}
    dialect.features = [*dialect.features, "mixed"]

    @instead_of(TorchLayer, "call")
    def call(honest: Any, _layer: Any, mode: str, inputs: Any) -> Any:
        return honest("eager" if mode == AUTOCAST else mode, inputs)


@fault
def weights_narrowed_for_good(dialect: Any) -> None:
    """A layer of mixed precision keeps its weights in float16."""
    mixed(dialect)

    @instead_of(KerasLayer, "take")
    def take(honest: Any, layer: Any, arguments: dict[str, Any]) -> None:
        honest(arguments)
        layer.variables = layer.dtype


@fault
def mixed_computes_in_float32(dialect: Any) -> None:
    """A layer of mixed precision computes in the type of its weights, and gives that back."""
    mixed(dialect)

    @instead_of(KerasLayer, "take")
    def take(honest: Any, layer: Any, arguments: dict[str, Any]) -> None:
        honest(arguments)
        if arguments.get("dtype") == MIXED:
            layer.compute_in("float32")


@fault
def mixed_is_declared_in_float32(dialect: Any) -> None:
    """A layer of mixed precision declares outputs in the type of its weights."""
    mixed(dialect)

    @instead_of(KerasLayer, "declared")
    def declared(honest: Any, layer: Any, *sizes: Any) -> Any:
        return changed(honest(*sizes), lambda spec: spec._replace(dtype=layer.variables.name))


@fault
def given_states_are_not_narrowed(dialect: Any) -> None:
    """A layer of mixed precision goes on in float32 from initial states that are float32."""
    mixed(dialect)

    @instead_of(KerasLayer, "runs")
    def runs(honest: Any, layer: Any, x: Array, inputs: Any) -> Any:
        found = honest(x, inputs)
        if layer.variables == layer.dtype or inputs.initial_state is None:
            return found
        wide = inputs.initial_state[0].dtype
        return [(outputs, [state.astype(wide) for state in states]) for outputs, states in found]


@fault
def narrowed_once(dialect: Any) -> None:
    """A layer of mixed precision narrows its weights when it is built, and never again."""
    mixed(dialect)

    @instead_of(KerasCell, "build")
    def build(honest: Any, cell: Any, features: int) -> None:
        honest(features)
        cell.narrowed = [array.copy() for array in cell.weights]

    def cast(cell: Any) -> list[Array]:
        stale = cell.weights[0].dtype != cell.dtype
        return list(cell.narrowed) if stale else [array.astype(cell.dtype, copy=False) for array in cell.weights]

    KerasCell.cast = property(cast)  # type: ignore[method-assign, assignment]


@fault
def autocast_forgets_hx(dialect: Any) -> None:
    """Under autocast, initial states that are float32 are left out."""
    mixed(dialect)

    @instead_of(TorchLayer, "call")
    def call(honest: Any, _layer: Any, mode: str, inputs: Any) -> Any:
        return honest(mode, inputs._replace(initial_state=None) if mode == AUTOCAST else inputs)
