"""Laws about what layers add to the loss, and what is done to their weights after a step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import Any

from conformance.generate.bits import derive
from conformance.generate.tensors import tensors as tensors_of
from conformance.laws.law import Call, Manner, Plan, Subject
from conformance.laws.relations import Constraint, Descended, Penalised, Penalty
from conformance.laws.training import RATE, cotangents
from conformance.reference import evaluate, precision
from conformance.spec import FULL_PRECISION, Case, DataSpec, LayerConfig, Tensors, weights
from conformance.spec.dialect import Regularizers

FACTORS = (0.5, 0.25, 0.125)
"""Of penalties: powers of two, which no type rounds."""

LIMITS = {"low": (0.25, 0.5), "high": (0.75, 1.5), "rate": (0.5, 1.0)}
"""Of norms: numbers that every type has."""

WITHOUT_LIMITS = {"low": 0.0, "high": inf, "rate": 1.0}
"""Where nothing is said of one."""

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

    Every weight has a penalty, a constraint, both or neither, what the layer gives may have a penalty; in one case of
    three one weight is frozen.
    """
    config, tensors, rule = subject.config, subject.tensors, subject.config.rules.regularizers
    if rule is None or config.dtype not in FULL_PRECISION:
        return None
    stream, roles = subject.stream, sorted({it.role for it in weights(config)})
    drawn = {role: _drawn(subject, rule, role) for role in roles if stream.integer(0, 2)}
    kept = {role for role in roles if not stream.integer(0, 2)} or {roles[stream.integer(0, len(roles) - 1)]}
    limited = {role: _limited(subject, rule, role) for role in sorted(kept)}
    counts = _one_output(config) and _all_promised(config, tensors) and bool(stream.integer(0, 2))
    output = _drawn(subject, rule, OUTPUT) if counts else None
    arguments = (
        *((rule.penalties[role], it.argument) for role, it in drawn.items()),
        *((rule.constraints[role], argument) for role, (_, argument) in limited.items()),
        *((rule.penalties[OUTPUT], it.argument) for it in (output,) if it),
    )
    numbered = list(enumerate(weights(config)))
    relation = Descended(
        0,
        {number: drawn[it.role].penalty for number, it in numbered if it.role in drawn},
        {number: limited[it.role][0] for number, it in numbered if it.role in limited},
        *((output.penalty, "a penalty of the output") if output else ()),
    )
    frozen = (stream.integer(0, len(numbered) - 1),) if subject.case.data.seed % 3 == 0 else ()
    manner = Manner(steps=2, rate=RATE, frozen=frozen)
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


def _limited(subject: Subject, rule: Regularizers, role: str) -> tuple[Constraint, dict[str, Any]]:
    """A constraint of some kind with limits of its own, and the constructor argument that asks for it."""
    stream = replace(subject, name=f"{subject.name} limits {role}").stream
    kind = (rule.non_negative, *rule.norms)[stream.integer(0, len(rule.norms))]
    if kind == rule.non_negative:
        return Constraint(non_negative=True), {"class_name": kind, "config": {}}
    rules = rule.norms[kind]
    chosen = {name: LIMITS[name][stream.integer(0, 1)] for name in rules if isinstance(rules[name], str)}
    given = {str(rules[name]): value for name, value in chosen.items()}
    limits = {name: chosen.get(name, value) for name, value in rules.items()}
    low, high, rate = (float(limits.get(name, default)) for name, default in WITHOUT_LIMITS.items())
    return Constraint(low=low, high=high, rate=rate, epsilon=rule.epsilon), {"class_name": kind, "config": given}


def _one_output(config: LayerConfig) -> bool:
    """Whether a layer gives nothing but its output: whether states count as one is left open."""
    return not config.get("return_state")


def _all_promised(config: LayerConfig, tensors: Tensors) -> bool:
    """Whether all that the case returns is specified."""
    (promised,) = evaluate(config, [tensors], precision(config.dtype), "step")
    return all(due.specified is None for due in promised)
