"""Activations: functions of one number that keep NaN and accept infinities."""

import math
from collections.abc import Callable, Mapping

Activation = Callable[[float], float]


def linear(x: float) -> float:
    """The identity."""
    return x


def relu(x: float) -> float:
    """The positive part."""
    return 0.0 if x < 0.0 else x


def sigmoid(x: float) -> float:
    """The logistic function 1 / (1 + e^-x), written so that the exponential never overflows."""
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    power = math.exp(x)
    return power / (1.0 + power)


def hard_sigmoid(x: float) -> float:
    """The line x/6 + 1/2, cut off at 0 and 1 (Keras 3)."""
    line = x / 6.0 + 0.5
    return 0.0 if line < 0.0 else 1.0 if line > 1.0 else line


def older_hard_sigmoid(x: float) -> float:
    """The line 0.2 x + 1/2, cut off at 0 and 1 (Keras 2)."""
    line = 0.2 * x + 0.5
    return 0.0 if line < 0.0 else 1.0 if line > 1.0 else line


ACTIVATIONS: Mapping[str, Activation] = {
    "tanh": math.tanh,
    "sigmoid": sigmoid,
    "relu": relu,
    "linear": linear,
    "hard_sigmoid": hard_sigmoid,
}

KERAS_2: Mapping[str, Activation] = {**ACTIVATIONS, "hard_sigmoid": older_hard_sigmoid}
"""What the names mean in Keras 2."""
