"""What does a failure look like? Changes are tried on the reference until one explains every case.

A suspect is a mistake that people make: gate blocks in another order, a transposed kernel, a mask that is ignored. It
is named only if, with it, the reference gives what came back in every case, closely enough that no coincidence remains.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from conformance.checks import Expectation, Reply
from conformance.checks.numbers import Comparison, compare_all, largest
from conformance.engine.suspects import Suspect, suspects
from conformance.errors import SpecError
from conformance.reference import Expected, Precision, evaluate, precision

SLACK = 4.0
"""A change may explain a value to within this multiple of the allowance: its own rounding differs a little."""

SHARP = 0.1
"""The allowance with its slack must be below this part of the error that is to be explained."""

COARSE = 1 / 64
"""Rounding in a lower precision must come this near to its allowance; smaller errors have another cause."""

Sample = tuple[Expectation, Reply]


def looks_like(samples: Sequence[Sample]) -> str | None:
    """The name of the first mistake that explains every sample, or None.

    Args:
        samples: failing cases with what came back, all of one group.
    """
    named: list[str] | None = None
    for expectation, reply in samples:
        tried = [suspect for suspect in suspects(expectation) if named is None or suspect.name in named]
        named = [suspect.name for suspect in tried if _explains(suspect, expectation, reply)]
        if not named:
            return _lower_precision(samples)
    return named[0] if named else None


def _explains(suspect: Suspect, expectation: Expectation, reply: Reply) -> bool:
    """Whether a mistake gives what came back: at little cost that it does not, then with its allowance that it does."""
    right = compare_all(reply, expectation.signed)
    wrong = [index for index, found in enumerate(right) if found is not None and found.largest > 1]
    if not wrong:
        return False
    error = max(found.error[found.ratio > 1].max() for found in _of(right, wrong))
    for bound in ("step", "signed"):
        try:
            changed = _as_judged(suspect.outputs(bound), expectation.signed)
        except SpecError:
            return False
        if changed is None:
            return False
        compared = compare_all(reply, changed)
        if bound == "step":
            if any(found.error[found.ratio > 0].max(initial=0.0) > SHARP * error for found in _of(compared, wrong)):
                return False
        elif largest(compared) > SLACK or SLACK * _coarsest(compared, right, wrong) >= SHARP * error:
            return False
    return True


def _of(compared: Sequence[Comparison | None], places: Iterable[int]) -> list[Comparison]:
    return [found for index in places if (found := compared[index]) is not None]


def _as_judged(changed: Sequence[Expected], due: Sequence[Expected]) -> list[Expected] | None:
    """Changed outputs, silent only where the right ones are; None if they have other names or shapes."""
    if [(it.name, it.allowed.shape) for it in changed] != [(it.name, it.allowed.shape) for it in due]:
        return None
    return [replace(other, specified=right.specified) for other, right in zip(changed, due, strict=True)]


def _coarsest(compared: Sequence[Comparison | None], right: Sequence[Comparison | None], wrong: Sequence[int]) -> float:
    """The largest allowance of the changed outputs; infinite if one says nothing about an element that is wrong."""
    allowed = 0.0
    for now, before in zip(_of(compared, wrong), _of(right, wrong), strict=True):
        if np.isinf(now.expected.allowed[before.ratio > 1]).any():
            return float("inf")
        allowed = max(allowed, now.expected.allowed[np.isfinite(now.expected.allowed)].max(initial=0.0))
    return float(allowed)


# ---------------------------------------------------------------- precision

_LOWER = {"float64": ("float32", "float16", "bfloat16"), "float32": ("float16", "bfloat16")}


def _lower_precision(samples: Sequence[Sample]) -> str | None:
    """A lower precision in which all errors are rounding errors, and not small ones."""
    for name in ("float32", "float16", "bfloat16"):
        if not all(name in _LOWER.get(expectation.case.config.dtype, ()) for expectation, _ in samples):
            continue
        ratios = [_ratio(expectation, reply, precision(name)) for expectation, reply in samples]
        if COARSE <= max(ratios) <= 1:
            return f"part of the computation is in {name}"
    return None


def _ratio(expectation: Expectation, reply: Reply, lower: Precision) -> float:
    case = expectation.case
    return largest(compare_all(reply, evaluate(case.config, [expectation.tensors], lower, "interval")[0]))
