"""The mistakes that people make in recurrent layers, each as what the reference gives with that mistake made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, permutations

import numpy as np

from conformance.checks import Expectation
from conformance.engine.mask_suspects import mask_suspects, one_sided_mask_suspects
from conformance.engine.mistaken import MISTAKEN_CELLS
from conformance.engine.scene import Pick, Scene, Suspect, arrays, halves, last_step, time_reversed
from conformance.engine.stack_suspects import length_suspects, stack_suspects
from conformance.engine.weight_changes import (
    blocks_scaled,
    blocks_taken,
    changed_weights,
    of_role,
    weight_changes,
)
from conformance.laws.axes import REVERSED, steps_of
from conformance.reference import Expected
from conformance.spec import Array, LayerConfig, Tensors, outputs, weights


def suspects(expectation: Expectation) -> Iterator[Suspect]:
    """All suspects for a case, the commonest mistakes first."""
    scene = Scene(expectation.case.config, expectation.tensors, expectation.precision)
    for family in (
        mask_suspects,
        _states,
        _options,
        _cells,
        _weights,
        _gate_orders,
        _time,
        _results,
        one_sided_mask_suspects,
        stack_suspects,
        length_suspects,
    ):
        yield from family(scene)


# ---------------------------------------------------------------- initial states


def _states(scene: Scene) -> Iterator[Suspect]:
    states = scene.tensors.initial_state
    if states is None:
        return
    yield scene.suspect("the initial state is ignored", tensors=scene.with_states(lambda it, _: np.zeros_like(it)))
    if len(scene.config.rules.layers[scene.config.layer].states) == 2 and len({it.shape for it in states}) == 1:
        pairs = tuple(states[index ^ 1] for index in range(len(states)))
        changed = replace(scene.tensors, initial_state=pairs)
        yield scene.suspect("the initial states h and c are exchanged", tensors=changed)
    if not scene.config.bidirectional:
        return
    for direction, name in enumerate(("forward", "backward")):

        def without(it: Array, which: int, direction: int = direction) -> Array:
            return np.zeros_like(it) if which == direction else it

        changed = scene.with_states(without)
        yield scene.suspect(f"the initial state is ignored in the {name} direction", tensors=changed)
    for name, order in (("are exchanged", (1, 0)), ("both start from the state of the forward one", (0, 0))):
        changed = replace(scene.tensors, initial_state=_states_taken(scene, order))
        prefix = "the initial states of the two directions " if order == (1, 0) else "the two directions "
        yield scene.suspect(prefix + name, tensors=changed)


def _states_taken(scene: Scene, order: tuple[int, int]) -> tuple[Array, ...]:
    """The initial states, each direction being given those of `order`."""
    states = scene.tensors.initial_state or ()
    if scene.config.rules.initial_state.get("per_direction"):
        half = len(states) // 2
        return tuple(states[order[index // half] * half + index % half] for index in range(len(states)))
    places = [2 * (index // 2) + order[index % 2] for index in range(len(states[0]))]
    return tuple(state[places] for state in states)


# ---------------------------------------------------------------- options

_INTERCHANGEABLE = ("merge_mode", "go_backwards", "activation", "recurrent_activation", "nonlinearity")


def _options(scene: Scene) -> Iterator[Suspect]:
    """Another value of an option that changes values but no weight and no shape."""
    config = scene.config
    for name in _INTERCHANGEABLE:
        if (value := config.get(name)) is None:
            continue
        for other in config.rules.options[name].values:
            if other != value and _same_shapes(config, changed := config.with_options(**{name: other})):
                yield scene.suspect(f"{name}={value} behaves as {name}={other}", config=changed)
    if config.get("recurrent_activation") == "hard_sigmoid":
        gates = [block for block in config.rules.layers[config.layer].blocks if block not in "ng"]
        newer = config.rules.activations.get("hard_sigmoid", "hard_sigmoid") == "hard_sigmoid"
        scaled = blocks_scaled(config, scene.tensors, dict.fromkeys(gates, 1.2 if newer else 1 / 1.2))
        other = "the older one, clip(0.2 x + 0.5)" if newer else "the newer one, clip(x / 6 + 0.5)"
        yield scene.suspect(f"hard_sigmoid is {other}", tensors=scaled)


def _same_shapes(config: LayerConfig, changed: LayerConfig) -> bool:
    return [output.shape for output in outputs(config)] == [output.shape for output in outputs(changed)]


# ---------------------------------------------------------------- equations and weights


def _cells(scene: Scene) -> Iterator[Suspect]:
    for mistake in MISTAKEN_CELLS:
        if mistake.applies(scene.config):
            yield scene.suspect(mistake.name, cells=mistake.cells)


def _weights(scene: Scene) -> Iterator[Suspect]:
    for name, change in weight_changes(scene.config).items():
        yield scene.suspect(name, tensors=changed_weights(scene.config, scene.tensors, change))
    if scene.config.bidirectional:
        for name, order in (
            ("the weights of the two directions are exchanged", (1, 0)),
            ("both directions use the weights of the forward one", (0, 0)),
        ):
            yield scene.suspect(name, tensors=replace(scene.tensors, weights=_weights_taken(scene, order)))


def _weights_taken(scene: Scene, order: tuple[int, int]) -> tuple[Array, ...]:
    contracts = weights(scene.config)
    place = {(it.layer, it.direction, it.role): index for index, it in enumerate(contracts)}
    return tuple(scene.tensors.weights[place[it.layer, order[it.direction], it.role]] for it in contracts)


def _gate_orders(scene: Scene) -> Iterator[Suspect]:
    blocks = scene.config.rules.layers[scene.config.layer].blocks
    for order in permutations(range(len(blocks))):
        if order == tuple(range(len(blocks))):
            continue
        read = ", ".join(blocks[index] for index in order)
        taken = [order.index(block) for block in range(len(blocks))]
        change = blocks_taken(scene.config, taken)
        yield scene.suspect(
            f"the gate blocks {', '.join(blocks)} are read as {read}",
            tensors=changed_weights(scene.config, scene.tensors, change),
        )
    for one, other in combinations(range(len(blocks)), 2):
        taken = list(range(len(blocks)))
        taken[one], taken[other] = other, one
        for role, name in (("kernel", "kernel"), ("recurrent_kernel", "recurrent kernel"), ("bias", "bias")):
            yield scene.suspect(
                f"the gate blocks {blocks[one]} and {blocks[other]} of the {name} are exchanged",
                tensors=changed_weights(scene.config, scene.tensors, of_role(role, blocks_taken(scene.config, taken))),
            )


# ---------------------------------------------------------------- time and directions


def _time(scene: Scene) -> Iterator[Suspect]:
    """Sequences in the wrong order of time, or their wrong step."""
    config = scene.config
    sequences = config.get("return_sequences")
    if config.bidirectional and sequences is True:
        turned = halves(scene, scene.tensors, scene.tensors, backward=time_reversed)
        yield Suspect("the backward half is not re-aligned to time order", turned)
    elif config.bidirectional and sequences is False:
        shown, seen = _in_time_order(config.with_options(return_sequences=True), scene.tensors)
        ended = halves(scene, scene.tensors, seen, shown, backward=last_step)
        yield Suspect("the backward half is taken at the last time step", ended)
    elif sequences is True and config.get("go_backwards") is True:
        yield scene.suspect(
            "the sequence read backwards is turned round to time order",
            pick=lambda due: [time_reversed(due[0]), *due[1:]],
        )


def _in_time_order(config: LayerConfig, tensors: Tensors) -> tuple[LayerConfig, Tensors]:
    """The same call with the data turned round for `go_backwards`, which leaves the order of such sequences open."""
    if config.get("go_backwards") is not True:
        return config, tensors
    return config.with_options(go_backwards=False), steps_of(config, tensors, REVERSED)


# ---------------------------------------------------------------- results in each other's place


_EXCHANGES = {
    "the final states h and c are exchanged": (
        ("h", "c"),
        ("forward_h", "forward_c"),
        ("backward_h", "backward_c"),
        ("h_n", "c_n"),
    ),
    "the final states of the two directions are exchanged": (
        ("forward_h", "backward_h"),
        ("forward_c", "backward_c"),
    ),
}


def _results(scene: Scene) -> Iterator[Suspect]:
    """Halves and states given in each other's place."""
    config = scene.config
    if config.get("merge_mode") == "concat":

        def turned(array: Array) -> Array:
            return np.concatenate(np.split(array, 2, axis=-1)[::-1], axis=-1)

        yield scene.suspect(
            "the backward half comes before the forward half", pick=lambda due: [arrays(due[0], turned), *due[1:]]
        )
    names = [it.name for it in outputs(config)]
    for wrong, pairs in _EXCHANGES.items():
        taken = {a: b for pair in pairs if set(pair) <= set(names) for a, b in (pair, pair[::-1])}
        if taken:
            yield scene.suspect(wrong, pick=_taken(taken))


def _taken(names: Mapping[str, str]) -> Pick:
    """Outputs that have the values of others."""

    def pick(due: Sequence[Expected]) -> Sequence[Expected]:
        named = {it.name: it for it in due}
        return [replace(named[names.get(it.name, it.name)], name=it.name) for it in due]

    return pick
