"""The activations, with what an error analysis needs to know of each, as data."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from conformance.errors import SpecError
from conformance.reference.precision import Accuracy
from conformance.spec import Floats, Value


@dataclass(frozen=True)
class Activation:
    """An activation y = f(v) and its properties.

    Attributes:
        name: as the dialects call it.
        low, high: the range of f.
        value: f.
        slope: f', at a kink either one-sided derivative.
        steepest: (v, R) -> a point of [v - R, v + R] where f' is largest.
        remainder: (v, R) -> bound on |f(w) - f(v) - f'(v)(w - v)| for all w in [v - R, v + R].
        accuracy: (rel, abs) of an implementation of f, in units of u; (0, 0): exact.
    """

    name: str
    low: float
    high: float
    value: Callable[[Floats], Floats]
    slope: Callable[[Floats], Floats]
    steepest: Callable[[Floats, Floats], Floats]
    remainder: Callable[[Floats, Floats], Floats]
    accuracy: Callable[[Accuracy], tuple[float, float]]


def _sigmoid(v: Floats) -> Floats:
    """The logistic function; overflow of exp gives the right limit 0, with full relative accuracy before it."""
    y: Floats = 1.0 / (1.0 + np.exp(-v))
    return y


def _sigmoid_slope(v: Floats) -> Floats:
    """Slope s (1 - s), written without the difference, which cancels for large v."""
    q = np.exp(-np.abs(v))
    slope: Floats = q / (1.0 + q) ** 2
    return slope


def _tanh_slope(v: Floats) -> Floats:
    """sech^2; 1 - tanh^2 would cancel to zero for |v| > 19."""
    slope: Floats = 4.0 * _sigmoid_slope(2.0 * v)
    return slope


def _nearest_zero(v: Floats, R: Floats) -> Floats:
    """The point of [v - R, v + R] nearest to 0, where an even f' that falls with |v| is largest."""
    nearest: Floats = np.maximum(np.abs(v) - R, 0.0)
    return nearest


def _exact(_: Accuracy) -> tuple[float, float]:
    return 0.0, 0.0


TANH = Activation(
    name="tanh",
    low=-1.0,
    high=1.0,
    value=np.tanh,
    slope=_tanh_slope,
    steepest=_nearest_zero,
    remainder=lambda _, R: 2 / (3 * math.sqrt(3)) * 1.0001 * R * R,  # max |tanh''| / 2
    accuracy=lambda accuracy: accuracy.tanh,
)

SIGMOID = Activation(
    name="sigmoid",
    low=0.0,
    high=1.0,
    value=_sigmoid,
    slope=_sigmoid_slope,
    steepest=_nearest_zero,
    remainder=lambda _, R: 1 / (12 * math.sqrt(3)) * 1.0001 * R * R,  # max |sigmoid''| / 2
    accuracy=lambda accuracy: accuracy.sigmoid,
)

RELU = Activation(
    name="relu",
    low=0.0,
    high=math.inf,
    value=lambda v: np.maximum(v, 0.0),
    slope=lambda v: (v > 0).astype(np.float64),
    steepest=lambda v, R: v + R,
    remainder=lambda v, R: np.maximum(R - np.abs(v), 0.0),
    accuracy=_exact,
)

LINEAR = Activation(
    name="linear",
    low=-math.inf,
    high=math.inf,
    value=lambda v: v,
    slope=np.ones_like,
    steepest=lambda v, _: v,
    remainder=lambda _, R: 0.0 * R,
    accuracy=_exact,
)


def _line(name: str, kink: float) -> Activation:
    """The line from 0 at -kink to 1 at +kink, cut off there."""
    return Activation(
        name=name,
        low=0.0,
        high=1.0,
        value=lambda v: np.clip(v / (2 * kink) + 0.5, 0.0, 1.0),
        slope=lambda v: (np.abs(v) < kink) / (2 * kink),
        steepest=_nearest_zero,
        remainder=lambda v, R: np.maximum(R - np.abs(np.abs(v) - kink), 0.0) / (2 * kink),
        accuracy=lambda _: (2.0, 1.0 + 1 / 64),
    )


_LINES = (
    # Evaluations that must fit, inside the kinks (y = v/6 + 1/2, error in units of u, first order):
    #   relu6(v + 3) / 6           1 for the sum, 1 for the quotient                2y
    #   relu6(v + 3) * fl(1/6)     1 more for the constant                          3y
    #   v * fl(1/6) + 1/2          2 for the product, 1 for the sum                 2|y - 1/2| + y
    #   v / 6 + 1/2                                                                  |y - 1/2| + y
    # 2y + 1 is above all of them for y in [0, 1]. Clipping brings errors closer together, so a kink adds nothing.
    # Second-order terms are below 4u <= 1/64 in units of u for every type down to bfloat16.
    # The older line with slope 1/5, v * fl(0.2) + 1/2, is the third of these.
    _line("hard_sigmoid", 3.0),
    _line("hard_sigmoid_fifth", 2.5),
)

_ACTIVATIONS = {activation.name: activation for activation in (TANH, SIGMOID, RELU, LINEAR, *_LINES)}


def activation(name: Value | None) -> Activation:
    """The activation of that name; `SpecError` if the reference does not implement it."""
    if name not in _ACTIVATIONS:
        raise SpecError(f"the reference has no activation '{name}'; it has {', '.join(_ACTIVATIONS)}")
    return _ACTIVATIONS[str(name)]
