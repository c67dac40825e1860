"""Gradients beside those of the reference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from conformance.checks import losses
from conformance.checks.numbers import compare_all, largest, worst_element
from conformance.checks.observation import Reply
from conformance.checks.verdict import Worst
from conformance.laws import Call
from conformance.reference import Expected, Precision
from conformance.reference.gradients import Bound, Cotangents, gradient_names, gradients
from conformance.spec import OutputContract, initial_states, input_axes, weights

NEGLIGIBLE = 16
"""Units of rounding of the largest element of a gradient: no fault is so small."""


def contracts(call: Call) -> tuple[OutputContract, ...]:
    """What a call for gradients must give: one for every argument, with its axes, shape and type."""
    states = () if call.tensors.initial_state is None else initial_states(call.config)
    axes = [input_axes(call.config), *(it.axes for it in weights(call.config)), *(it.axes for it in states)]
    shapes = [call.tensors.x.shape, *(it.shape for it in weights(call.config)), *(it.shape for it in states)]
    return tuple(
        OutputContract(f"gradient with respect to {name}", of, shape, call.config.dtype, "values", "gradient")
        for name, of, shape in zip(gradient_names(call.config), axes, shapes, strict=True)
    )


def wrong_element(call: Call, reply: Reply, precision: Precision) -> tuple[Worst, float] | None:
    """The worst element of gradients with its ratio, if it is wrong."""
    for due in allowances(call, losses.weighed(call), precision):
        comparisons = compare_all(reply, due)
        if (ratio := largest(comparisons)) <= 1:
            return None
    # Errors come from later steps and show at earlier ones: the first wrong step tells nothing.
    return replace(worst_element(reply, contracts(call), comparisons), first_step=None), ratio


def allowances(call: Call, slopes: Cotangents, precision: Precision) -> Iterator[tuple[Expected, ...]]:
    """The gradients of a call with the cheap bound, then with the one that decides and is expensive.

    It is asked only where an element is off by more than a few units in the last place of the largest one, or by more
    than the cheap bound, which in long sequences says little, allows.

    Args:
        call: the call.
        slopes: of the loss, by each output.
        precision: what a correct implementation may do.
    """

    def due(bound: Bound) -> tuple[Expected, ...]:
        return gradients(call.config, [call.tensors], [slopes], precision, bound)[0]

    yield tuple(within(NEGLIGIBLE * precision.u, it) for it in due("interval"))
    yield due("signed")


def within(share: float, due: Expected) -> Expected:
    """Allowed is no more than this share of the largest element; where an overflow is possible, still anything."""
    scale = 0.0 if due.value is None else float(np.abs(due.value).max(initial=0.0))
    return replace(due, allowed=np.where(np.isinf(due.allowed), due.allowed, np.minimum(due.allowed, share * scale)))
