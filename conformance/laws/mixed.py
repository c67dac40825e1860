"""The law of layers that compute in one type and keep their weights in another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conformance.laws.law import Call, Plan, Subject, everything, same
from conformance.spec import Array

WIDE = "float32"
"""The type of the weights, and of arguments that the layer has to convert by itself."""


def mixed_precision(subject: Subject) -> Plan | None:
    """A layer with weights in float32 that computes in half precision gives what a layer of half precision gives.

    Its weights and arguments are those of the case, numbers of half precision in float32: nothing is rounded on the way
    to the first product. A second layer is only built, and shows the type of its weights.
    """
    config, tensors = subject.config, subject.tensors
    wide = config.with_options(dtype=WIDE)
    if config.dtype not in config.rules.mixed or not subject.can(wide):
        return None
    arguments = tuple(config.rules.mixed[config.dtype].items())
    states = tensors.initial_state
    given = replace(tensors, x=_widened(tensors.x), initial_state=states and tuple(_widened(it) for it in states))
    calls = (
        Call(config, given, layer=1, arguments=arguments),
        Call(wide, given, layer=2, arguments=arguments, fresh=True),
    )
    return Plan(calls, same(subject.contract, 0, everything), "a layer of mixed precision")


def _widened(array: Array) -> Array:
    return array.astype(np.dtype(WIDE))
