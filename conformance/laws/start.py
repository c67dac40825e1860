"""Laws about what a layer starts with, before anybody sets its weights."""

from __future__ import annotations

from conformance.errors import SpecError
from conformance.laws.law import Call, Plan, Subject
from conformance.laws.relations import Started
from conformance.spec import FULL_PRECISION, LayerConfig, weights

RANDOM = ("uniform", "glorot_uniform", "orthogonal")
"""Initial values that are drawn at random."""

LARGE = {"features": 20, "units": 24}
"""Sizes of a layer with enough weights to tell one distribution from another."""

LAYERS = 2
"""So many layers are built one after the other."""


def random_start(subject: Subject) -> Plan | None:
    """New layers of a size at which their weights tell how they were drawn; in half precision they must draw at all."""
    config = _large(subject)
    if not any(weight.initial in RANDOM for weight in weights(config)):
        return None
    calls = tuple(Call(config, subject.tensors, layer=number + 1, fresh=True) for number in range(LAYERS))
    judged = (Started(tuple(range(LAYERS))),) if config.dtype in FULL_PRECISION else ()
    return Plan(calls, judged, "initial weights are not as promised")


def _large(subject: Subject) -> LayerConfig:
    """The same layer with many weights, if there can be one."""
    config = subject.config
    try:
        large = config.with_sizes(**LARGE)
    except SpecError:
        return config
    return large if subject.can(large) else config
