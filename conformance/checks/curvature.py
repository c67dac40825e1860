"""Second derivatives beside the difference quotient of the reference's gradients.

The reference has no second derivatives, and nothing bounds their rounding. So what is looked for is a term that is
missing or wrong, not a rounding: half of the digits must be right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from conformance.checks import derivatives, losses
from conformance.checks.numbers import compare_all, largest, worst_element
from conformance.checks.observation import Reply
from conformance.checks.verdict import Worst
from conformance.laws import Call
from conformance.reference import Expected, Precision, precision
from conformance.reference.gradients import Bound, gradients
from conformance.spec import Array, Floats, OutputContract, Tensors, as_floats

STEP = 2.0**-20
"""Of the difference quotient, along directions between -1 and 1."""

WIDE = "float64"


def contracts(call: Call) -> tuple[OutputContract, ...]:
    """What a call for second derivatives must give: one for every argument, with its axes, shape and type."""
    return tuple(replace(it, name=f"change of the {it.name}") for it in derivatives.contracts(call))


def wrong_element(call: Call, reply: Reply, held_to: Precision) -> tuple[Worst, float] | None:
    """The worst element with its ratio, if it is wrong."""
    for due in _allowances(call, held_to):
        comparisons = compare_all(reply, due)
        if (ratio := largest(comparisons)) <= 1:
            return None
    return replace(worst_element(reply, contracts(call), comparisons), first_step=None), ratio


def _allowances(call: Call, held_to: Precision) -> Iterator[tuple[Expected, ...]]:
    """As if the gradients of the reference were well-conditioned, then with the bound on their rounding."""
    yield _quotient(call, held_to, "interval")
    yield _quotient(call, held_to, "signed")


def _quotient(call: Call, held_to: Precision, bound: Bound) -> tuple[Expected, ...]:
    """The quotient of gradients on both sides.

    Allowed are the difference of the quotients on each side alone, which is small where all is smooth and at a kink as
    large as what is in doubt; the rounding of the gradients divided by the step; and the square root of a unit of
    rounding of the largest element, this as many times as the gradients are conditioned worse than usual.
    """
    exact = precision(WIDE)
    config, weighed = call.config.with_options(dtype=WIDE), losses.weighed(call)
    draws = [_moved(call.tensors, call.directions, step) for step in (STEP, 0.0, -STEP)]
    found = gradients(config, draws, [weighed] * len(draws), exact, bound)
    if bound == "interval":
        found = tuple(tuple(derivatives.within(derivatives.NEGLIGIBLE * exact.u, it) for it in one) for one in found)
    after, here, before = found
    if not all(np.isfinite(it.allowed).all() for one in found for it in one):  # something may have overflowed
        return tuple(replace(it, allowed=np.full(it.allowed.shape, np.inf)) for it in here)
    ahead, behind = _quotients(after, here, STEP), _quotients(here, before, STEP)
    quotients = _quotients(after, before, 2 * STEP)
    scale = max(float(np.abs(_value(it)).max(initial=0.0)) for it in quotients)
    half = np.sqrt(held_to.u) * scale * _conditioning(here, exact)
    sides = (np.abs(_value(one) - _value(other)) for one, other in zip(ahead, behind, strict=True))
    return tuple(replace(it, allowed=it.allowed + side + half) for it, side in zip(quotients, sides, strict=True))


def _moved(given: Tensors, directions: Sequence[Array], step: float) -> Tensors:
    """Input, weights and initial states, each a step further along its direction."""
    x, *rest = (as_floats(direction) * step for direction in directions)
    weights, states = rest[: len(given.weights)], rest[len(given.weights) :]
    return replace(
        given,
        x=as_floats(given.x) + x,
        weights=_sums(given.weights, weights),
        initial_state=None if given.initial_state is None else _sums(given.initial_state, states),
    )


def _sums(given: Sequence[Array], more: Sequence[Floats]) -> tuple[Floats, ...]:
    return tuple(as_floats(array) + it for array, it in zip(given, more, strict=True))


def _quotients(after: Sequence[Expected], before: Sequence[Expected], length: float) -> list[Expected]:
    """Of gradients at two places, so far from each other."""
    return [
        Expected(a.name, (_value(a) - _value(b)) / length, (a.allowed + b.allowed) / length)
        for a, b in zip(after, before, strict=True)
    ]


def _value(due: Expected) -> Floats:
    return np.asarray(due.value)


def _conditioning(found: Sequence[Expected], exact: Precision) -> float:
    """By how many times more than is usual rounding may change gradients, at least 1."""
    allowed = max(float(it.allowed.max(initial=0.0)) for it in found)
    scale = max(float(np.abs(_value(it)).max(initial=0.0)) for it in found)
    return max(1.0, allowed / (derivatives.NEGLIGIBLE * exact.u * scale)) if scale else 1.0
