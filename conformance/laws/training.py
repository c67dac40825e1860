"""Laws about training: the derivatives of a layer, and the steps that are taken along them."""

from __future__ import annotations

import numpy as np

from conformance.generate.tensors import activations
from conformance.laws.law import Call, Manner, Plan, Subject
from conformance.laws.relations import Curved, Descended, Differentiated
from conformance.reference import evaluate, precision
from conformance.spec import FULL_PRECISION, Array

RATE = 0.125
"""Of learning: a power of two, so that a gradient times the rate rounds nothing."""


_KINKED = {"relu", "hard_sigmoid"}


def gradients(subject: Subject) -> Plan | None:
    """The gradients of a weighted sum of all outputs are the derivatives of the equations."""
    config, tensors = subject.config, subject.tensors
    if config.dtype not in FULL_PRECISION:
        return None
    call = Call(config, tensors, cotangents=cotangents(subject))
    return Plan((call,), (Differentiated(0),), "the gradients of a weighted sum of all outputs")


def curvature(subject: Subject) -> Plan | None:
    """The gradients of the gradients, along random directions.

    At a kink there are none, and in data of few values numbers lie there.
    """
    config, tensors, stream = subject.config, subject.tensors, subject.stream
    on_a_kink = activations(config) & _KINKED and subject.case.data.kind != "generic"
    if config.dtype not in FULL_PRECISION or on_a_kink:
        return None
    leaves = (tensors.x, *tensors.weights, *(tensors.initial_state or ()))
    directions = tuple(stream.symmetric(*leaf.shape).astype(leaf.dtype) for leaf in leaves)
    call = Call(config, tensors, cotangents=cotangents(subject), directions=directions)
    return Plan((call,), (Curved(0),), "how the gradients of a weighed sum of all outputs change")


def descent(subject: Subject) -> Plan | None:
    """Three steps of plain gradient descent; by the seed all weights are trained, all but one, one, or none."""
    config, tensors = subject.config, subject.tensors
    if config.dtype not in FULL_PRECISION:
        return None
    places = tuple(range(len(tensors.weights)))
    chosen = subject.stream.integer(0, len(places) - 1)
    others = tuple(place for place in places if place != chosen)
    frozen = ((), (chosen,), others, places)[subject.case.data.seed % 4]
    manner = Manner(steps=3, rate=RATE, frozen=frozen)
    call = Call(config, tensors, manner=manner, cotangents=cotangents(subject))
    return Plan((call,), (Descended(0),), "plain gradient descent")


def squared_error(subject: Subject) -> Plan | None:
    """Two steps of gradient descent towards targets, with the framework's own mean squared error.

    What a loss makes of a mask that comes with an output is left open.
    """
    config, tensors = subject.config, subject.tensors
    if config.dtype not in FULL_PRECISION:
        return None
    (promised,) = evaluate(config, [tensors], precision(config.dtype), "step")
    stream, targets = subject.stream, {}
    for number, (output, due) in enumerate(zip(subject.contract, promised, strict=True)):
        closed = output.judged == "values" and output.dtype == config.dtype and due.specified is None
        if closed and 0 not in output.shape and (tensors.mask is None or output.steps is None):
            targets[number] = stream.symmetric(*output.shape).astype(output.dtype)
    if not targets:
        return None
    call = Call(config, tensors, manner=Manner(steps=2, rate=RATE), targets=targets)
    return Plan((call,), (Descended(0),), "gradient descent on mean squared errors")


def cotangents(subject: Subject) -> dict[int, Array]:
    """A weight for every number of every output, zero where the specification leaves the number open."""
    (promised,) = evaluate(subject.config, [subject.tensors], precision(subject.config.dtype), "step")
    stream, found = subject.stream, {}
    for number, (output, due) in enumerate(zip(subject.contract, promised, strict=True)):
        if output.judged == "values" and output.dtype == subject.config.dtype:
            weights = stream.symmetric(*output.shape)
            open_ = due.specified is not None and ~due.specified
            found[number] = np.where(open_, 0.0, weights).astype(output.dtype)
    return found
