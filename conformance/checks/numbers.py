"""Checks of numbers: values against the reference with its allowance, order of outputs, repetition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from math import inf

import numpy as np
from numpy.typing import NDArray

from conformance.checks.observation import Expectation, Observation, Refusal, Reply
from conformance.checks.verdict import Elements, Verdict, Worst
from conformance.reference import Expected, Precision
from conformance.spec import Array, Floats, OutputContract, as_floats, has_nan

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Comparison:
    """One output beside the reference.

    Attributes:
        expected: the reference's value with its allowance.
        error: |got - expected|; infinite where a finite value is due and something else came.
        ratio: error ÷ allowed; 0 where nothing can be said.
    """

    expected: Expected
    error: Floats
    ratio: Floats

    @property
    def largest(self) -> float:
        """The largest ratio; above 1 the output is wrong."""
        return float(self.ratio.max(initial=0.0))


def compare(got: Array, expected: Expected) -> Comparison | None:
    """An output beside the reference; None where the specification promises only its form."""
    if expected.value is None:
        return None
    values = as_floats(got)
    error = np.where(np.isnan(values), inf, distance(values, expected.value))
    return Comparison(expected, error, share(error, expected.allowed, expected.specified))


def distance(one: Floats, other: Floats) -> Floats:
    """How far numbers are apart: 0 for equal infinities and for two NaN, infinite where only one is NaN."""
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(one - other)
    equal = (one == other) | (np.isnan(one) & np.isnan(other))
    return np.where(equal, 0.0, np.where(np.isnan(apart), inf, apart))


def share(error: Floats, allowed: Floats, specified: Bools | None) -> Floats:
    """Error ÷ allowed; 0 where nothing can be said: an overflow is possible, or the value is left open."""
    with np.errstate(invalid="ignore", over="ignore"):
        ratio = np.where(error == 0, 0.0, error / np.maximum(allowed, np.finfo(np.float64).tiny))
    silent = np.isinf(allowed)
    return np.where(silent if specified is None else silent | ~specified, 0.0, ratio)


def compare_all(reply: Reply, expected: Sequence[Expected]) -> list[Comparison | None]:
    """All outputs beside the reference."""
    return [compare(got, due) for got, due in zip(reply.outputs, expected, strict=True)]


def largest(comparisons: Sequence[Comparison | None]) -> float:
    """The largest ratio over all outputs."""
    return max((comparison.largest for comparison in comparisons if comparison), default=0.0)


# ---------------------------------------------------------------- values


def values(seen: Observation) -> Verdict | None:
    """Every value within its allowance: first the cheap one, then, only if need be, the one that decides."""
    if not isinstance(seen.reply, Reply) or seen.expectation is None:
        return None
    expectation, reply = seen.expectation, seen.reply
    comparisons, bound = compare_all(reply, expectation.step), "step"
    if (ratio := largest(comparisons)) > 1:
        comparisons, bound = compare_all(reply, expectation.signed), "signed"
        ratio = largest(comparisons)
    measured = expectation.signed if seen.sampled or bound == "signed" else None
    elements = count_elements(expectation.step, measured, expectation.precision)
    if ratio > 1:
        return _wrong(reply, expectation, comparisons, ratio, elements)
    if elements.judged == elements.void:
        return Verdict("unspecified", "no value of this case is specified and free of overflow", elements=elements)
    return Verdict("pass", ratio=ratio, bound=bound, elements=elements)


def _wrong(
    reply: Reply,
    expectation: Expectation,
    comparisons: Sequence[Comparison | None],
    ratio: float,
    elements: Elements,
) -> Verdict:
    worst = worst_element(reply, expectation.contract, comparisons)
    where = ", ".join(f"{axis} {place}" for axis, place in worst.index.items())
    message = (
        f"{worst.output}[{where}] is {worst.got:.9g}, expected {worst.expected:.9g}, "
        f"off by {abs(worst.got - worst.expected):.2g}, allowed {worst.allowed:.2g}"
    )
    finite = np.isfinite(worst.got)
    return Verdict("fail", message, ratio, "signed", elements, worst, "wrong values" if finite else "not finite")


def worst_element(reply: Reply, contract: Sequence[OutputContract], comparisons: Sequence[Comparison | None]) -> Worst:
    """The element with the largest ratio, and the first step of its output that is out of bounds."""
    ratios = [comparison.largest if comparison else -1.0 for comparison in comparisons]
    which = int(np.argmax(ratios))
    comparison, output, got = comparisons[which], contract[which], reply.outputs[which]
    if comparison is None or comparison.expected.value is None:
        raise ValueError("no output of this case has values to judge")
    place = np.unravel_index(int(comparison.ratio.argmax()), comparison.ratio.shape)
    return Worst(
        output=output.name,
        index={axis: int(position) for axis, position in zip(output.axes, place, strict=True)},
        got=float(as_floats(got)[place]),
        expected=float(comparison.expected.value[place]),
        allowed=float(comparison.expected.allowed[place]),
        first_step=_first_step(output, comparison.ratio),
    )


def _first_step(output: OutputContract, ratio: Floats) -> int | None:
    if output.steps is None:
        return None
    others = tuple(i for i in range(ratio.ndim) if i != output.steps)
    bad = np.flatnonzero((ratio > 1).any(axis=others))
    return int(bad[0]) if len(bad) else None


def count_elements(step: Sequence[Expected], signed: Sequence[Expected] | None, precision: Precision) -> Elements:
    """How many elements were judged and how many could say little (NUMERICS, section 0, item 6)."""
    counted = Elements(measured=signed is not None)
    for due in signed or step:
        if due.value is None:
            continue
        open_ = np.zeros(due.value.shape, bool) if due.specified is None else ~due.specified
        void = np.isinf(due.allowed) & ~open_
        scale = np.maximum(1.0, np.abs(due.value))
        judged = ~open_ & ~void
        counted = replace(
            counted,
            judged=counted.judged + int((~open_).sum()),
            void=counted.void + int(void.sum()),
            unspecified=counted.unspecified + int(open_.sum()),
        )
        if signed is not None:
            uninformative = judged & (due.allowed > scale / 8)
            weak = judged & ~uninformative & (due.allowed > 1000 * precision.u * scale)
            counted = replace(
                counted,
                weak=counted.weak + int(weak.sum()),
                uninformative=counted.uninformative + int(uninformative.sum()),
            )
    return counted


# ---------------------------------------------------------------- order


def order(seen: Observation) -> Verdict | None:
    """Outputs of equal shape are where they belong: no exchange of them explains values that are wrong in place."""
    if not isinstance(seen.reply, Reply) or seen.expectation is None:
        return None
    if largest(compare_all(seen.reply, seen.expectation.step)) <= 1:
        return Verdict("pass")
    due = seen.expectation.signed
    fits = _fits(seen.reply, due)
    if fits.diagonal().all():
        return Verdict("pass")
    exchange = _exchange(fits)
    if exchange is None:
        return Verdict("pass")
    names = [output.name for output in seen.expectation.contract]
    wrong = [(names[i], names[j]) for i, j in enumerate(exchange) if i != j]
    told = ", ".join(f"{there} comes in the place of {here}" for here, there in wrong)
    return Verdict("fail", told, cause="outputs exchanged")


def _fits(reply: Reply, due: Sequence[Expected]) -> Bools:
    """[i, j]: the array in place i has the values expected of output j."""
    shapes = [array.shape for array in reply.outputs]
    return np.array(
        [
            [
                shapes[i] == shapes[j] and ((found := compare(reply.outputs[i], due[j])) is None or found.largest <= 1)
                for j in range(len(due))
            ]
            for i in range(len(due))
        ]
    )


def _exchange(fits: Bools) -> tuple[int, ...] | None:
    """An order of the outputs in which every one fits, or None."""
    places = range(len(fits))
    return next((chosen for chosen in permutations(places) if all(fits[i, chosen[i]] for i in places)), None)


# ---------------------------------------------------------------- repetition


def determinism(seen: Observation) -> Verdict | None:
    """A second, equal call gives the same: bit by bit, or at least up to rounding (which is left open)."""
    if not isinstance(seen.reply, Reply) or seen.again is None or seen.expectation is None:
        return None
    if isinstance(seen.again, Refusal):
        return Verdict("fail", f"a second, equal call raised {seen.again.type}: {seen.again.message}", cause="raised")
    first, second = seen.reply.outputs, seen.again.outputs
    if seen.reply.structure != seen.again.structure or [a.shape for a in first] != [b.shape for b in second]:
        return Verdict("fail", "a second, equal call gave another structure", cause="structure")
    if all(np.array_equal(a, b, equal_nan=has_nan(a.dtype)) for a, b in zip(first, second, strict=True)):
        return Verdict("pass")
    for output, due, a, b in zip(seen.expectation.contract, seen.expectation.signed, first, second, strict=True):
        if not _equal_within(as_floats(a), as_floats(b), 2 * due.allowed):
            return Verdict("fail", f"a second, equal call gave other values in {output.name}", cause="values")
    return Verdict("unspecified", "a second, equal call differs within rounding")


def _equal_within(first: Floats, second: Floats, allowed: Floats) -> bool:
    """Whether all numbers agree; NaN agrees with NaN alone, and anything where an overflow may have happened."""
    with np.errstate(invalid="ignore"):
        near = np.abs(first - second) <= allowed
    same = (first == second) | (np.isnan(first) & np.isnan(second))
    return bool((near | same | np.isinf(allowed)).all())
