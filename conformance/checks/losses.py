"""The derivatives of losses with respect to the outputs of a layer, with what the errors of outputs do to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from conformance.checks import penalties
from conformance.laws import Call, Descended, Penalty
from conformance.reference import Expected, Precision
from conformance.reference.backward import exact
from conformance.reference.bounded import Bounded
from conformance.reference.gradients import Cotangents, differentiable
from conformance.spec import Array, Floats, as_floats, outputs_of

ROUNDINGS = 8
"""Of a difference, the factor of each mean (at most three), their product, a weight, and the sum of two slopes."""


def slopes(relation: Descended, call: Call, precision: Precision) -> Cotangents:
    """Output name -> the derivative of the loss by each of its elements, for the weights that the call has."""
    found: dict[str, list[Array | Bounded]] = defaultdict(list)
    for part in (weighed(call), _of_squares(call, precision), _of_activity(relation.output, call, precision)):
        for name, slope in part.items():
            found[name].append(slope)
    return {name: parts[0] if len(parts) == 1 else _sum(parts, precision) for name, parts in found.items()}


def weighed(call: Call) -> dict[str, Array]:
    """The cotangents of a call by the names of the outputs."""
    return _named(call, call.cotangents)


def _named(call: Call, arrays: Mapping[int, Array]) -> dict[str, Array]:
    promised = outputs_of(call.config, call.tensors)
    return {promised[number].name: array for number, array in arrays.items()}


def _of_squares(call: Call, precision: Precision) -> dict[str, Bounded]:
    """Of the mean of the squares of what each output is off its target: twice that, divided by their number."""
    targets = _named(call, call.targets)
    if not targets:
        return {}
    (outputs,) = differentiable(call.config, [call.tensors], precision, "signed")
    return {
        name: _scaled(outputs[name], as_floats(target), 2.0 / target.size, precision)
        for name, target in targets.items()
    }


def _scaled(due: Expected, target: Floats, factor: float, precision: Precision) -> Bounded:
    """What an output is off its target, times a factor."""
    value, error = (np.asarray(due.value) - target) * factor, due.allowed / precision.reference * factor
    return Bounded(value, error + _rounding(np.abs(value) + error, precision))


def _of_activity(penalty: Penalty | None, call: Call, precision: Precision) -> dict[str, Bounded]:
    """Of the penalty of what a layer gives, divided by the size of the batch; each of two directions has its own."""
    if penalty is None:
        return {}
    rows = call.config.sizes.batch
    return {due.name: _of_penalty(due, penalty, rows, precision) for due in penalties.given(call, precision)}


def _of_penalty(due: Expected, penalty: Penalty, rows: int, precision: Precision) -> Bounded:
    """Where the sign of a number is in doubt, the slope of its size may be anything from -1 to 1."""
    given, error = np.asarray(due.value), due.allowed / precision.reference
    sign = np.sign(given)
    value = (penalty.l1 * sign + 2 * penalty.l2 * given) / rows
    corner = np.where(np.abs(given) <= due.allowed, penalty.l1 * (1 + np.abs(sign)), 0.0)
    error = (2 * penalty.l2 * error + corner) / rows
    parts = (penalty.l1 + 2 * penalty.l2 * np.abs(given)) / rows
    return Bounded(value, error + _rounding(parts + error, precision))


def _sum(parts: Sequence[Array | Bounded], precision: Precision) -> Bounded:
    numbers = [it if isinstance(it, Bounded) else exact(as_floats(it)) for it in parts]
    value, error, size = (sum(arrays) for arrays in zip(*((it.value, it.box, it.size) for it in numbers), strict=True))
    return Bounded(value, error + _rounding(size, precision))


def _rounding(size: Floats, precision: Precision) -> Floats:
    return ROUNDINGS * (1 + 2.0**-20) * precision.u * size + precision.tiny
