"""Mistakes in reading weights, as changes to the weights that the reference is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from conformance.spec import Array, LayerConfig, Tensors, WeightContract, weights

Change = Callable[[WeightContract, Array], Array]


def changed_weights(config: LayerConfig, tensors: Tensors, change: Change) -> Tensors:
    """The tensors with every weight changed."""
    pairs = zip(weights(config), tensors.weights, strict=True)
    return replace(tensors, weights=tuple(change(contract, array.astype(np.float64)) for contract, array in pairs))


def weight_changes(config: LayerConfig) -> Mapping[str, Change]:
    """Name of a mistake -> the change that shows it."""
    changes: dict[str, Change] = {
        "the bias is ignored": lambda it, array: np.zeros_like(array) if "bias" in it.role else array,
        "the input bias is ignored": _without_bias(0),
        "the recurrent bias is ignored": _without_bias(1),
        "the bias is added twice": lambda it, array: 2 * array if "bias" in it.role else array,
        "the kernel is ignored": _without("kernel"),
        "the recurrent kernel is ignored": _without("recurrent_kernel"),
        "the recurrent kernel is transposed": lambda it, array: _transposed(config, it, array),
    }
    if "f" in config.rules.layers[config.layer].blocks:
        changes["one is added to the forget bias"] = lambda it, array: _forget_bias(config, it, array)
    return changes


def blocks_taken(config: LayerConfig, order: Sequence[int]) -> Change:
    """The gate blocks in another order."""

    def change(contract: WeightContract, array: Array) -> Array:
        if _gate_axis(contract) is None:
            return array
        return _from_blocks(contract, _in_blocks(config, contract, array)[list(order)])

    return change


def of_role(role: str, change: Change) -> Change:
    """The change made to weights of one role only."""
    return lambda contract, array: change(contract, array) if contract.role == role else array


def blocks_scaled(config: LayerConfig, tensors: Tensors, factors: Mapping[str, float]) -> Tensors:
    """The tensors with some gate blocks multiplied by a factor."""
    scale = np.array([factors.get(block, 1.0) for block in config.rules.layers[config.layer].blocks])

    def change(contract: WeightContract, array: Array) -> Array:
        if _gate_axis(contract) is None:
            return array
        split = _in_blocks(config, contract, array)
        return _from_blocks(contract, split * scale.reshape(-1, *(1,) * (split.ndim - 1)))

    return changed_weights(config, tensors, change)


def _without(role: str) -> Change:
    return lambda contract, array: np.zeros_like(array) if contract.role == role else array


def _without_bias(which: int) -> Change:
    """Without the input bias (0) or the recurrent bias (1), be they two weights or two rows of one."""

    def change(contract: WeightContract, array: Array) -> Array:
        if contract.role == ("bias", "recurrent_bias")[which] and array.ndim == 1:
            return np.zeros_like(array)
        if contract.role == "bias" and array.ndim == 2:
            return np.stack([np.zeros_like(row) if index == which else row for index, row in enumerate(array)])
        return array

    return change


def _transposed(config: LayerConfig, contract: WeightContract, array: Array) -> Array:
    if contract.role != "recurrent_kernel":
        return array
    split = _in_blocks(config, contract, array)
    return _from_blocks(contract, split.transpose(0, 2, 1)) if split.shape[1] == split.shape[2] else array


def _forget_bias(config: LayerConfig, contract: WeightContract, array: Array) -> Array:
    if contract.role != "bias":
        return array
    split = _in_blocks(config, contract, array).copy()
    split[config.rules.layers[config.layer].blocks.index("f")] += 1
    return _from_blocks(contract, split)


def _gate_axis(contract: WeightContract) -> int | None:
    return contract.axes.index("gates*units") if "gates*units" in contract.axes else None


def _in_blocks(config: LayerConfig, contract: WeightContract, array: Array) -> Array:
    """The array with its gate axis first and split: (gates, units, ...)."""
    blocks = len(config.rules.layers[config.layer].blocks)
    moved = np.moveaxis(array, _gate_axis(contract) or 0, 0)
    return moved.reshape(blocks, config.sizes.units, *moved.shape[1:])


def _from_blocks(contract: WeightContract, split: Array) -> Array:
    axis = _gate_axis(contract) or 0
    return np.moveaxis(split.reshape(split.shape[0] * split.shape[1], *split.shape[2:]), 0, axis)
