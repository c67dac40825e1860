"""Sums of penalties beside their formulas, with a bound on rounding."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.laws import Call, Penalised, Penalty
from conformance.reference import Expected, Precision, evaluate
from conformance.reference.gradients import unmerged
from conformance.spec import Floats, OutputContract, as_floats

ROUNDINGS = 6
"""Beside those of the sum over all elements: of a square, a factor, two sums, a division, the sum of all penalties."""


def contracts(told: str) -> tuple[OutputContract, ...]:
    """What a call for penalties must give: one number, in the widest type."""
    return (OutputContract(told, (), (), "float64", "values", "penalties"),)


def expected(relation: Penalised, call: Call, precision: Precision) -> Expected:
    """The sum of all penalties; in a bidirectional layer each half counts what it gives itself."""
    counted = [
        _counted(as_floats(call.tensors.weights[number]), np.zeros(()), penalty, precision)
        for number, penalty in relation.weights.items()
    ]
    if relation.output is not None:
        rows = call.config.sizes.batch
        for due in given(call, precision):
            value, allowed = _counted(np.asarray(due.value), due.allowed, relation.output, precision)
            counted.append((value / rows, allowed / rows))
    value = sum((value for value, _ in counted), start=np.zeros(()))
    allowed = sum((allowed for _, allowed in counted), start=np.zeros(()))
    rounding = precision.reference * (1 + 2.0**-20) * len(counted) * precision.u * (value + allowed)
    overflow = not value + allowed < precision.fmax / 2
    return Expected(relation.told, np.asarray(value), np.asarray(np.inf if overflow else allowed + rounding))


def given(call: Call, precision: Precision) -> Iterator[Expected]:
    """What the layer, or each half of it, gives, without states."""
    (found,) = evaluate(unmerged(call.config), [call.tensors], precision, "signed")
    return (due for due in found if due.name.endswith("output"))


def _counted(values: Floats, errors: Floats, penalty: Penalty, precision: Precision) -> tuple[Floats, Floats]:
    """The penalty of numbers of which each has an error, and how far a correct sum, in any order, may be from it."""
    size = np.abs(values)
    absolute, squares = penalty.l1 * size.sum(), penalty.l2 * (size * size).sum()
    by_errors = penalty.l1 * (0 * size + errors).sum() + penalty.l2 * ((2 * size + errors) * errors).sum()
    largest = absolute + squares + by_errors
    terms = values.size + ROUNDINGS
    rounding = terms * precision.u / (1 - terms * precision.u) * largest + terms * precision.tiny
    return absolute + squares, by_errors + precision.reference * (1 + 2.0**-20) * rounding
