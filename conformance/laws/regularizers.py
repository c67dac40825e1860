"""Laws about what layers add to the loss, and what is done to their weights after a step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from conformance.generate.bits import derive
from conformance.generate.tensors import tensors as tensors_of
from conformance.laws.law import Call, Manner, Plan, Subject
from conformance.laws.relations import Descended, Penalised, Penalty
from conformance.laws.training import RATE, cotangents
from conformance.reference import evaluate, precision
from conformance.spec import FULL_PRECISION, Case, DataSpec, LayerConfig, Tensors, weights
from conformance.spec.dialect import Regularizers

FACTORS = (0.5, 0.25, 0.125)
"""Of penalties: powers of two, which no type rounds."""

OUTPUT = "output"
"""What is penalized beside weights, as the specification names it."""


def penalties(subject: Subject) -> Plan | None:
    """What a layer adds to the loss after a call: of its weights, and of what this call, not an earlier one, gave.

    A first layer penalizes its weights alone; of one with a bidirectional wrapper, both halves do.
    """
    config, tensors, rule = subject.config, subject.tensors, subject.config.rules.regularizers
    if rule is None or config.dtype not in FULL_PRECISION:
        return None
    other = tensors_of(Case(config, DataSpec("generic", derive(subject.case.data.seed, subject.name, "other"))))
    drawn = {role: _drawn(subject, rule, role) for role in rule.penalties}
    of_weights = {number: drawn[it.role].penalty for number, it in enumerate(weights(config))}
    all_ = tuple((rule.penalties[role], it.argument) for role, it in drawn.items())
    of_output = tuple((name, argument) for name, argument in all_ if name == rule.penalties[OUTPUT])
    manner = Manner(penalty=True)
    calls = [Call(config, tensors, layer=1, arguments=tuple(it for it in all_ if it not in of_output), manner=manner)]
    relations = [Penalised(0, of_weights, told="penalties of weights")]
    if _one_output(config) and all(_all_promised(config, given) for given in (tensors, other)):
        calls += [Call(config, given, layer=2, arguments=all_, manner=manner) for given in (tensors, other)]
        relations += [
            Penalised(1, of_weights, drawn[OUTPUT].penalty, "penalties of weights and output"),
            Penalised(2, of_weights, drawn[OUTPUT].penalty, "penalties of weights and output in a second call"),
        ]
    return Plan(tuple(calls), tuple(relations), "the sum of penalties")


def regularized_training(subject: Subject) -> Plan | None:
    """Steps of plain gradient descent with penalties of weights in the loss, after each of which they are constrained.

    Every weight has a penalty, a constraint, both or neither.
    """
    config, tensors, rule = subject.config, subject.tensors, subject.config.rules.regularizers
    if rule is None or config.dtype not in FULL_PRECISION:
        return None
    stream, roles = subject.stream, sorted({it.role for it in weights(config)})
    drawn = {role: _drawn(subject, rule, role) for role in roles if stream.integer(0, 2)}
    kept = {role for role in roles if not stream.integer(0, 2)} or {roles[stream.integer(0, len(roles) - 1)]}
    constraint = {"class_name": rule.non_negative, "config": {}}
    arguments = (
        *((rule.penalties[role], it.argument) for role, it in drawn.items()),
        *((rule.constraints[role], constraint) for role in sorted(kept)),
    )
    numbered = list(enumerate(weights(config)))
    relation = Descended(
        0,
        {number: drawn[it.role].penalty for number, it in numbered if it.role in drawn},
        tuple(number for number, it in numbered if it.role in kept),
    )
    manner = Manner(steps=2, rate=RATE)
    call = Call(config, tensors, layer=1, arguments=arguments, manner=manner, cotangents=cotangents(subject))
    return Plan((call,), (relation,), "gradient descent with penalties and constraints")


@dataclass(frozen=True)
class _Chosen:
    penalty: Penalty
    argument: dict[str, Any]


def _drawn(subject: Subject, rule: Regularizers, role: str) -> _Chosen:
    """A penalty of some kind, with factors of its own, and the constructor argument that asks for it."""
    stream = replace(subject, name=f"{subject.name} of {role}").stream
    kind = tuple(rule.kinds)[stream.integer(0, len(rule.kinds) - 1)]
    factors = {name: FACTORS[stream.integer(0, len(FACTORS) - 1)] for name in rule.kinds[kind]}
    return _Chosen(Penalty(**factors), {"class_name": kind, "config": factors})


def _one_output(config: LayerConfig) -> bool:
    """Whether a layer gives nothing but its output: whether states count as one is left open."""
    return not config.get("return_state")


def _all_promised(config: LayerConfig, tensors: Tensors) -> bool:
    """Whether all that the case returns is specified."""
    (promised,) = evaluate(config, [tensors], precision(config.dtype), "step")
    return all(due.specified is None for due in promised)
