"""What does a failure look like? Changes are tried on the reference until one explains every case.

A suspect is a mistake that people make: gate blocks in another order, a transposed kernel, a mask that is ignored. It
is named only if, with it, the reference gives what came back in every case, closely enough that no coincidence remains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np

from conformance.checks import Expectation, Reply
from conformance.checks.numbers import compare_all, largest
from conformance.errors import SpecError
from conformance.reference import Expected, Precision, evaluate, precision
from conformance.spec import Array, LayerConfig, Tensors, WeightContract, outputs, weights

SLACK = 4.0
"""A change may explain a value to within this multiple of the allowance: its own rounding differs a little."""

SHARP = 0.1
"""The allowance with its slack must be below this part of the error that is to be explained."""


@dataclass(frozen=True)
class Suspect:
    """A changed call whose results are to be compared with what came back.

    Attributes:
        name: what the mistake is, for people.
        config, tensors: what to evaluate instead.
        pick: makes the outputs to compare with from those of the changed call.
        precision: of the changed evaluation; None: that of the case.
    """

    name: str
    config: LayerConfig
    tensors: Tensors
    pick: Callable[[Sequence[Expected]], Sequence[Expected]] = tuple
    precision: Precision | None = None


def looks_like(samples: Sequence[tuple[Expectation, Reply]]) -> str | None:
    """The name of the first suspect that explains every sample, or None.

    Args:
        samples: failing cases with what came back, all of one group.
    """
    if not samples:
        return None
    first, *rest = samples
    remaining = {suspect.name for suspect in suspects(first[0]) if _explains(suspect, *first)}
    for expectation, reply in rest:
        if not remaining:
            return None
        remaining = {
            suspect.name
            for suspect in suspects(expectation)
            if suspect.name in remaining and _explains(suspect, expectation, reply)
        }
    return next((suspect.name for suspect in suspects(first[0]) if suspect.name in remaining), None)


def _explains(suspect: Suspect, expectation: Expectation, reply: Reply) -> bool:
    try:
        changed = suspect.pick(
            evaluate(suspect.config, [suspect.tensors], suspect.precision or expectation.precision, "signed")[0]
        )
    except SpecError:
        return False
    if [output.name for output in changed] != [output.name for output in expectation.signed]:
        return False
    if any(
        due.value is not None and due.value.shape != got.shape for due, got in zip(changed, reply.outputs, strict=True)
    ):
        return False
    if largest(compare_all(reply, changed)) > SLACK:
        return False
    errors = [
        found.error.max(initial=0) for found in compare_all(reply, expectation.signed) if found and found.largest > 1
    ]
    allowed = [
        due.allowed[np.isfinite(due.allowed)].max(initial=0)
        for due, found in zip(changed, compare_all(reply, expectation.signed), strict=True)
        if found and found.largest > 1
    ]
    return bool(errors) and SLACK * max(allowed) < SHARP * max(errors)


def suspects(expectation: Expectation) -> Iterator[Suspect]:
    """All suspects for a case, the commonest mistakes first."""
    config, tensors = expectation.case.config, expectation.tensors
    yield from _ignored(config, tensors)
    yield from _other_options(config, tensors)
    yield from _reset_convention(config, tensors)
    yield from _other_states(config, tensors)
    yield from _other_weights(config, tensors)
    yield from _gate_orders(config, tensors)
    yield from _alignment(config, tensors)
    yield from _less_precise(config, tensors)


# ---------------------------------------------------------------- arguments and options


def _ignored(config: LayerConfig, tensors: Tensors) -> Iterator[Suspect]:
    if tensors.mask is not None:
        yield Suspect("the mask is ignored", config.with_options(mask="none"), replace(tensors, mask=None))
        yield Suspect("the mask is inverted", config, replace(tensors, mask=~tensors.mask))
        yield Suspect("the mask is read in the wrong direction", config, replace(tensors, mask=tensors.mask[:, ::-1]))
    if tensors.initial_state is not None:
        zeros = tuple(np.zeros_like(state) for state in tensors.initial_state)
        yield Suspect("the initial state is ignored", config, replace(tensors, initial_state=zeros))


_INTERCHANGEABLE = (
    "merge_mode",
    "go_backwards",
    "activation",
    "recurrent_activation",
    "nonlinearity",
    "zero_output_for_mask",
)


def _other_options(config: LayerConfig, tensors: Tensors) -> Iterator[Suspect]:
    """Another value of an option that changes values but no weight and no shape."""
    for name in _INTERCHANGEABLE:
        if (value := config.get(name)) is None:
            continue
        for other in config.rules.options[name].values:
            if other != value and _same_shapes(config, changed := config.with_options(**{name: other})):
                yield Suspect(f"{name}={value} behaves as {name}={other}", changed, tensors)
    if config.get("recurrent_activation") == "hard_sigmoid":
        gates = [block for block in config.rules.layers[config.layer].blocks if block not in "ng"]
        scaled = _blocks_scaled(config, tensors, dict.fromkeys(gates, 1.2))
        yield Suspect("hard_sigmoid is that of Keras 2, clip(0.2 x + 0.5)", config, scaled)


def _same_shapes(config: LayerConfig, changed: LayerConfig) -> bool:
    return [output.shape for output in outputs(config)] == [output.shape for output in outputs(changed)]


def _reset_convention(config: LayerConfig, tensors: Tensors) -> Iterator[Suspect]:
    if (after := config.get("reset_after")) is None:
        return
    changed = config.with_options(reset_after=not after)
    moved = tuple(
        (array.sum(axis=0) if after else np.stack([array, np.zeros_like(array)])) if contract.role == "bias" else array
        for contract, array in zip(weights(config), tensors.weights, strict=True)
    )
    when = "before" if after else "after"
    yield Suspect(f"the reset gate is applied {when} the recurrent product", changed, replace(tensors, weights=moved))


def _other_states(config: LayerConfig, tensors: Tensors) -> Iterator[Suspect]:
    states = tensors.initial_state
    if states is None or len(states) < 2:
        return
    if len(states) % 2 == 0 and len({state.shape for state in states}) == 1:
        half = len(states) // 2
        if len(config.rules.layers[config.layer].states) == 2:
            pairs = tuple(states[index ^ 1] for index in range(len(states)))
            yield Suspect("the initial states h and c are exchanged", config, replace(tensors, initial_state=pairs))
        if config.bidirectional:
            turned = states[half:] + states[:half]
            name = "the initial states of the two directions are exchanged"
            yield Suspect(name, config, replace(tensors, initial_state=turned))


# ---------------------------------------------------------------- weights

_Change = Callable[[WeightContract, Array], Array]


def _other_weights(config: LayerConfig, tensors: Tensors) -> Iterator[Suspect]:
    changes: Mapping[str, _Change] = {
        "the bias is ignored": _zero("bias", "recurrent_bias"),
        "the recurrent bias is ignored": _zero("recurrent_bias"),
        "the bias is added twice": lambda it, array: 2 * array if "bias" in it.role else array,
        "the recurrent kernel is ignored": _zero("recurrent_kernel"),
        "the recurrent kernel is transposed": lambda it, array: _transposed(config, it, array),
    }
    for name, change in changes.items():
        yield Suspect(name, config, _changed(config, tensors, change))
    blocks = config.rules.layers[config.layer].blocks
    if "f" in blocks:
        yield Suspect("one is added to the forget bias", config, _changed(config, tensors, _forget_bias(config)))
    if "z" in blocks:
        yield Suspect("the update gate is inverted", config, _blocks_scaled(config, tensors, {"z": -1.0}))
    if config.bidirectional:
        turned = _directions_exchanged(config, tensors)
        yield Suspect("the weights of the two directions are exchanged", config, turned)


def _changed(config: LayerConfig, tensors: Tensors, change: _Change) -> Tensors:
    pairs = zip(weights(config), tensors.weights, strict=True)
    return replace(tensors, weights=tuple(change(contract, array.astype(np.float64)) for contract, array in pairs))


def _zero(*roles: str) -> _Change:
    return lambda contract, array: np.zeros_like(array) if contract.role in roles else array


def _gate_axis(contract: WeightContract) -> int | None:
    return contract.axes.index("gates*units") if "gates*units" in contract.axes else None


def _in_blocks(config: LayerConfig, contract: WeightContract, array: Array) -> Array:
    """The array with its gate axis first and split: (gates, units, ...)."""
    axis = _gate_axis(contract)
    if axis is None:
        raise ValueError(f"{contract.name} has no gate blocks")
    blocks = len(config.rules.layers[config.layer].blocks)
    moved = np.moveaxis(array, axis, 0)
    return moved.reshape(blocks, config.sizes.units, *moved.shape[1:])


def _from_blocks(contract: WeightContract, split: Array) -> Array:
    axis = _gate_axis(contract) or 0
    return np.moveaxis(split.reshape(split.shape[0] * split.shape[1], *split.shape[2:]), 0, axis)


def _transposed(config: LayerConfig, contract: WeightContract, array: Array) -> Array:
    if contract.role != "recurrent_kernel":
        return array
    split = _in_blocks(config, contract, array)
    if split.shape[1] != split.shape[2]:
        return array
    return _from_blocks(contract, split.transpose(0, 2, 1))


def _forget_bias(config: LayerConfig) -> _Change:
    forget = config.rules.layers[config.layer].blocks.index("f")

    def change(contract: WeightContract, array: Array) -> Array:
        if contract.role != "bias":
            return array
        split = _in_blocks(config, contract, array).copy()
        split[forget] += 1
        return _from_blocks(contract, split)

    return change


def _blocks_scaled(config: LayerConfig, tensors: Tensors, factors: Mapping[str, float]) -> Tensors:
    scale = np.array([factors.get(block, 1.0) for block in config.rules.layers[config.layer].blocks])

    def change(contract: WeightContract, array: Array) -> Array:
        if _gate_axis(contract) is None:
            return array
        split = _in_blocks(config, contract, array)
        return _from_blocks(contract, split * scale.reshape(-1, *(1,) * (split.ndim - 1)))

    return _changed(config, tensors, change)


def _gate_orders(config: LayerConfig, tensors: Tensors) -> Iterator[Suspect]:
    blocks = config.rules.layers[config.layer].blocks
    for order in permutations(range(len(blocks))):
        if order == tuple(range(len(blocks))):
            continue
        read = ", ".join(blocks[index] for index in order)
        name = f"the gate blocks {', '.join(blocks)} are read as {read}"
        inverse = np.argsort(order)

        def change(contract: WeightContract, array: Array, inverse: Array = inverse) -> Array:
            if _gate_axis(contract) is None:
                return array
            return _from_blocks(contract, _in_blocks(config, contract, array)[inverse])

        yield Suspect(name, config, _changed(config, tensors, change))


def _directions_exchanged(config: LayerConfig, tensors: Tensors) -> Tensors:
    place = {(it.layer, it.direction, it.role): index for index, it in enumerate(weights(config))}
    order = [place[it.layer, 1 - it.direction, it.role] for it in weights(config)]
    return replace(tensors, weights=tuple(tensors.weights[index] for index in order))


# ---------------------------------------------------------------- time


def _alignment(config: LayerConfig, tensors: Tensors) -> Iterator[Suspect]:
    """The backward half in processing order, or taken at the wrong step."""
    if not config.bidirectional or config.get("merge_mode") != "concat":
        return
    units = config.sizes.units
    if config.get("return_sequences") is True:
        name = "the backward half is not re-aligned to time order"
        yield Suspect(name, config, tensors, lambda due: [_backward_flipped(due[0], units), *due[1:]])
    else:
        name = "the backward half is taken at the last time step"
        sequences = config.with_options(return_sequences=True)
        yield Suspect(name, sequences, tensors, lambda due: [_last_step(due[0]), *due[1:]])


def _backward_flipped(due: Expected, units: int) -> Expected:
    def flip(array: Array) -> Array:
        return np.concatenate([array[..., :units], array[:, ::-1, units:]], axis=-1)

    return replace(due, value=None if due.value is None else flip(due.value), allowed=flip(due.allowed))


def _last_step(due: Expected) -> Expected:
    specified = None if due.specified is None else due.specified[:, -1]
    value = None if due.value is None else due.value[:, -1]
    return replace(due, value=value, allowed=due.allowed[:, -1], specified=specified)


# ---------------------------------------------------------------- precision


def _less_precise(config: LayerConfig, tensors: Tensors) -> Iterator[Suspect]:
    for lower in {"float64": ("float32", "bfloat16"), "float32": ("float16", "bfloat16")}.get(config.dtype, ()):
        name = f"part of the computation is in {lower}"
        yield Suspect(name, config, tensors, precision=precision(lower))
