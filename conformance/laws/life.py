"""Laws about a layer that lives: calls one after another, at a time, on several instances; and memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from conformance.generate.bits import derive
from conformance.generate.tensors import tensors as tensors_of
from conformance.laws.axes import rows_at, rows_of, steps_of
from conformance.laws.law import Call, Manner, Plan, Subject
from conformance.laws.passes import joined, of_steps, parted, returned_states
from conformance.laws.relations import Handed, Judged, Part, Relation, Same, everything, same
from conformance.spec import Case, DataSpec, LayerConfig, Tensors, input_axes
from conformance.spec.dialect import Stateful

CALLS = 4
"""Calls between two equal ones."""

THREADS = 2

ROUTES = 3
"""How many other ways to call a layer are tried on a case."""

RUNTIMES = 2
"""Through how many exported programs the result of a case is computed; an export may take seconds."""


def layouts(subject: Subject) -> Plan | None:
    """How arguments lie in memory, and whether they can be written to, makes no difference."""
    manners = (Manner(layout="fortran"), Manner(layout="strided"), Manner(layout="read-only"))
    calls = tuple(Call(subject.config, subject.tensors, manner=manner) for manner in manners)
    relations = [relation for call in range(len(calls)) for relation in same(subject.contract, call, everything)]
    return Plan(calls, tuple(relations), "the layout of the arguments in memory makes a difference")


def threads(subject: Subject) -> Plan | None:
    """Calls of one layer in several threads at a time do not disturb each other."""
    config, contract, count = subject.config, subject.contract, subject.config.sizes.batch
    order = np.arange(count)
    if "batch" in input_axes(config) and config.get("input") != "packed":
        order = np.roll(order, 1)
    moved = rows_of(config, subject.tensors, order) if count > 1 and order[0] else subject.tensors
    call = Call(config, moved, manner=Manner(threads=THREADS))
    relations = []
    for result in range(2 * THREADS):
        for number, output in enumerate(contract):
            if output.judged == "values":
                index = rows_at(output, order) if result < THREADS else (...,)
                relations.append(Same(number, index, (Part(0, result * len(contract) + number),)))
    return Plan((call,), tuple(relations), f"calls in {2 * THREADS} threads at a time disturb each other")


def ownership(subject: Subject) -> Plan | None:
    """What a call gave back belongs to the caller: writing into it changes nothing else."""
    config, tensors = subject.config, subject.tensors
    calls = (
        Call(config, tensors, manner=Manner(kept_inputs=True, scribble=True)),
        Call(config, tensors, manner=Manner(weights=False, kept_inputs=True)),
    )
    told = "writing into what a call gave back changes arguments, weights or later results"
    return Plan(calls, same(subject.contract, 1, everything), told)


def instances(subject: Subject) -> Plan | None:
    """Two layers share nothing."""
    config, tensors = subject.config, subject.tensors
    other = _drawn(subject, config, "other")
    calls = (
        Call(config, tensors),
        Call(config, other, layer=1),
        Call(config, tensors, manner=Manner(weights=False)),
    )
    relations: list[Relation] = [*same(subject.contract, 2, everything), Judged(1, config, other)]
    return Plan(calls, tuple(relations), "a second layer of the same kind has an influence on the first")


def routes(subject: Subject) -> Plan | None:
    """Every other way to call the layer gives what a plain call gives."""
    rule = subject.config.rules.stateful
    ways = [route for route in subject.offered("routes") if rule is None or route not in rule.silent]
    return _on_some_ways(subject, ways, ROUTES, "another way to call the layer gives something else")


def runtimes(subject: Subject) -> Plan | None:
    """The layer as an exported program in another runtime gives what a plain call gives."""
    return _on_some_ways(subject, subject.offered("runtimes"), RUNTIMES, "another runtime gives something else")


def _on_some_ways(subject: Subject, ways: Sequence[str], most: int, told: str) -> Plan | None:
    """A call on each of some ways, chosen by the case; None if there is no way."""
    chosen = [ways[place] for place in subject.stream.unit(len(ways)).argsort()[:most]]
    if not chosen:
        return None
    calls = tuple(Call(subject.config, subject.tensors, manner=Manner(route=way)) for way in chosen)
    relations = [relation for call in range(len(calls)) for relation in same(subject.contract, call, everything)]
    return Plan(calls, tuple(relations), told)


def declared(subject: Subject) -> Plan | None:
    """Every way in which the layer says beforehand what a call gives."""
    manners = [Manner(weights=False, declare=way) for way in subject.ways.get("declares", ())]
    calls = [Call(subject.config, subject.tensors, manner=manner) for manner in manners]
    return Plan(tuple(calls), (), "what is declared is not what is given") if calls else None


# ---------------------------------------------------------------- histories


def history(subject: Subject) -> Plan | None:
    """A call gives the same whatever the layer was called with before."""
    config, stream = subject.config, subject.stream
    variants = [variant for variant in _variants(config) if subject.can(variant)]
    chosen = [variants[stream.integer(0, len(variants) - 1)] for _ in range(CALLS)] if variants else []
    drawn = [_drawn(subject, variant, f"call {number}") for number, variant in enumerate(chosen)]
    calls = [Call(variant, tensors) for variant, tensors in zip(chosen, drawn, strict=True)]
    relations: list[Relation] = [
        Judged(number, variant, tensors) for number, (variant, tensors) in enumerate(zip(chosen, drawn, strict=True))
    ]
    relations += same(subject.contract, len(calls), everything)
    calls.append(Call(config, subject.tensors))
    return Plan(tuple(calls), tuple(relations), "what a call gives depends on the calls before it")


def _variants(config: LayerConfig) -> list[LayerConfig]:
    """The same layer called in other ways: other batch, other steps, with and without mask and states."""
    sizes, option = config.sizes, str(config.rules.initial_state["option"])
    found = [config, config.with_options(**{option: not config.get(option)})]
    if "batch" in input_axes(config):
        found.append(config.with_sizes(batch=sizes.batch + 2))
    if config.get("mask", "none") != "none":
        found.append(config.with_options(mask="none"))
    elif "mask" in config.options:
        found.append(config.with_options(mask="full_rows"))
    return found + [of_steps(variant, variant.sizes.timesteps + 3) for variant in found]


def _drawn(subject: Subject, config: LayerConfig, what: str) -> Tensors:
    """Ordinary tensors of their own for a further call."""
    return tensors_of(Case(config, DataSpec("generic", derive(subject.case.data.seed, subject.name, what))))


def stateful(subject: Subject) -> Plan | None:
    """A stateful layer goes on where it stopped, and begins anew when its states are reset or others are given."""
    config = subject.config
    option = str(config.rules.initial_state["option"])
    rule = config.rules.stateful
    if rule is None:
        return None
    if subject.tensors.initial_state is not None:
        return _given_states(subject, option, rule)
    return _two_chains(subject, option, rule) if config.bidirectional else _one_chain(subject, rule)


def _one_chain(subject: Subject, rule: Stateful) -> Plan | None:
    """One direction: two parts are one pass, by plain calls or on some way on which states are kept as well."""
    config, tensors, parts = subject.config, subject.tensors, parted(subject)
    if parts is None:
        return None
    first, second, length = parts
    begun, continued = of_steps(config, length), of_steps(config, config.sizes.timesteps - length)
    if not subject.can(begun) or not subject.can(continued):
        return None
    beginning = steps_of(config, tensors, first)
    shown = any(output.steps is not None for output in subject.contract)
    silent = () if shown or tensors.mask is not None else rule.silent
    ways = ["", *(route for route in (*rule.routes, *silent) if route in subject.offered("routes"))]
    way = ways[subject.stream.integer(0, len(ways) - 1)]
    if way in silent:
        return _after_silence(subject, rule, way, (begun, beginning), (continued, steps_of(config, tensors, second)))
    calls = (
        Call(begun, beginning, layer=1, arguments=tuple(rule.arguments.items()), manner=Manner(route=way)),
        Call(continued, steps_of(config, tensors, second), layer=1, manner=Manner(weights=False, route=way)),
        Call(begun, beginning, layer=1, manner=Manner(weights=False, reset=True, route=way)),
    )
    relations: list[Relation] = [*joined(subject, length, 0, 1), Judged(2, begun, beginning)]
    return Plan(calls, tuple(relations), "a stateful layer does not go on where it stopped, or does not begin anew")


def _after_silence(
    subject: Subject, rule: Stateful, way: str, begun: tuple[LayerConfig, Tensors], rest: tuple[LayerConfig, Tensors]
) -> Plan:
    """The first part is read without an answer, perhaps in training, which moves weights; they are set again then."""
    calls = (
        Call(*begun, layer=1, arguments=tuple(rule.arguments.items()), manner=Manner(route=way), silent=True),
        Call(*rest, layer=1),
        Call(*begun, layer=1, manner=Manner(weights=False, reset=True)),
    )
    relations = (Judged(1, subject.config, subject.tensors, told=f"after {way}"), Judged(2, *begun))
    return Plan(calls, relations, f"a stateful layer does not go on after {way}, or does not begin anew")


def _two_chains(subject: Subject, option: str, rule: Stateful) -> Plan | None:
    """Both directions: each goes on from its own final state, which the first call shows."""
    config, tensors, states = subject.config, subject.tensors, returned_states(subject.config)
    if (
        states is None
        or config.get("go_backwards")
        or not subject.can(continued := config.with_options(**{option: True}))
    ):
        return None
    calls = (
        Call(config, tensors, layer=1, arguments=tuple(rule.arguments.items())),
        Call(config, tensors, layer=1, manner=Manner(weights=False)),
        Call(config, tensors, layer=1, manner=Manner(weights=False, reset=True)),
    )
    relations: list[Relation] = [
        *same(subject.contract, 0, everything),
        Judged(1, continued, tensors, Handed(0, states)),
        *same(subject.contract, 2, everything),
    ]
    return Plan(calls, tuple(relations), "a stateful layer does not go on where it stopped, or does not begin anew")


def _given_states(subject: Subject, option: str, rule: Stateful) -> Plan | None:
    """States given to a layer that keeps others hold for that call; those that it ends with are kept for the next.

    In one direction the call with given states has the first part of the steps, and the next call the others.
    """
    config, tensors, states = subject.config, subject.tensors, returned_states(subject.config)
    parts = None if config.bidirectional else parted(subject)
    given, rest = (config, tensors), (config, tensors)
    relations: list[Relation] = [*same(subject.contract, 1, everything)]
    if parts is not None:
        first, second, length = parts
        given = of_steps(config, length), steps_of(config, tensors, first)
        rest = of_steps(config, config.sizes.timesteps - length), steps_of(config, tensors, second)
        relations = [*joined(subject, length, 1, 2)]
    elif states is not None and not (config.bidirectional and config.get("go_backwards")):
        relations.append(Judged(2, config, tensors, Handed(1, states)))
    before, after = ((it.with_options(**{option: False}), replace(of, initial_state=None)) for it, of in (given, rest))
    if not relations or not all(subject.can(it) for it, _ in (before, given, after)):
        return None
    calls = (
        Call(*before, layer=1, arguments=tuple(rule.arguments.items())),
        Call(*given, layer=1, manner=Manner(weights=False)),
        Call(*after, layer=1, manner=Manner(weights=False)),
    )
    return Plan(
        calls, tuple(relations), "a stateful layer does not begin with the states it is given, or does not go on"
    )
