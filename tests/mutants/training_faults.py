"""Faults of layers that are trained: what they start with, and what they drop."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy_layers import GATES, fault
from planting import Array, KerasCell, KerasLayer, TorchCell, TorchLayer, instead_of, numpy_layers

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


# ---------------------------------------------------------------- dropout


@fault
def mask_redrawn_at_every_step(_dialect: Any) -> None:
    """Dropout masks are drawn anew at every time step, as in PyTorch between layers."""

    @instead_of(KerasCell, "step")
    def step(honest: Any, cell: Any, x: Array, states: list[Array]) -> Any:
        if any(cell.dropped):
            cell.drop(len(x))
        return honest(x, states)


@fault
def dropout_not_scaled(dialect: Any) -> None:
    """What is kept is not multiplied by 1/(1-rate)."""
    if dialect.name == "keras":
        instead_of(KerasCell, "mask")(lambda honest, cell, *args: (honest(*args) > 0).astype(cell.dtype))
    else:
        instead_of(TorchLayer, "between")(lambda honest, _layer, x: np.where(honest(x) == 0, 0, x))


@fault
def dropout_in_use(_dialect: Any) -> None:
    """Dropout is active outside of training, too."""
    instead_of(KerasLayer, "call_in")(lambda honest, _layer, _training, *args: honest(True, *args))


@fault
def one_mask_for_all_rows(_dialect: Any) -> None:
    """All rows of a batch have the mask of the first."""
    instead_of(KerasCell, "mask")(
        lambda honest, _cell, rate, shape: np.repeat(honest(rate, (1, *shape[1:])), shape[0], 0)
    )


@fault
def recurrent_mask_on_the_state(_dialect: Any) -> None:
    """The recurrent mask of an LSTM's forget gate acts on c, too."""

    @instead_of(KerasCell, "step_lstm")
    def step(honest: Any, cell: Any, x: Array, states: list[Array]) -> Any:
        masks = cell.dropped[1]
        return honest(x, [states[0], states[1] * masks[1]] if masks else states)


@fault
def recurrent_mask_on_the_old_state(_dialect: Any) -> None:
    """A GRU mixes the new state with the dropped old one, z⊙(h⊙mask)."""

    @instead_of(KerasCell, "gru_mix")
    def gru_mix(honest: Any, cell: Any, z: Array, h: Array, candidate: Array) -> Any:
        masks = cell.dropped[1]
        return honest(z, h * masks[0] if masks else h, candidate)


@fault
def one_gate_not_dropped(_dialect: Any) -> None:
    """No recurrent mask in the output gate."""

    @instead_of(KerasCell, "drop")
    def drop(honest: Any, cell: Any, batch: int) -> None:
        honest(batch)
        if cell.layer == "lstm" and cell.dropped[1]:
            cell.dropped[1][3] = np.ones_like(cell.dropped[1][3])


@fault
def one_mask_for_all_gates(_dialect: Any) -> None:
    """All gates have the recurrent mask of the first."""

    @instead_of(KerasCell, "drop")
    def drop(honest: Any, cell: Any, batch: int) -> None:
        honest(batch)
        if cell.dropped[1]:
            cell.dropped = (cell.dropped[0], cell.dropped[1][:1] * len(cell.dropped[1]))


@fault
def seed_ignored(_dialect: Any) -> None:
    """Masks do not follow from the seed of the layer."""
    instead_of(KerasLayer, "take")(lambda honest, _layer, arguments: honest({**arguments, "seed": None}))


@fault
def seed_used_anew(_dialect: Any) -> None:
    """Every call draws the masks of the first again."""

    @instead_of(KerasLayer, "take")
    def take(honest: Any, layer: Any, arguments: Any) -> None:
        layer.arguments = arguments
        honest(arguments)

    @instead_of(KerasLayer, "call_in")
    def call_in(honest: Any, layer: Any, *args: Any) -> Any:
        layer.take(layer.arguments)
        return honest(*args)


@fault
def rate_is_what_is_kept(_dialect: Any) -> None:
    """The rate is taken for the share that is kept; the scale is right."""

    @instead_of(KerasCell, "mask")
    def mask(_honest: Any, cell: Any, rate: float, shape: tuple[int, int]) -> Array:
        kept = cell.generator.uniform(0, 1, shape) < rate
        return np.where(kept, 1 / (1 - rate) if rate < 1 else 0, 0).astype(cell.dtype)


@fault
def rates_exchanged(_dialect: Any) -> None:
    """`dropout` acts on the state and `recurrent_dropout` on the input."""

    @instead_of(KerasCell, "drop")
    def drop(honest: Any, cell: Any, batch: int) -> None:
        cell.dropout, cell.recurrent_dropout = cell.recurrent_dropout, cell.dropout
        honest(batch)
        cell.dropout, cell.recurrent_dropout = cell.recurrent_dropout, cell.dropout


@fault
def everything_dropped_is_nothing_dropped(_dialect: Any) -> None:
    """A rate of 1 counts as none."""
    instead_of(TorchLayer, "between")(lambda honest, layer, x: x if layer.dropout == 1 else honest(x))


@fault
def one_mask_for_all_steps(_dialect: Any) -> None:
    """Between stacked layers, the mask of the first step holds for all, as in Keras."""

    @instead_of(TorchLayer, "between")
    def between(honest: Any, _layer: Any, x: Array) -> Array:
        return x * honest(np.ones_like(x[:1]))


@fault
def last_layer_dropped(_dialect: Any) -> None:
    """Dropout acts on the output of the last layer, too."""

    @instead_of(TorchLayer, "packaged")
    def packaged(honest: Any, layer: Any, output: Array, *args: Any) -> Any:
        return honest(layer.between(output), *args)


@fault
def dropped_in_use_between(_dialect: Any) -> None:
    """Evaluation mode does not switch dropout off."""
    instead_of(TorchLayer, "call_in")(lambda honest, _layer, _training, *args: honest(True, *args))
