"""Laws of layers that compute in fewer bits than their weights and arguments have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conformance.laws.law import Call, Manner, Plan, Subject
from conformance.laws.relations import Quantized, everything, same
from conformance.spec import Array, LayerConfig, Tensors
from conformance.spec.dialect import Mixed

WIDE = "float32"
"""The type of the weights, and of arguments that the layer has to convert by itself."""


def mixed_precision(subject: Subject) -> Plan | None:
    """A layer with weights in float32 that computes in half precision gives what a layer of half precision gives.

    Its weights and arguments are those of the case, numbers of half precision in float32: nothing is rounded on the way
    to the first product.
    """
    config = subject.config
    wide = config.with_options(dtype=WIDE)
    if config.dtype not in config.rules.mixed or not subject.can(wide):
        return None
    rule, given = config.rules.mixed[config.dtype], _widened(subject.tensors)
    calls = _on_a_way(rule, wide, given) if rule.route else _of_a_policy(rule, subject, wide, given)
    return Plan(calls, same(subject.contract, 0, everything), "a layer of mixed precision")


def quantization(subject: Subject) -> Plan | None:
    """A quantized layer gives what the layer gives, up to what its eight bits may do; whatever ways there are."""
    calls = [Call(subject.config, subject.tensors, manner=Manner(route=way)) for way in subject.offered("quantizes")]
    relations = tuple(Quantized(number) for number in range(len(calls)))
    return Plan(tuple(calls), relations, "a quantized layer") if calls else None


def _on_a_way(rule: Mixed, wide: LayerConfig, given: Tensors) -> tuple[Call, ...]:
    """A layer of float32 that is called so that it computes in half precision where that is seen fit."""
    return (Call(wide, given, layer=1, manner=Manner(route=rule.route), any_type=True),)


def _of_a_policy(rule: Mixed, subject: Subject, wide: LayerConfig, given: Tensors) -> tuple[Call, ...]:
    """A layer that is made to compute in half precision, and another one that is only built, to show its weights.

    The first also says in every way that it has what it gives.
    """
    plain = Call(subject.config, given, layer=1, arguments=tuple(rule.arguments.items()))
    ways = [way for way in subject.ways.get("declares", ()) if way.of == "outputs"]
    said = (replace(plain, manner=Manner(weights=False, declare=way)) for way in ways)
    return (plain, replace(plain, config=wide, layer=2, fresh=True), *said)


def _widened(tensors: Tensors) -> Tensors:
    states = tensors.initial_state
    return replace(
        tensors,
        weights=tuple(_wide(weight) for weight in tensors.weights),
        x=_wide(tensors.x),
        initial_state=None if states is None else tuple(_wide(state) for state in states),
    )


def _wide(array: Array) -> Array:
    return array.astype(np.dtype(WIDE))
