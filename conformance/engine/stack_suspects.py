"""Mistakes with stacks of layers and with packed sequences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from conformance.engine.scene import Outputs, Pick, Scene, Suspect, arrays
from conformance.engine.weight_changes import changed_weights
from conformance.reference import Expected, Policy, evaluate
from conformance.spec import Array, LayerConfig, Tensors, WeightContract, outputs, weights


def stack_suspects(scene: Scene) -> Iterator[Suspect]:
    """Layers above each other, and the order of their states."""
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
    if layers > 1 and scene.tensors.initial_state is not None:
        first = changed_states(scene, np.arange(layers * directions) < directions)
        yield scene.suspect("the initial states are used in the first layer only", tensors=first)
    if directions == 2 and layers > 1:
        tensors = changed_weights(scene.config, scene.tensors, _forward_half_twice)
        yield scene.suspect("layers above the first read the forward half twice", tensors=tensors)
    if directions == 2:
        name = "the backward half is not re-aligned to time order"
        yield Suspect(name, _layer_by_layer(scene, _not_realigned))
        last = partial(_reading_forward, only=layers - 1)
        yield Suspect("the backward direction reads in time order", _layer_by_layer(scene, _reading_forward))
        if layers > 1:
            yield Suspect(
                "the backward direction of the highest layer reads in time order", _layer_by_layer(scene, last)
            )


def changed_states(scene: Scene, kept: Array) -> Tensors:
    """The tensors with initial states of zero where a layer and direction is not kept."""
    states = scene.tensors.initial_state or ()
    shown = [kept.reshape(-1, *(1,) * (state.ndim - 1)) for state in states]
    return replace(
        scene.tensors, initial_state=tuple(np.where(keep, it, 0) for keep, it in zip(shown, states, strict=True))
    )


def _states_taken_from(order: Array) -> Pick:
    return lambda due: [arrays(it, lambda array: array[order]) if it.name in ("h_n", "c_n") else it for it in due]


def _forward_half_twice(contract: WeightContract, array: Array) -> Array:
    if contract.role != "kernel" or contract.layer == 0:
        return array
    forward, backward = np.split(array, 2, axis=1)
    return np.concatenate([forward + backward, np.zeros_like(backward)], axis=1)


def length_suspects(scene: Scene) -> Iterator[Suspect]:
    """Sequences of different lengths."""
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
            arrays(it, lambda array: np.where(kept, array, 0.0) if zero else array)
            if it.name == "output.padded"
            else right[it.name]
            if it.name.startswith("output.")
            else it
            for it in due
        ]

    run_on = "states are carried on through the padding"
    yield scene.suspect(run_on, config=packed, tensors=tensors, pick=lambda due: padded(due, True))
    if scene.config.get("num_layers") != 1:
        yield Suspect(run_on, _layer_by_layer(scene, _running_on))
    yield scene.suspect("the lengths are ignored", config=packed, tensors=tensors, pick=lambda due: padded(due, False))
    if scene.config.bidirectional:
        name = "the backward direction starts in the padding of packed sequences"
        yield Suspect(name, _layer_by_layer(scene, _from_padding))
    order = np.argsort(-lengths, kind="stable")
    yield scene.suspect(
        "states stay in the order in which sequences were packed, longest first",
        pick=lambda due: [arrays(it, lambda array: array[:, order]) if it.name in ("h_n", "c_n") else it for it in due],
    )


# ---------------------------------------------------------------- layer by layer


@dataclass(frozen=True)
class _OneLayer:
    """One layer of a stack, time first: its call, and what that must give."""

    config: LayerConfig
    tensors: Tensors
    number: int
    evaluated: Callable[[LayerConfig, Tensors], dict[str, Expected]]

    def right(self) -> dict[str, Expected]:
        """Its outputs by name."""
        return self.evaluated(self.config, self.tensors)

    @property
    def sequence(self) -> str:
        """The name of its sequence."""
        return "output" if self.tensors.lengths is None else "output.padded"


Mistake = Callable[[_OneLayer], dict[str, Expected]]
"""The outputs of one layer with a mistake made."""


def _layer_by_layer(scene: Scene, mistake: Mistake) -> Outputs:
    """The call with a mistake made in every layer, what is wrong in one being read by the next."""
    config = scene.config
    turned = config.get("batch_first") is True and config.get("input") != "unbatched"

    def results(bound: Policy) -> Sequence[Expected]:
        def evaluated(changed: LayerConfig, tensors: Tensors) -> dict[str, Expected]:
            return {it.name: it for it in evaluate(changed, [tensors], scene.precision, bound)[0]}

        x = scene.tensors.x.swapaxes(0, 1) if turned else scene.tensors.x
        found: list[dict[str, Expected]] = []
        for number in range(int(str(config.get("num_layers")))):
            layer = _OneLayer(*_layer(scene, number, x), number, evaluated)
            found.append(mistake(layer))
            x = _padded(found[-1][layer.sequence], config.sizes.timesteps)
        finals = {name: _joined([each[name] for each in found]) for name in ("h_n", "c_n") if name in found[0]}
        given = found[-1] | finals
        if turned:
            given[layer.sequence] = arrays(given[layer.sequence], lambda array: array.swapaxes(0, 1))
        return [given[it.name] for it in outputs(config, _as_tuple(scene.tensors.lengths))]

    return results


def _layer(scene: Scene, number: int, x: Array) -> tuple[LayerConfig, Tensors]:
    """One layer of the stack, and its call on an input that is time first."""
    config = scene.config.with_options(num_layers=1, batch_first=False).with_sizes(features=x.shape[-1])
    own = [place for place, it in enumerate(weights(scene.config)) if it.layer == number]
    states = scene.tensors.initial_state
    directions = 2 if config.bidirectional else 1
    here = slice(directions * number, directions * (number + 1))
    tensors = replace(
        scene.tensors,
        x=x,
        weights=tuple(scene.tensors.weights[place] for place in own),
        initial_state=None if states is None else tuple(state[here] for state in states),
    )
    return config, tensors


def _padded(due: Expected, timesteps: int) -> Array:
    """A sequence, time first, as the input of the next layer: zeros up to the timesteps of the call."""
    value = np.zeros_like(due.allowed) if due.value is None else due.value
    return np.concatenate([value, np.zeros((timesteps - len(value), *value.shape[1:]))])


def _joined(states: Sequence[Expected]) -> Expected:
    values = [np.zeros_like(it.allowed) if it.value is None else it.value for it in states]
    return Expected(states[0].name, np.concatenate(values), np.concatenate([it.allowed for it in states]))


def _as_tuple(lengths: Array | None) -> tuple[int, ...] | None:
    return None if lengths is None else tuple(lengths.tolist())


def _not_realigned(layer: _OneLayer) -> dict[str, Expected]:
    given = layer.right()
    due = given[layer.sequence]
    return given | {layer.sequence: _with_backward(due, arrays(due, lambda array: array[::-1]))}


def _reading_forward(layer: _OneLayer, only: int | None = None) -> dict[str, Expected]:
    """The second direction reads in the order of the first, so that both are first ones of exchanged weights."""
    given = layer.right()
    if only not in (None, layer.number):
        return given
    half = len(layer.tensors.weights) // 2
    exchanged = replace(
        layer.tensors,
        weights=layer.tensors.weights[half:] + layer.tensors.weights[:half],
        initial_state=layer.tensors.initial_state and tuple(state[::-1] for state in layer.tensors.initial_state),
    )
    other = {name: _turned(due) for name, due in layer.evaluated(layer.config, exchanged).items()}
    return _backward_of(layer, given, other)


def _turned(due: Expected) -> Expected:
    """The results of the two directions in each other's place."""
    if due.name in ("h_n", "c_n"):
        return arrays(due, lambda array: array[::-1])
    return arrays(
        due, lambda array: np.concatenate(np.split(array, 2, axis=-1)[::-1], axis=-1) if array.ndim > 1 else array
    )


def _running_on(layer: _OneLayer) -> dict[str, Expected]:
    """All rows are read up to the end of the longest; what is shown of the padding is zero."""
    given, lengths = layer.right(), layer.tensors.lengths
    if lengths is None:
        return given
    longest = int(lengths.max())
    packed = layer.config.with_options(input="packed")
    everything = layer.evaluated(packed, replace(layer.tensors, lengths=np.full_like(lengths, longest)))
    kept = (np.arange(longest)[:, None] < lengths)[..., None]
    shown = arrays(everything[layer.sequence], lambda array: np.where(kept, array, 0.0))
    finals = {name: everything[name] for name in ("h_n", "c_n") if name in given}
    return given | finals | {layer.sequence: shown}


def _from_padding(layer: _OneLayer) -> dict[str, Expected]:
    """The second direction begins at the end of the longest sequence, in all rows."""
    return _backward_of(layer, layer.right(), _running_on(layer))


def _backward_of(layer: _OneLayer, given: dict[str, Expected], other: dict[str, Expected]) -> dict[str, Expected]:
    """Outputs of the first direction as they are, of the second one as in another evaluation."""
    sequence = _with_backward(given[layer.sequence], other[layer.sequence])
    finals = {name: _second(given[name], other[name]) for name in ("h_n", "c_n") if name in given}
    return given | finals | {layer.sequence: sequence}


def _with_backward(due: Expected, other: Expected) -> Expected:
    """A sequence whose backward half is that of another one."""

    def mixed(array: Array, changed: Array) -> Array:
        half = array.shape[-1] // 2
        return np.concatenate([array[..., :half], changed[..., half:]], axis=-1)

    return _mixed(due, other, mixed)


def _second(due: Expected, other: Expected) -> Expected:
    """Final states whose second direction is that of others."""
    return _mixed(due, other, lambda array, changed: np.concatenate([array[:1], changed[1:]]))


def _mixed(due: Expected, other: Expected, mixed: Callable[[Array, Array], Array]) -> Expected:
    if due.value is None or other.value is None:
        return due
    return Expected(due.name, mixed(due.value, other.value), mixed(due.allowed, other.allowed))
