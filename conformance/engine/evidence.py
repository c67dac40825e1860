"""What is behind a failure, cut to what a picture can show: numbers of values, outlines of what was returned."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from conformance.checks import Observation, Reply, judge
from conformance.checks.verdict import Verdict, Worst
from conformance.engine.events import Evidence, Leaf, Outline, Returned
from conformance.errors import SpecError
from conformance.spec import Case, LayerConfig, as_floats

MOST = 160
"""So many elements of an output are kept."""

STEPS, UNITS = 6, 3
"""A case with fewer shows little; a failure is looked for with so many."""


ARRAYS, LENGTH = 40, 2000
"""Of more arrays, or a longer text of their nesting, no outline is kept: no picture could show it."""

FORM = ("structure", "shape", "dtype")
"""Checks whose failures show in an outline."""

Observe = Callable[[Case], Observation | None]
"""Runs a case alone."""


def numbers_behind(check: str, verdict: Verdict, smallest: Case, observe: Observe) -> Evidence | None:
    """Numbers of the smallest case, or of one that fails in the same way and shows more; None for other checks."""
    if check != "values" or verdict.worst is None:
        return None
    for case in showing(smallest):
        seen = observe(case)
        found = None if seen is None else judge(seen).get(check)
        if seen is not None and found is not None and found.worst and found.cause == verdict.cause:
            return evidence(seen, found.worst)
    return None


def outlines_behind(check: str, smallest: Case, observe: Observe) -> Returned | None:
    """What the smallest case should have returned, and what came; None for other checks."""
    seen = observe(smallest) if check in FORM else None
    return None if seen is None else returned(seen)


def returned(seen: Observation) -> Returned | None:
    """The outlines of what was promised and what came; None if there is no reply, or too much of it."""
    if not isinstance(seen.reply, Reply) or seen.expectation is None:
        return None
    if len(seen.reply.outputs) > ARRAYS or len(str(seen.reply.structure)) > LENGTH:
        return None
    due = tuple(Leaf(output.name, output.shape, output.dtype) for output in seen.expectation.contract)
    came = tuple(Leaf("", array.shape, array.dtype.name) for array in seen.reply.outputs)
    return Returned(Outline(seen.expectation.structure, due), Outline(seen.reply.structure, came))


def showing(case: Case) -> Iterator[Case]:
    """Cases that may show a failure better than the smallest one, the best first, and the smallest one itself.

    They differ in sizes and in whether the output of every step is given back; whether they fail must be tried.
    """
    sequences = _with_sequences(case.config)
    sizes = case.config.sizes
    try:
        roomy = sequences.with_sizes(timesteps=max(sizes.timesteps, STEPS), units=max(sizes.units, UNITS))
    except SpecError:
        roomy = sequences
    yield from dict.fromkeys(replace(case, config=config) for config in (roomy, sequences, case.config))


def _with_sequences(config: LayerConfig) -> LayerConfig:
    return config.with_options(return_sequences=True) if config.get("return_sequences") is False else config


def evidence(seen: Observation, worst: Worst) -> Evidence | None:
    """The worst output as it came and as it should be: a block around the worst element; None if there is no reply."""
    if not isinstance(seen.reply, Reply) or seen.expectation is None:
        return None
    contract = seen.expectation.contract
    which = next((place for place, output in enumerate(contract) if output.name == worst.output), None)
    if which is None or (due := seen.expectation.signed[which]).value is None:
        return None
    output = contract[which]
    center = [worst.index[axis] for axis in output.axes]
    block = _block(due.value.shape, center, output.steps)
    cut = tuple(slice(start, stop) for start, stop in block)
    open_ = np.zeros(due.value.shape, bool) if due.specified is None else ~due.specified
    allowed = np.where(open_, math.inf, due.allowed)
    mask = seen.expectation.tensors.mask
    return Evidence(
        case=seen.case.canonical(),
        output=output.name,
        axes=output.axes,
        start=tuple(start for start, _ in block),
        shape=tuple(stop - start for start, stop in block),
        expected=_numbers(due.value[cut]),
        got=_numbers(as_floats(seen.reply.outputs[which])[cut]),
        allowed=_numbers(allowed[cut]),
        mask=() if mask is None else tuple("".join("10"[not kept] for kept in row[:MOST]) for row in mask[:8]),
    )


def _block(shape: tuple[int, ...], center: list[int], steps: int | None) -> list[tuple[int, int]]:
    """Start and stop on every axis around an element; axes are halved until few elements are left, time last."""
    sizes = list(shape)
    while math.prod(sizes) > MOST:
        others = [axis for axis, size in enumerate(sizes) if size > 1 and axis != steps]
        axis = max(others, key=lambda axis: sizes[axis]) if others else int(np.argmax(sizes))
        sizes[axis] = (sizes[axis] + 1) // 2
    starts = [
        min(max(0, middle - size // 2), whole - size) for middle, size, whole in zip(center, sizes, shape, strict=True)
    ]
    return [(start, start + size) for start, size in zip(starts, sizes, strict=True)]


def _numbers(values: np.typing.NDArray[np.float64]) -> tuple[float, ...]:
    """Six digits: more than a picture shows."""
    return tuple(float(f"{value:.6g}") for value in values.ravel())
