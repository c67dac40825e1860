"""The mistakes that people make in recurrent layers, each as what the reference gives with that mistake made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np

from conformance.checks import Expectation
from conformance.engine.mistaken import MISTAKEN_CELLS
from conformance.engine.weight_changes import Change, blocks_scaled, blocks_taken, changed_weights, weight_changes
from conformance.reference import Cells, Expected, Policy, Precision, evaluate
from conformance.reference.cells import CELLS
from conformance.spec import Array, LayerConfig, Tensors, WeightContract, outputs, weights

Outputs = Callable[[Policy], Sequence[Expected]]
"""The outputs of a changed call, with an allowance of the kind that is asked for."""

Pick = Callable[[Sequence[Expected]], Sequence[Expected]]


@dataclass(frozen=True)
class Suspect:
    """A mistake.

    Attributes:
        name: what it is, for people.
        outputs: what a call gives if it is made; may raise `SpecError` where it cannot be made.
    """

    name: str
    outputs: Outputs


@dataclass(frozen=True)
class Scene:
    """The call that went wrong."""

    config: LayerConfig
    tensors: Tensors
    precision: Precision

    def evaluated(
        self,
        config: LayerConfig | None = None,
        tensors: Tensors | None = None,
        pick: Pick = tuple,
        cells: Cells = CELLS,
    ) -> Outputs:
        """The outputs of the call with another configuration, other tensors or cells, rearranged by `pick`."""
        return lambda bound: pick(
            evaluate(config or self.config, [tensors or self.tensors], self.precision, bound, cells)[0]
        )

    def suspect(self, name: str, **changes: object) -> Suspect:
        """A mistake that one changed evaluation shows."""
        return Suspect(name, self.evaluated(**changes))  # type: ignore[arg-type]

    def with_mask(self, mask: Array) -> Tensors:
        """The tensors with another mask."""
        return replace(self.tensors, mask=mask)

    def with_states(self, change: Callable[[Array, int], Array]) -> Tensors:
        """The tensors with other initial states: `change` is given each direction's (…, units) and its number."""
        return replace(self.tensors, initial_state=tuple(self._changed_states(change)))

    def _changed_states(self, change: Callable[[Array, int], Array]) -> Iterator[Array]:
        states = self.tensors.initial_state or ()
        directions = 2 if self.config.bidirectional else 1
        for index, state in enumerate(states):
            if self.config.rules.initial_state.get("per_direction"):
                yield change(state, index * directions // len(states))
            else:
                turned = state.copy()
                for direction in range(directions):
                    turned[direction::directions] = change(state[direction::directions], direction)
                yield turned


def suspects(expectation: Expectation) -> Iterator[Suspect]:
    """All suspects for a case, the commonest mistakes first."""
    scene = Scene(expectation.case.config, expectation.tensors, expectation.precision)
    for family in (
        _masks,
        _states,
        _options,
        _cells,
        _weights,
        _gate_orders,
        _time,
        _one_direction,
        _stack,
        _lengths,
    ):
        yield from family(scene)


# ---------------------------------------------------------------- arguments


def _masks(scene: Scene) -> Iterator[Suspect]:
    mask = scene.tensors.mask
    if mask is None:
        return
    yield scene.suspect("the mask is ignored", tensors=scene.with_mask(np.ones_like(mask)))
    yield scene.suspect("the mask is inverted", tensors=scene.with_mask(~mask))
    if (shown := scene.config.get("zero_output_for_mask")) is not None and not scene.config.bidirectional:
        other = scene.config.with_options(zero_output_for_mask=not shown)
        yield scene.suspect(f"zero_output_for_mask={shown} behaves as zero_output_for_mask={not shown}", config=other)
        if scene.config.get("return_sequences") and scene.config.get("go_backwards"):
            yield scene.suspect(
                "outputs are zeroed by the mask in time order, while the sequence is in processing order",
                config=scene.config.with_options(zero_output_for_mask=False),
                pick=lambda due: [_zeroed(due[0], mask), *due[1:]],
            )


def _zeroed(due: Expected, mask: Array) -> Expected:
    """The output with zeros where a mask is False; a zero is nothing open."""
    shown = _arrays(due, lambda array: np.where(mask[..., None], array, 0.0))
    return replace(shown, specified=None if due.specified is None else due.specified | ~mask[..., None])


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
        scaled = blocks_scaled(config, scene.tensors, dict.fromkeys(gates, 1.2))
        yield scene.suspect("hard_sigmoid is the older one, clip(0.2 x + 0.5)", tensors=scaled)


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
        change: Change = blocks_taken(scene.config, taken)
        yield scene.suspect(
            f"the gate blocks {', '.join(blocks)} are read as {read}",
            tensors=changed_weights(scene.config, scene.tensors, change),
        )


# ---------------------------------------------------------------- time and directions


def _time(scene: Scene) -> Iterator[Suspect]:
    """Sequences in the wrong order of time, or their wrong step."""
    config = scene.config
    sequences = config.get("return_sequences")
    if config.bidirectional and sequences is True:
        turned = _halves(scene, scene.tensors, scene.tensors, backward=_time_reversed)
        yield Suspect("the backward half is not re-aligned to time order", turned)
    elif config.bidirectional and sequences is False:
        shown = config.with_options(return_sequences=True)
        ended = _halves(scene, scene.tensors, scene.tensors, shown, backward=_last_step)
        yield Suspect("the backward half is taken at the last time step", ended)
    elif sequences is True and config.get("go_backwards") is True:
        yield scene.suspect(
            "the sequence read backwards is turned round to time order",
            pick=lambda due: [_time_reversed(due[0]), *due[1:]],
        )


def _one_direction(scene: Scene) -> Iterator[Suspect]:
    """The mask mistaken in one direction only."""
    mask = scene.tensors.mask
    if mask is None:
        return
    honest, everything, turned = scene.tensors, scene.with_mask(np.ones_like(mask)), scene.with_mask(mask[:, ::-1])
    name = "the mask is not turned round when the input is read backwards"
    if not scene.config.bidirectional:
        if scene.config.get("go_backwards") is True:
            yield scene.suspect(name, tensors=turned)
        return
    if scene.config.get("return_sequences") and not scene.config.get("go_backwards"):
        name_before = "the backward half is zeroed by the mask in time order before it is re-aligned"
        yield Suspect(name_before, _zeroed_before_realigned(scene, mask))
    yield Suspect("the mask is ignored in the backward direction", _halves(scene, honest, everything))
    yield Suspect("the mask is ignored in the forward direction", _halves(scene, everything, honest))
    backwards = scene.config.get("go_backwards") is True
    yield Suspect(name, _halves(scene, *((turned, honest) if backwards else (honest, turned))))


def _halves(
    scene: Scene,
    forward_tensors: Tensors,
    backward_tensors: Tensors,
    backward_config: LayerConfig | None = None,
    backward: Callable[[Expected], Expected] = lambda due: due,
) -> Outputs:
    """A bidirectional layer with something else done in the backward direction, and its output changed."""
    mode = str(scene.config.get("merge_mode"))
    calls = ((scene.config, forward_tensors), (backward_config or scene.config, backward_tensors))

    def results(bound: Policy) -> Sequence[Expected]:
        ahead, back = (
            evaluate(config.with_options(merge_mode="None"), [tensors], scene.precision, bound)[0]
            for config, tensors in calls
        )
        count = len(ahead) // 2 - 1
        states = [*ahead[2 : 2 + count], *back[2 + count :]]
        return [*_merged(mode, ahead[0], backward(back[1])), *states]

    return results


def _zeroed_before_realigned(scene: Scene, mask: Array) -> Outputs:
    """A bidirectional layer whose backward half is zeroed at the steps that the mask of the other end masks."""
    config, tensors = scene.config, scene.tensors
    alone = config.with_options(bidirectional=False, go_backwards=True, zero_output_for_mask=False)
    states = tensors.initial_state
    backward = replace(
        tensors,
        weights=tensors.weights[len(tensors.weights) // 2 :],
        initial_state=None if states is None else states[len(states) // 2 :],
    )

    def results(bound: Policy) -> Sequence[Expected]:
        separate = config.with_options(merge_mode="None")
        ahead, right, *final = evaluate(separate, [tensors], scene.precision, bound)[0]
        shown = _zeroed(evaluate(alone, [backward], scene.precision, bound)[0][0], mask)
        back = replace(_time_reversed(shown), name=right.name)
        return [*_merged(str(config.get("merge_mode")), ahead, back), *final]

    return results


def _merged(mode: str, f: Expected, b: Expected) -> list[Expected]:
    """Two halves in one; the allowances with room for the rounding of the merge."""
    if mode == "None" or f.value is None or b.value is None:
        return [f, b]
    both = [np.ones(half.allowed.shape, bool) if half.specified is None else half.specified for half in (f, b)]
    specified = both[0] & both[1]
    if mode == "concat":
        value, allowed, specified = (
            np.concatenate(pair, axis=-1) for pair in ((f.value, b.value), (f.allowed, b.allowed), both)
        )
    elif mode == "mul":
        value = f.value * b.value
        allowed = f.allowed * np.abs(b.value) + b.allowed * np.abs(f.value) + f.allowed * b.allowed
    else:
        share = 0.5 if mode == "ave" else 1.0
        value, allowed = share * (f.value + b.value), share * (f.allowed + b.allowed)
    return [Expected("output", value, allowed * (1 + 2.0**-10), specified)]


def _arrays(due: Expected, change: Callable[[Array], Array]) -> Expected:
    """The same change made to values, allowances and what is specified."""
    specified = None if due.specified is None else change(due.specified).astype(bool)
    return Expected(due.name, None if due.value is None else change(due.value), change(due.allowed), specified)


def _time_reversed(due: Expected) -> Expected:
    return _arrays(due, lambda array: array[:, ::-1])


def _last_step(due: Expected) -> Expected:
    return _arrays(due, lambda array: array[:, -1])


# ---------------------------------------------------------------- stacks and packed sequences


def _stack(scene: Scene) -> Iterator[Suspect]:
    layers, directions = scene.config.get("num_layers"), 2 if scene.config.bidirectional else 1
    if not isinstance(layers, int) or layers * directions == 1:
        return
    places = np.arange(layers * directions).reshape(layers, directions)
    orders: Mapping[str, Array] = {
        "h_n is ordered by direction, then layer, instead of layer, then direction": places.T,
        "h_n begins with the highest layer": places[::-1],
        "the two directions are exchanged in h_n": places[:, ::-1],
    }
    for name, order in orders.items():
        yield scene.suspect(name, pick=_states_taken_from(order.ravel()))
    if directions == 2 and layers > 1:
        tensors = changed_weights(scene.config, scene.tensors, _forward_half_twice)
        yield scene.suspect("layers above the first read the forward half twice", tensors=tensors)


def _states_taken_from(order: Array) -> Pick:
    return lambda due: [_arrays(it, lambda array: array[order]) if it.name in ("h_n", "c_n") else it for it in due]


def _forward_half_twice(contract: WeightContract, array: Array) -> Array:
    if contract.role != "kernel" or contract.layer == 0:
        return array
    forward, backward = np.split(array, 2, axis=1)
    return np.concatenate([forward + backward, np.zeros_like(backward)], axis=1)


def _lengths(scene: Scene) -> Iterator[Suspect]:
    lengths = scene.tensors.lengths
    if lengths is None:
        return
    longest = int(lengths.max())
    axis = 1 if scene.config.get("batch_first") else 0
    everything = np.full_like(lengths, longest)
    kept = np.arange(longest) < lengths[:, None]
    kept = kept[..., None] if axis else kept.T[..., None]
    packed = scene.config.with_options(input="packed")
    tensors = replace(scene.tensors, lengths=everything)

    def padded(due: Sequence[Expected], zero: bool) -> Sequence[Expected]:
        right = dict(zip((it.name for it in due), scene.evaluated()("step"), strict=True))
        return [
            _arrays(it, lambda array: np.where(kept, array, 0.0) if zero else array)
            if it.name == "output.padded"
            else right[it.name]
            if it.name.startswith("output.")
            else it
            for it in due
        ]

    yield scene.suspect(
        "states are carried on through the padding", config=packed, tensors=tensors, pick=lambda due: padded(due, True)
    )
    yield scene.suspect("the lengths are ignored", config=packed, tensors=tensors, pick=lambda due: padded(due, False))
    order = np.argsort(-lengths, kind="stable")
    yield scene.suspect(
        "states stay in the order in which sequences were packed, longest first",
        pick=lambda due: [
            _arrays(it, lambda array: array[:, order]) if it.name in ("h_n", "c_n") else it for it in due
        ],
    )
