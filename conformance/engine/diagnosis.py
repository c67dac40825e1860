"""What does a failure look like? Changes are tried on the reference until one explains the cases.

A suspect is a mistake that people make: gate blocks in another order, a transposed kernel, a mask that is ignored. It
is named only if, with it, the reference gives what came back in every case, closely enough that no coincidence remains.
In some of the cases it may leave open what is wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from conformance.checks import Expectation, Reply
from conformance.checks.numbers import Bools, Comparison, compare, compare_all, largest
from conformance.engine.scene import Suspect
from conformance.engine.suspects import suspects
from conformance.errors import SpecError
from conformance.reference import Expected, evaluate, precision
from conformance.spec import Array

SLACK = 4.0
"""A change may explain a value to within this multiple of the allowance: its own rounding differs a little."""

SHARP = 0.1
"""The allowance with its slack must be below this part of the error that is to be explained."""

Sample = tuple[Expectation, Reply]


def looks_like(samples: Sequence[Sample]) -> str | None:
    """The name of the mistake that explains most samples, more than half of them, and contradicts none; or None.

    Args:
        samples: failing cases with what came back, all of one group.
    """
    explained: dict[str, int] | None = None
    for expectation, reply in samples:
        said = _said(expectation, reply, explained)
        explained = {name: (explained or {}).get(name, 0) + told for name, told in said.items()}
        if not explained:
            break
    name, most = max((explained or {}).items(), key=lambda one: one[1], default=("", 0))
    if 2 * most > len(samples):
        return name
    return _lower_precision(samples) if samples else None


def _said(expectation: Expectation, reply: Reply, names: Collection[str] | None) -> dict[str, bool]:
    """The mistakes (of these names; None: all) that a sample does not contradict, and whether they explain it."""
    failure = _Failure.of(expectation, reply)
    tried = (suspect for suspect in suspects(expectation) if names is None or suspect.name in names)
    found = ((suspect.name, _explains(suspect, failure)) for suspect in tried)
    return {name: told for name, told in found if told is not None}


@dataclass(frozen=True)
class _Failure:
    """What came back, where it is wrong, and by how much."""

    reply: Reply
    right: Sequence[Expected]
    wrong: tuple[Bools | None, ...]
    error: float

    @classmethod
    def of(cls, expectation: Expectation, reply: Reply) -> _Failure:
        found = compare_all(reply, expectation.signed)
        wrong = tuple(None if it is None or it.largest <= 1 else it.ratio > 1 for it in found)
        errors = [it.error[where].max() for it, where in zip(found, wrong, strict=True) if it and where is not None]
        return cls(reply, expectation.signed, wrong, float(max(errors, default=0.0)))


def _explains(suspect: Suspect, failure: _Failure) -> bool | None:
    """Whether a mistake gives what came back, or leaves it open; None: it gives something else."""
    try:
        near = _compared(suspect.outputs("step"), failure)  # whether it comes near at all costs little
        wrong = [where for where in failure.wrong if where is not None]
        if near is None or any(
            np.any(it.error[where & (it.ratio > 0)] > SHARP * failure.error)
            for it, where in zip(near, wrong, strict=True)
        ):
            return None
        exact = _compared(suspect.outputs("signed"), failure, everything=True)
    except SpecError:
        return None
    return _tells(suspect, failure) if exact is not None and largest(exact) <= SLACK else None


def _compared(changed: Sequence[Expected], failure: _Failure, *, everything: bool = False) -> list[Comparison] | None:
    """Changed outputs beside what came, those that were wrong or all; None if they have other names or shapes."""
    if [(it.name, it.allowed.shape) for it in changed] != [(it.name, it.allowed.shape) for it in failure.right]:
        return None
    both = zip(failure.reply.outputs, changed, failure.right, failure.wrong, strict=True)
    found = (
        compare(got, Expected(due.name, due.value, due.allowed, _judged(due, right)))
        for got, due, right, wrong in both
        if everything or wrong is not None
    )
    return [it for it in found if it is not None] or None


def _judged(due: Expected, right: Expected) -> Bools | None:
    """Where both the right and the changed outputs are specified."""
    known = [it.specified for it in (due, right) if it.specified is not None]
    return np.logical_and.reduce(known) if known else None


def _tells(suspect: Suspect, failure: _Failure) -> bool:
    """Whether the changed outputs say something sharp about what is wrong: they may leave some of it open."""
    for due, right, wrong in zip(suspect.outputs("signed"), failure.right, failure.wrong, strict=True):
        judged = _judged(due, right)
        sharp = SLACK * due.allowed < SHARP * failure.error
        if wrong is not None and np.any(wrong & sharp & (True if judged is None else judged)):
            return True
    return False


# ---------------------------------------------------------------- precision

FAR = 2.0**12
"""So many times the allowance of float64 is no rounding of its own; the unit of float32 is 2**29 times as large."""

_LOWER = {"float64": ("float32", "float16", "bfloat16"), "float32": ("float16", "bfloat16")}


def _lower_precision(samples: Sequence[Sample]) -> str | None:
    """A lower precision in which all errors are rounding errors: that of all values, or of something on their way."""
    for name in ("float32", "float16", "bfloat16"):
        if all(_rounded_to(name, expectation, reply) for expectation, reply in samples):
            return f"values have the precision of {name}"
    if all(_partly_in_float32(expectation, reply) for expectation, reply in samples):
        return "partly computed in float32"
    return None


def _rounded_to(name: str, expectation: Expectation, reply: Reply) -> bool:
    lower = name in _LOWER.get(expectation.case.config.dtype, ())
    return lower and all(_has_precision(name, it) for it in reply.outputs) and _errs_as(name, expectation, reply)


def _partly_in_float32(expectation: Expectation, reply: Reply) -> bool:
    """Whether a result of float64 errs as those of float32 do: by far too much for anything else that rounds."""
    if expectation.case.config.dtype != "float64" or not _errs_as("float32", expectation, reply):
        return False
    return largest(compare_all(reply, expectation.signed)) > FAR


def _errs_as(name: str, expectation: Expectation, reply: Reply) -> bool:
    """Whether all errors are rounding errors of a type."""
    due = evaluate(expectation.case.config, [expectation.tensors], precision(name), "interval")[0]
    return largest(compare_all(reply, due)) <= 1


def _has_precision(name: str, array: Array) -> bool:
    """Whether every number is one of a lower precision (bfloat16: a float32 with half of its bits zero)."""
    if array.dtype.kind != "f":
        return True
    with np.errstate(over="ignore", invalid="ignore"):
        lower = array.astype(np.float32 if name == "bfloat16" else name)
    fits = np.array_equal(lower.astype(array.dtype), array)
    return fits and (name != "bfloat16" or not np.any(np.ascontiguousarray(lower).view(np.uint32) & 0xFFFF))
