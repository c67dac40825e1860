"""Laws about training: the derivatives of a layer, and the steps that are taken along them."""

from __future__ import annotations

import numpy as np

from conformance.laws.law import Call, Descended, Differentiated, Manner, Plan, Subject
from conformance.reference import evaluate, precision
from conformance.reference.gradients import DTYPES
from conformance.spec import Array

RATE = 0.125
"""Of learning: a power of two, so that a gradient times the rate rounds nothing."""


def gradients(subject: Subject) -> Plan | None:
    """The gradients of a weighted sum of all outputs are the derivatives of the equations."""
    config, tensors = subject.config, subject.tensors
    if config.dtype not in DTYPES:
        return None
    call = Call(config, tensors, cotangents=_cotangents(subject))
    return Plan((call,), (Differentiated(0),), "the gradients of a weighted sum of all outputs")


def descent(subject: Subject) -> Plan | None:
    """Three steps of plain gradient descent, in every other case with one of the weights frozen."""
    config, tensors = subject.config, subject.tensors
    if config.dtype not in DTYPES:
        return None
    chosen = subject.stream.integer(0, len(tensors.weights) - 1)
    frozen = (chosen,) if subject.case.data.seed % 2 else ()
    manner = Manner(steps=3, rate=RATE, frozen=frozen)
    call = Call(config, tensors, manner=manner, cotangents=_cotangents(subject))
    return Plan((call,), (Descended(0),), "plain gradient descent")


def _cotangents(subject: Subject) -> dict[int, Array]:
    """A weight for every number of every output, zero where the specification leaves the number open."""
    (promised,) = evaluate(subject.config, [subject.tensors], precision(subject.config.dtype), "step")
    stream, found = subject.stream, {}
    for number, (output, due) in enumerate(zip(subject.contract, promised, strict=True)):
        if output.judged == "values" and output.dtype == subject.config.dtype:
            weights = stream.symmetric(*output.shape)
            open_ = due.specified is not None and ~due.specified
            found[number] = np.where(open_, 0.0, weights).astype(output.dtype)
    return found
