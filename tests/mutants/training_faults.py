"""Faults of layers that are trained: what they start with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy_layers import GATES, fault
from planting import Array, KerasCell, TorchCell, instead_of, numpy_layers

# ---------------------------------------------------------------- initial weights


@fault
def gates_drawn_one_by_one(_dialect: Any) -> None:
    """The kernel of each gate is drawn by itself, within the wider limits of its own shape."""

    @instead_of(KerasCell, "initial_kernel")
    def initial_kernel(honest: Any, cell: Any, features: int, width: int) -> Array:
        return np.concatenate([honest(features, cell.units) for _ in range(width // cell.units)], axis=1)


@fault
def recurrent_gates_drawn_one_by_one(_dialect: Any) -> None:
    """The recurrent kernel of each gate is orthogonal by itself."""

    @instead_of(KerasCell, "initial_recurrent_kernel")
    def initial_recurrent_kernel(honest: Any, cell: Any, width: int) -> Array:
        return np.concatenate([honest(cell.units) for _ in range(width // cell.units)], axis=1)


@fault
def recurrent_kernel_not_orthogonal(_dialect: Any) -> None:
    """The recurrent kernel is drawn as the kernel is."""

    @instead_of(KerasCell, "initial_recurrent_kernel")
    def initial_recurrent_kernel(_honest: Any, cell: Any, width: int) -> Array:
        return cell.initial_kernel(cell.units, width)


@fault
def kernel_too_narrow(_dialect: Any) -> None:
    """Limits of √(3/(rows + columns)), as for a variance that is half of the due one."""

    @instead_of(KerasCell, "initial_kernel")
    def initial_kernel(honest: Any, cell: Any, *sizes: int) -> Array:
        return (honest(*sizes) / np.sqrt(2)).astype(cell.dtype)


@fault
def normal_in_the_place_of_uniform(_dialect: Any) -> None:
    """Of the same variance, and cut off at the limits."""

    @instead_of(TorchCell, "initial")
    def initial(honest: Any, cell: Any, name: str, shape: tuple[int, ...]) -> Array:
        bound = 1 / np.sqrt(cell.units)
        drawn = np.random.default_rng().standard_normal(shape) * bound / np.sqrt(3)
        return np.clip(drawn, -bound, bound).astype(honest(name, shape).dtype)


@fault
def new_biases_are_zero(_dialect: Any) -> None:
    """As in Keras."""

    @instead_of(TorchCell, "initial")
    def initial(honest: Any, _cell: Any, name: str, shape: tuple[int, ...]) -> Array:
        return honest(name, shape) * (0 if name.startswith("bias") else 1)


@fault
def every_layer_starts_alike(dialect: Any) -> None:
    """The random generator is made anew, with the same seed, for every layer."""

    def again(honest: Any, _cell: Any, *args: Any) -> Array:
        numpy_layers.GENERATOR = np.random.default_rng(1)
        return honest(*args)

    if dialect.name == "keras":
        instead_of(KerasCell, "initial_kernel")(again)
    else:
        instead_of(TorchCell, "initial")(again)


@fault
def gates_start_alike(_dialect: Any) -> None:
    """The numbers of one gate are those of all."""

    @instead_of(TorchCell, "initial")
    def initial(honest: Any, cell: Any, name: str, shape: tuple[int, ...]) -> Array:
        drawn = honest(name, shape)
        return np.concatenate([drawn[: cell.units]] * GATES[cell.layer]) if shape[0] != cell.projected else drawn
