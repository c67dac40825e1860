"""Statistical tests with a stated rate of false alarms, valid for samples of every size."""

from __future__ import annotations

import math

import numpy as np

from conformance.spec import Floats

ERROR_RATE = 1e-9
"""How often one test may call something wrong that is right."""


def distance_allowed(count: int) -> float:
    """How far the distribution of `count` independent numbers may be from that which they are drawn from.

    By the inequality of Dvoretzky, Kiefer and Wolfowitz with the constant of Massart (1990), which holds for every
    distribution and every number: P(distance > e) <= 2 exp(-2 count e^2).
    """
    return math.sqrt(math.log(2 / ERROR_RATE) / (2 * count))


def distance_from_uniform(numbers: Floats) -> float:
    """The largest difference between the distribution of numbers and that of uniform ones between -1 and 1."""
    due = (np.sort(numbers.ravel()) + 1) / 2
    places = np.arange(due.size)
    return float(max((due - places / due.size).max(), ((places + 1) / due.size - due).max()))


def is_unlikely(hits: int, count: int, rate: float, tests: int = 1) -> bool:
    """Whether independent events of this probability happen so rarely, or so often, less than `ERROR_RATE`.

    By the exact tails of the binomial distribution, each with half of the rate; of several tests, all together.
    """
    below = _tail(range(hits + 1), count, rate)
    above = _tail(range(hits, count + 1), count, rate)
    return min(below, above) < ERROR_RATE / 2 / tests


def _tail(places: range, count: int, rate: float) -> float:
    """The probability of a number of hits in a range; rate must be strictly between 0 and 1."""
    log_choices = [math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1) for k in places]
    logs = [
        choices + k * math.log(rate) + (count - k) * math.log1p(-rate)
        for choices, k in zip(log_choices, places, strict=True)
    ]
    return math.fsum(math.exp(it) for it in logs)
