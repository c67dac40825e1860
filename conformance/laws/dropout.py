"""The law of dropout: what is dropped in training, and that nothing is dropped otherwise.

Rows of a batch that are all the same differ only in their masks. A layer with few features and units has so few masks
that all can be tried on the reference: what a row gave must be what one of them gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from conformance.errors import SpecError
from conformance.generate.bits import Stream, derive
from conformance.generate.tensors import tensors
from conformance.laws.law import Call, Manner, Plan, Subject
from conformance.laws.relations import Dropped, Judged, Relation, SameMasks, Site, everything, same
from conformance.spec import (
    FULL_PRECISION,
    Array,
    Case,
    DataSpec,
    LayerConfig,
    Tensors,
    initial_states,
    input_axes,
    weights,
)

ROWS = 64
"""Equal rows of a batch: so many masks a call shows."""

BITS = 8
"""Elements of a mask, at most: 2^8 masks are tried."""

RATES = (0.5, 0.75)
"""Of what is dropped: 1 / (1 - rate) is a power of two, which makes no rounding."""

DROPOUT = "dropout"
AS_IN_USE = "outside of training, something is dropped"
NO_RATE = "with a rate of 0, training changes what comes"
ONE = "with a rate of 1, not everything is dropped"
ONE_LAYER = "there is nothing between one layer and the next, but something is dropped"
SEED = "two layers with one seed do not draw the same masks in their first call"
SEEDED = "the same seed does not give the same masks again"
CONSUMED = "a call outside of training changes the masks that are drawn later"


@dataclass(frozen=True)
class Small:
    """A layer that shows its masks.

    Attributes:
        config, tensors: of one row.
        arguments: rates.
        dropped: what they drop, without calls.
    """

    config: LayerConfig
    tensors: Tensors
    arguments: Mapping[str, Any]
    dropped: Dropped

    @property
    def many(self) -> tuple[LayerConfig, Tensors]:
        """Of many equal rows."""
        config, t = self.config.with_sizes(batch=ROWS), self.tensors
        x = np.repeat(t.x, ROWS, axis=input_axes(self.config).index("batch"))
        like = initial_states(self.config)[0].axes.index("batch")
        states = t.initial_state and tuple(np.repeat(state, ROWS, axis=like) for state in t.initial_state)
        return config, replace(t, x=x, initial_state=states)


def dropout(subject: Subject) -> Plan | None:
    """Something is dropped in training alone, by masks as they are documented, which follow from a seed."""
    rules = subject.config.rules.dropout
    if not rules or subject.config.dtype not in FULL_PRECISION:
        return None
    try:
        small = _between(subject) if "between" in rules else _masked(subject)
    except SpecError:
        return None
    if small is None or not subject.can(small.many[0]):
        return None
    if "between" in rules:
        return _global_seed(subject, small) if small.dropped.sites else _nothing_between(subject, small)
    return _own_seed(subject, small)


def _plain(subject: Subject) -> tuple[Call, tuple[Relation, ...]]:
    """Training of the layer of the case, which has no dropout."""
    call = Call(subject.config, subject.tensors, manner=Manner(training=True))
    return call, same(subject.contract, 0, everything, NO_RATE)


# ---------------------------------------------------------------- masks that stay the same at all steps


def _masked(subject: Subject) -> Small | None:
    """One row of a layer so small that its masks can be counted.

    Whether the layers in a bidirectional one have a mask for each gate is not for the wrapper to say.
    """
    config, stream, rules = subject.config, subject.stream, subject.config.rules.dropout
    if config.bidirectional and config.get("go_backwards"):
        return None
    gates, directions = len(config.rules.layers[config.layer].blocks), 2 if config.bidirectional else 1
    chosen = [
        (kinds, shared, features, units)
        for kinds, shared, features, units in (
            (("inputs",), True, 3, 2),
            *(() if config.bidirectional else ((("inputs",), False, 2, 1), (("inputs",), False, 1, 2))),
            (("recurrent",), False, 2, 2),
            (("recurrent",), False, 2, 1),
            (("inputs", "recurrent"), False, 1, 1),
        )
        if directions * _bits(kinds, 1 if shared else gates, features, units) <= BITS
    ]
    kinds, shared, features, units = chosen[stream.integer(0, len(chosen) - 1)]
    small = _of_one_row(config.with_options(mask="none"), features=features, units=units)
    rates = {kind: RATES[stream.integer(0, 1)] for kind in kinds}
    arguments: dict[str, Any] = {rules[kind]: rate for kind, rate in rates.items()}
    if gates > 1:
        arguments = arguments | rules["all_gates" if shared or "recurrent" in kinds else "per_gate"]
    sites = tuple(_sites(small, kinds, shared))
    given = _drawn(small, stream)
    return Small(small, given, arguments, Dropped((), small, given, sites, rates))


def _bits(kinds: tuple[str, ...], gates: int, features: int, units: int) -> int:
    return sum(gates * {"inputs": features, "recurrent": units}[kind] for kind in kinds)


def _sites(config: LayerConfig, kinds: tuple[str, ...], shared: bool) -> Iterator[Site]:
    """A row of a kernel in all gates, or in one of them."""
    units, roles = config.sizes.units, {"kernel": "inputs", "recurrent_kernel": "recurrent"}
    for number, weight in enumerate(weights(config)):
        kind = roles.get(weight.role)
        if kind in kinds:
            rows, columns = weight.shape
            width = columns if shared else units
            for row in range(rows):
                for first in range(0, columns, width):
                    yield Site(str(kind), weight.direction, number, (row, slice(first, first + width)))


def _own_seed(subject: Subject, small: Small) -> Plan:
    """Layers that are given a seed of their own."""
    (config, given), rules = small.many, subject.config.rules.dropout
    seed = {rules["seed"]: subject.stream.integer(1, 2**30)}
    seeded = tuple({**small.arguments, **seed}.items())
    one = tuple({**small.arguments, **{rules[kind]: 1.0 for kind in small.dropped.rates}}.items())
    plain, relations = _plain(subject)

    def call(layer: int, training: bool | None, arguments: tuple[tuple[str, Any], ...] = seeded) -> Call:
        return Call(config, given, layer, Manner(training=training), arguments)

    calls = (
        plain, call(1, True), call(1, True), call(2, True), call(3, None), call(3, False), call(3, True),
        call(4, True, one),
    )  # fmt: skip
    dropped = replace(small.dropped, calls=(1, 2))
    relations += (
        Judged(4, config, given, told=AS_IN_USE),
        Judged(5, config, given, told=AS_IN_USE),
        dropped,
        SameMasks(3, 1, dropped, SEED),
        Judged(7, config, _without(small.dropped, given), told=ONE),
        SameMasks(6, 1, dropped, CONSUMED, open=True),
    )
    return Plan(calls, relations, DROPOUT)


def _without(dropped: Dropped, given: Tensors) -> Tensors:
    """With everything dropped that can be."""
    changed = [array.copy() for array in given.weights]
    for site in dropped.sites:
        changed[site.weight or 0][site.index] = 0
    return replace(given, weights=tuple(changed))


# ---------------------------------------------------------------- between stacked layers, anew at every step


def _between(subject: Subject) -> Small | None:
    """One row of stacked layers with few units and steps."""
    config, stream = subject.config, subject.stream
    layers, projected = int(config.get("num_layers") or 1), int(config.get("proj_size") or 0)
    units = projected + 1 if projected else 2
    width = (2 if config.bidirectional else 1) * (projected or units)
    steps = max(1, min(4, BITS // max(1, (layers - 1) * width)))
    if (layers - 1) * width * steps > BITS:
        return None
    small = _of_one_row(config.with_options(input="batched"), units=units, timesteps=steps)
    rate = RATES[stream.integer(0, 1)]
    shape = (layers - 1, steps, 1, width)
    sites = tuple(Site("between", 0, None, index) for index in np.ndindex(shape))
    given = replace(_drawn(small, stream), between=np.ones(shape) if layers > 1 else None)
    arguments = {config.rules.dropout["between"]: rate}
    return Small(small, given, arguments, Dropped((), small, given, sites, {"between": rate}))


def _global_seed(subject: Subject, small: Small) -> Plan:
    """Layers that draw from the one generator that the framework has."""
    config, given = small.many
    given = replace(given, between=None)
    seed = subject.stream.integer(1, 2**30)
    name = str(subject.config.rules.dropout["between"])
    plain, relations = _plain(subject)

    def call(training: bool | None, seed: int | None = None, layer: int = 1) -> Call:
        arguments = {name: 1.0} if layer == 2 else small.arguments
        return Call(config, given, layer, Manner(training=training, seed=seed), tuple(arguments.items()))

    calls = (plain, call(True, seed), call(True), call(True, seed), call(False, seed), call(True), call(None))
    dropped = replace(small.dropped, calls=(1, 2))
    shape = np.array(small.tensors.between).shape
    nothing = np.zeros((*shape[:2], ROWS, shape[3]))
    relations += (
        Judged(4, config, given, told=AS_IN_USE),
        Judged(6, config, given, told=AS_IN_USE),
        dropped,
        SameMasks(3, 1, dropped, SEEDED),
        SameMasks(5, 1, dropped, CONSUMED),
        Judged(7, config, replace(given, between=nothing), told=ONE),
    )
    return Plan((*calls, call(True, layer=2)), relations, DROPOUT)


def _nothing_between(subject: Subject, small: Small) -> Plan:
    """One layer: its output is the last layer's."""
    config, given = small.many
    call = Call(config, given, 1, Manner(training=True), tuple(small.arguments.items()))
    plain, relations = _plain(subject)
    return Plan((plain, call), (*relations, Judged(1, config, given, told=ONE_LAYER)), DROPOUT)


# ---------------------------------------------------------------- both


def _of_one_row(config: LayerConfig, **sizes: int) -> LayerConfig:
    return config.with_sizes(**{"batch": 1, "timesteps": 3, **sizes})


def _drawn(config: LayerConfig, stream: Stream) -> Tensors:
    """Ordinary tensors of one row."""
    given = tensors(Case(config, DataSpec("generic", derive(stream.integer(0, 2**50), "dropout"))))
    return replace(given, x=_away_from_zero(given.x))


def _away_from_zero(x: Array) -> Array:
    """What is dropped must have been there."""
    moved: Array = (np.where(x < 0, x - 0.5, x + 0.5)).astype(x.dtype)
    return moved
