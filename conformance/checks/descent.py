"""Weights after steps of gradient descent beside those that the reference's gradients lead to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from conformance.checks import derivatives, losses
from conformance.checks.numbers import compare_all, largest, worst_element
from conformance.checks.observation import Reply
from conformance.checks.verdict import Worst
from conformance.laws import Call, Descended
from conformance.laws.relations import Constraint, Penalty
from conformance.reference import Expected, Precision
from conformance.spec import Array, OutputContract, as_floats, weights

ROUNDINGS = 5
"""In the slope of a penalty: of both factors, their sum, and the sum with the gradient of the loss, taken twice."""

UNDERFLOW = 2.0**20
"""Norms this many times as large as the smallest one whose square is a normal number lose nothing to underflow."""


def contracts(call: Call) -> tuple[OutputContract, ...]:
    """What a call that trains must give: all weights after the first step, after the second, and so on."""
    config = call.config
    return tuple(
        OutputContract(f"{it.name} after step {step + 1}", it.axes, it.shape, config.dtype, "values", "weight")
        for step in range(call.manner.steps)
        for it in weights(config)
    )


def wrong_element(relation: Descended, call: Call, reply: Reply, precision: Precision) -> tuple[Worst, float] | None:
    """The worst element of the first step that is wrong, with its ratio.

    Each step is judged from the weights that the implementation had before it, so no error adds up, and a step after a
    wrong one is not blamed.
    """
    before, count, promised = call.tensors.weights, len(call.tensors.weights), contracts(call)
    for start in range(0, len(reply.outputs), count):
        if not all(np.isfinite(as_floats(weight)).all() for weight in before):
            return None  # legal only after something may have overflowed
        after = replace(reply, outputs=reply.outputs[start : start + count])
        found = _wrong_step(relation, call, before, after, promised[start : start + count], precision)
        if found is not None:
            return found
        before = tuple(weight.astype(call.config.dtype) for weight in after.outputs)
    return None


def _wrong_step(
    relation: Descended,
    call: Call,
    before: Sequence[Array],
    after: Reply,
    promised: Sequence[OutputContract],
    precision: Precision,
) -> tuple[Worst, float] | None:
    here = replace(call, tensors=replace(call.tensors, weights=tuple(before)))
    for gradients in derivatives.allowances(here, losses.slopes(relation, here, precision), precision):
        of_weights = gradients[1 : 1 + len(before)]
        due = [
            _after(relation, call, place, weight, it, precision)
            for place, (weight, it) in enumerate(zip(before, of_weights, strict=True))
        ]
        comparisons = compare_all(after, due)
        if (ratio := largest(comparisons)) <= 1:
            return None
    return replace(worst_element(after, promised, comparisons), first_step=None), ratio


def _after(
    relation: Descended, call: Call, place: int, weight: Array, gradient: Expected, precision: Precision
) -> Expected:
    """What a step makes of a weight."""
    if place in call.manner.frozen:
        return _unchanged(weight, gradient)
    if place in relation.penalties:
        gradient = _steeper(weight, gradient, relation.penalties[place], precision)
    moved = _moved(weight, gradient, call.manner.rate, precision)
    constraint = relation.constraints.get(place)
    return moved if constraint is None else _constrained(moved, constraint, precision)


def _constrained(moved: Expected, constraint: Constraint, precision: Precision) -> Expected:
    """What a constraint makes of a weight: of numbers that become zero no error is left, but none grows either.

    A column is multiplied by its due norm divided by its norm, which is rounded like any sum, and of which the error of
    each number is part; whether the constraint's `epsilon` is added to the divisor is left open. Of a column that may
    be zero, all that is said is that its norm is not larger than due.
    """
    value, error = np.asarray(moved.value), moved.allowed
    if constraint.non_negative:
        return replace(moved, value=np.maximum(value, 0.0))
    own = precision.reference * (1 + 2.0**-20) * (len(value) + ROUNDINGS) * precision.u
    with np.errstate(all="ignore"):
        norm = np.sqrt((value * value).sum(axis=0))
        off = np.sqrt((error * error).sum(axis=0))
        off = off + own * (norm + off)
        due = constraint.rate * np.clip(norm, constraint.low, constraint.high) + (1 - constraint.rate) * norm
        off_due = off + own * (due + off)
        factor, least = due / (norm + constraint.epsilon), norm - off
        lowest = (due - off_due) / (norm + off + constraint.epsilon)
        spread = np.maximum((due + off_due) / least - factor, factor - lowest)
        allowed = np.abs(value) * spread + error * (factor + spread)
        known = least > UNDERFLOW * np.sqrt(precision.tiny)
        allowed = np.where(known, allowed * (1 + own), due + off_due + np.abs(value * factor))
        lost = ~np.isfinite(error) | ~((norm + off) ** 2 < precision.fmax / 2)
    return replace(moved, value=value * factor, allowed=np.where(lost | ~np.isfinite(allowed), np.inf, allowed))


def _steeper(weight: Array, gradient: Expected, penalty: Penalty, precision: Precision) -> Expected:
    """With the slope of a penalty: a few products and sums are rounded; at zero, |x| may have any slope of -1 to 1."""
    held = as_floats(weight)
    slope = penalty.l1 * np.sign(held) + 2 * penalty.l2 * held
    of_loss = np.asarray(gradient.value)
    value = of_loss + slope
    parts = np.abs(of_loss) + gradient.allowed + penalty.l1 + 2 * penalty.l2 * np.abs(held)
    rounding = precision.reference * (1 + 2.0**-20) * (ROUNDINGS * precision.u * parts + precision.tiny)
    corner = np.where(held == 0, penalty.l1, 0.0)
    return replace(gradient, value=value, allowed=gradient.allowed + rounding + corner)


def _unchanged(weight: Array, gradient: Expected) -> Expected:
    return Expected(gradient.name, as_floats(weight), np.zeros(weight.shape))


def _moved(weight: Array, gradient: Expected, rate: float, precision: Precision) -> Expected:
    """A step down the gradient: its allowance, and the rounding of product and sum, or of a fused one.

    Where a number may have overflowed, anything will do.
    """
    step, uncertain = rate * np.asarray(gradient.value), rate * gradient.allowed
    value = as_floats(weight) - step
    rounding = precision.u * (np.abs(value) + np.abs(step) + 2 * uncertain) + precision.tiny
    allowed = uncertain + precision.reference * (1 + 2.0**-20) * rounding
    lost = ~(np.isfinite(allowed) & (np.abs(value) + np.abs(step) + allowed < precision.fmax / 2))
    return Expected(gradient.name, value, np.where(lost, np.inf, allowed))
