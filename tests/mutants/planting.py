"""How faults are planted into the honest NumPy implementation: one method replaced, knowing the honest one."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np
import numpy_layers
from numpy_layers import GATES, KerasCell, KerasDialect, KerasDirection, KerasLayer, TorchCell, TorchDialect, TorchLayer

Array = np.ndarray
WeightChange = Callable[[Any, str, Array], Array]


def instead_of(owner: Any, name: str) -> Callable[[Callable[..., Any]], None]:
    """Replace a method; the new one is given the honest one first."""
    honest = getattr(owner, name)

    def plant(wrong: Callable[..., Any]) -> None:
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            return wrong(lambda *a, **k: honest(self, *a, **k), self, *args, **kwargs)

        setattr(owner, name, method)

    return plant


def cell_of(dialect: Any) -> Any:
    """The class of the dialect's cells."""
    return KerasCell if dialect.name == "keras" else TorchCell


def layer_of(dialect: Any) -> Any:
    """The class of the dialect's layers."""
    return KerasLayer if dialect.name == "keras" else TorchLayer


def every_result(dialect: Any, change: Callable[[Any, Any], Any]) -> None:
    """Let what every call gives back go through `change(layer, result)`."""
    instead_of(layer_of(dialect), "call")(lambda honest, layer, *args: change(layer, honest(*args)))


def every_array(dialect: Any, change: Callable[[Array], Array]) -> None:
    """Let every array of every result go through `change`; packed sequences in their padded form."""
    every_result(dialect, lambda _layer, result: mapped(result, change))


def mapped(result: Any, change: Callable[[Array], Array]) -> Any:
    """A result with all its arrays changed."""
    if isinstance(result, (tuple, list)):
        return type(result)(mapped(part, change) for part in result)
    if isinstance(result, np.ndarray):
        return change(result)
    result.padded = change(result.padded)
    return result


def weights_read_as(dialect: Any, change: WeightChange) -> None:
    """Let every step compute with `change(cell, role, weight)`, the weights themselves being left alone.

    Weights are shown to `change` with the gate blocks first, (gates, units, ...); roles are `kernel`,
    `recurrent_kernel`, `bias` (Keras; two rows are shown last), `bias_ih` and `bias_hh` (PyTorch).
    """
    roles = {"weight_ih": "kernel", "weight_hh": "recurrent_kernel"}

    def changed(cell: Any, role: str, weight: Array) -> Array:
        if role == "weight_hr":
            return weight
        rows = weight.T if dialect.name == "keras" else weight
        blocks = rows.reshape(GATES[cell.layer], cell.units, *rows.shape[1:])
        back = change(cell, roles.get(role, role), blocks).reshape(rows.shape).astype(weight.dtype)
        return back.T if dialect.name == "keras" else back

    def names(cell: Any) -> list[str]:
        return cell.names() if callable(cell.names) else cell.names

    @instead_of(cell_of(dialect), "step")
    def step(_honest: Any, cell: Any, x: Array, states: list[Array]) -> Any:
        other = copy(cell)
        pairs = zip(names(cell), cell.weights, strict=True)
        other.weights = [changed(cell, role, weight) for role, weight in pairs]
        return honest_step(other, x, states)

    honest_step = HONEST_STEP[dialect.name]


HONEST_STEP = {"keras": KerasCell.step, "torch": TorchCell.step}

__all__ = [
    "Array",
    "KerasCell",
    "KerasDialect",
    "KerasDirection",
    "KerasLayer",
    "TorchCell",
    "TorchDialect",
    "TorchLayer",
    "cell_of",
    "every_array",
    "every_result",
    "instead_of",
    "layer_of",
    "mapped",
    "numpy_layers",
    "weights_read_as",
]
