"""Layers whose products are made of eight bits, right and wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy_layers import fault
from planting import Array, TorchCell, TorchLayer, instead_of
from route_faults import offer

NEEDS: dict[str, list[Any]] = {"dtype": ["float32"], "proj_size": [0, None], "nonlinearity": [None]}


def step_of(weight: Array) -> float:
    """The scale of a matrix."""
    return float(np.abs(weight).max()) / 127.5 or 1.0


def rounded(weight: Array, step: float) -> Array:
    """A matrix in int8, as numbers again."""
    return (np.clip(np.rint(weight / step), -128, 127) * step).astype(weight.dtype)


def operand(x: Array) -> Array:
    """What is multiplied, in seven bits, as numbers again."""
    low, high = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
    step = max((high - low) / 127, 2.0**-14)
    zero = np.rint(-low / step)
    return ((np.clip(np.rint(x / step) + zero, 0, 127) - zero) * step).astype(x.dtype)


def quantized(dialect: Any, steps: Callable[[Array, Array], tuple[float, float]]) -> None:
    """Let layers be quantized, with the scales that `steps` gives for the kernel and the recurrent kernel."""
    offer(dialect, "quantizes", NEEDS)

    @instead_of(TorchCell, "products")
    def products(honest: Any, cell: Any, x: Array, h: Array) -> Any:
        if not getattr(cell, "on_its_way", False):
            return honest(x, h)
        exact = cell.weights
        kernels = [rounded(weight, step) for weight, step in zip(exact, steps(*exact[:2]), strict=False)]
        cell.weights = [*kernels, *exact[2:]]
        try:
            return honest(operand(x), operand(h))
        finally:
            cell.weights = exact


@fault
def eight_bits(dialect: Any) -> None:
    """Right: dynamic quantization as it is documented, one scale for all rows of a step."""
    quantized(dialect, lambda kernel, recurrent: (step_of(kernel), step_of(recurrent)))


@fault
def four_bits(dialect: Any) -> None:
    """Weights have four bits."""
    quantized(dialect, lambda kernel, recurrent: (16 * step_of(kernel), 16 * step_of(recurrent)))


@fault
def recurrent_kernel_cut_off(dialect: Any) -> None:
    """The recurrent kernel is rounded with a quarter of its scale, so that large weights are cut off."""
    quantized(dialect, lambda kernel, recurrent: (step_of(kernel), step_of(recurrent) / 4))


@fault
def quantized_without_hx(dialect: Any) -> None:
    """A quantized layer forgets its initial states."""
    eight_bits(dialect)

    @instead_of(TorchLayer, "initial")
    def initial(honest: Any, layer: Any, inputs: Any, batch: int) -> Any:
        return honest(inputs._replace(initial_state=None) if layer.on_its_way else inputs, batch)
