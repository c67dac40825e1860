"""Laws about the way through time: chunks, directions, merging, and options that must make a difference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conformance.errors import SpecError
from conformance.laws.axes import REVERSED, halves, refined, steps_at, steps_of
from conformance.laws.law import Call, Manner, Plan, Subject
from conformance.laws.relations import Index, Part, Relation, Same, Unlike, everything, same
from conformance.reference import evaluate, precision
from conformance.spec import LayerConfig, OutputContract, Tensors, Value, initial_states, input_axes, outputs, weights

_CLEARLY = 2.0**-6
"""Values that differ by more are told apart in any precision."""


# ---------------------------------------------------------------- chunks


def returned_states(config: LayerConfig) -> tuple[int, ...] | None:
    """Numbers of the outputs that are the final states, in the order of initial states; None if some are missing."""
    option = str(config.rules.initial_state["option"])
    numbers = {output.name: number for number, output in enumerate(outputs(config))}
    names = [state.name for state in initial_states(config.with_options(**{option: True}))]
    return tuple(numbers[name] for name in names) if set(names) <= set(numbers) else None


def parted(subject: Subject) -> tuple[slice, slice, int] | None:
    """The steps in two parts, first the one that is processed first, with its length; None for a single step."""
    steps = subject.config.sizes.timesteps
    if steps < 2:
        return None
    cut = subject.stream.integer(1, steps - 1)
    early, late = slice(None, cut), slice(cut, None)
    return (late, early, steps - cut) if subject.config.get("go_backwards") else (early, late, cut)


def of_steps(config: LayerConfig, timesteps: int) -> LayerConfig:
    """The configuration with fewer steps; a mask that does not fit them becomes one that does."""
    if config.get("mask", "none") != "none":
        config = config.with_options(mask="full_rows")
    return config.with_sizes(timesteps=timesteps)


def joined(subject: Subject, length: int, first: int, second: int) -> tuple[Same, ...]:
    """The case beside two calls with its steps in two parts; with a mask, what is shown at the seam is open."""
    relations = []
    for number, output in enumerate(subject.contract):
        if output.steps is not None:
            if subject.tensors.mask is None:
                relations.append(Same(number, steps_at(output, slice(None, length)), (Part(first, number),)))
                relations.append(Same(number, steps_at(output, slice(length, None)), (Part(second, number),)))
        elif subject.tensors.mask is None or output.name != "output":
            relations.append(Same(number, (...,), (Part(second, number),)))
    return tuple(relations)


def chunks(subject: Subject) -> Plan | None:
    """A sequence in two parts, the states handed on, gives what one pass gives."""
    config, tensors = subject.config, subject.tensors
    states, parts = returned_states(config), parted(subject)
    if states is None or parts is None or config.bidirectional or tensors.lengths is not None:
        return None
    first, second, length = parts
    option = str(config.rules.initial_state["option"])
    begun = of_steps(config, length)
    continued = of_steps(config, config.sizes.timesteps - length).with_options(**{option: True})
    if not subject.can(begun) or not subject.can(continued):
        return None
    rest = replace(steps_of(config, tensors, second), initial_state=None)
    calls = (
        Call(begun, steps_of(config, tensors, first)),
        Call(continued, rest, manner=Manner(weights=False, carry=states)),
    )
    return Plan(calls, joined(subject, length, 0, 1), "two parts with the states handed on are not one pass")


# ---------------------------------------------------------------- directions


def _reversed(config: LayerConfig, tensors: Tensors) -> Tensors:
    return steps_of(config, tensors, REVERSED)


def time_reversal(subject: Subject) -> Plan | None:
    """Reading backwards is reading the reversed input forwards."""
    config = subject.config
    if config.bidirectional or "go_backwards" not in config.options:
        return None
    other = config.with_options(go_backwards=not config.get("go_backwards"))
    if not subject.can(other):
        return None
    call = Call(other, _reversed(config, subject.tensors), layer=1)
    told = "go_backwards is not the same as reversing the input"
    return Plan((call,), same(subject.contract, 0, everything), told)


def _two_simple_directions(subject: Subject) -> bool:
    """Whether the case has exactly one layer in each direction, none of them reversed."""
    config = subject.config
    return (
        config.bidirectional
        and not config.get("go_backwards")
        and config.get("num_layers", 1) == 1
        and subject.tensors.lengths is None
    )


def _split(config: LayerConfig, tensors: Tensors) -> tuple[Tensors, Tensors]:
    """Weights and initial states of the two directions; the input reversed for the second."""
    middle, states = len(tensors.weights) // 2, tensors.initial_state
    forward, backward = states, states
    if states is not None and config.rules.initial_state.get("per_direction"):
        forward, backward = states[: len(states) // 2], states[len(states) // 2 :]
    elif states is not None:  # directions lie on the first axis
        forward, backward = tuple(state[:1] for state in states), tuple(state[1:] for state in states)
    flipped = _reversed(config, tensors)
    return (
        replace(tensors, weights=tensors.weights[:middle], initial_state=forward),
        replace(flipped, weights=tensors.weights[middle:], initial_state=backward),
    )


def two_directions(subject: Subject) -> Plan | None:
    """A bidirectional layer is two layers, one of which reads the reversed input."""
    config = subject.config
    if not _two_simple_directions(subject) or config.get("merge_mode", "concat") not in ("concat", "None"):
        return None
    changes: dict[str, Value] = {"bidirectional": False}
    if "zero_output_for_mask" in config.options:  # what the wrapper decides for both of its layers
        changes["zero_output_for_mask"] = (
            config.get("mask", "none") != "none" and config.get("return_sequences") is True
        )
    single = config.with_options(**changes)
    if not subject.can(single):
        return None
    forward, backward = _split(config, subject.tensors)
    calls = (Call(single, forward, layer=1), Call(single, backward, layer=2))
    relations = [
        relation
        for number, output in enumerate(subject.contract)
        for relation in _one_direction(number, output, outputs(single))
    ]
    return Plan(calls, tuple(relations), "the two directions are not two layers of their own")


def _one_direction(number: int, output: OutputContract, single: tuple[OutputContract, ...]) -> list[Same]:
    """An output of both directions beside those of one layer for each."""
    numbers = {due.name: place for place, due in enumerate(single)}
    for direction, mark in enumerate(("forward_", "backward_")):
        if output.name.startswith(mark):
            place = numbers[output.name.removeprefix(mark)]
            return [Same(number, (...,), (Part(direction, place, _flipped(single[place], direction)),))]
    axis = len(output.axes) - 1 if output.name == "output" else 0
    place = numbers[output.name]
    return [
        Same(number, half, (Part(direction, place, _flipped(single[place], direction)),))
        for direction, half in enumerate(halves(axis, output))
    ]


def _flipped(output: OutputContract, direction: int) -> Index:
    """All elements; of the second direction in reversed order of steps."""
    return steps_at(output, REVERSED) if direction == 1 and output.steps is not None else (...,)


def direction_swap(subject: Subject) -> Plan | None:
    """With the directions' weights exchanged and the input reversed, everything comes back mirrored."""
    if not _two_simple_directions(subject):
        return None
    config, tensors = subject.config, subject.tensors
    forward, backward = _split(config, tensors)
    states = None
    if forward.initial_state is not None and backward.initial_state is not None:
        pairs = zip(backward.initial_state, forward.initial_state, strict=True)
        apart = bool(config.rules.initial_state.get("per_direction"))
        states = (
            backward.initial_state + forward.initial_state if apart else tuple(np.concatenate(pair) for pair in pairs)
        )
    swapped = replace(backward, weights=backward.weights + forward.weights, initial_state=states)
    relations = [
        relation
        for number, output in enumerate(subject.contract)
        for relation in _mirrored(number, output, subject.contract, config)
    ]
    return Plan((Call(config, swapped),), tuple(relations), "the two directions are not each other's mirror image")


def _mirrored(
    number: int, output: OutputContract, contract: tuple[OutputContract, ...], config: LayerConfig
) -> list[Same]:
    """An output beside its mirror image: the other direction's, in reversed order of steps."""
    steps = output.steps
    whole: Index = (slice(None),) * len(output.axes)
    flipped = whole if steps is None else refined(whole, steps, REVERSED)
    for mark, other in (("forward_", "backward_"), ("backward_", "forward_")):
        if output.name.startswith(mark):
            name = other + output.name.removeprefix(mark)
            place = next(place for place, due in enumerate(contract) if due.name == name)
            return [Same(number, whole, (Part(0, place, flipped),))]
    if config.get("merge_mode", "concat") != "concat":
        return [Same(number, whole, (Part(0, number, flipped),))]
    axis = len(output.axes) - 1 if output.name == "output" else 0
    first, second = halves(axis, output)
    return [
        Same(number, first, (Part(0, number, refined(flipped, axis, second[axis])),)),
        Same(number, second, (Part(0, number, refined(flipped, axis, first[axis])),)),
    ]


def merge_modes(subject: Subject) -> Plan | None:
    """What is merged is what comes unmerged with merge_mode=None."""
    config = subject.config
    mode = config.get("merge_mode")
    if mode in (None, "None") or not subject.can(apart := config.with_options(merge_mode="None")):
        return None
    merged, *states = subject.contract
    whole, parts = (...,), (Part(0, 0), Part(0, 1))
    relations: list[Relation] = [Same(number, whole, (Part(0, number + 1),)) for number in range(1, len(states) + 1)]
    if mode == "concat":
        both = halves(len(merged.axes) - 1, merged)
        relations += [Same(0, half, (part,)) for half, part in zip(both, parts, strict=True)]
    else:
        relations.append(Same(0, whole, parts, str(mode)))
    call = Call(apart, subject.tensors, layer=1)
    return Plan((call,), tuple(relations), f"merge_mode={mode} does not merge what merge_mode=None gives")


# ---------------------------------------------------------------- options


def option_effect(subject: Subject) -> Plan | None:
    """An option that makes a difference makes one here."""
    others = [config for config in _others(subject.config) if subject.can(config)]
    order = subject.stream.unit(len(others)).argsort()
    for config in (others[place] for place in order):
        tensors = _left_out(config, subject.tensors)
        if _differs(subject, config, tensors):
            changed = next(name for name, value in config.items if value != subject.config.get(name))
            told = f"{changed}={subject.config.get(changed)} gives the same as {changed}={config.get(changed)}"
            return Plan((Call(config, tensors, layer=1),), (Unlike(0),), told)
    return None


def _left_out(config: LayerConfig, tensors: Tensors) -> Tensors:
    """The tensors without those that the configuration does not hand over."""
    if config.get("mask", "none") == "none":
        tensors = replace(tensors, mask=None)
    if config.get(str(config.rules.initial_state["option"])) is not True:
        tensors = replace(tensors, initial_state=None)
    return tensors


def _differs(subject: Subject, config: LayerConfig, tensors: Tensors) -> bool:
    """Whether another configuration gives clearly other values."""
    exact = precision("float64")
    (here,) = evaluate(subject.config, [subject.tensors], exact, "step")
    (there,) = evaluate(config, [tensors], exact, "step")
    with np.errstate(invalid="ignore"):
        return any(
            a.value is not None and b.value is not None and bool((np.abs(a.value - b.value) > _CLEARLY).any())
            for a, b in zip(here, there, strict=True)
        )


def _others(config: LayerConfig) -> list[LayerConfig]:
    """The configurations with one option changed that have the same weights and outputs."""
    found = []
    for name, value in config.items:
        option = config.rules.options[name]
        leaves_out = option.where == "call"  # a mask or state that is there can be left out, not made up
        for other in (option.default,) if leaves_out else option.values:
            if other == value or option.where == "dtype":
                continue
            try:
                changed = config.with_options(**{name: other})
            except SpecError:
                continue
            if _laid_out(changed) == _laid_out(config):
                found.append(changed)
    return found


def _laid_out(config: LayerConfig) -> object:
    """What tensors go in and come out."""
    return input_axes(config), outputs(config), _shapes(config)


def _shapes(config: LayerConfig) -> list[tuple[str, tuple[int, ...]]]:
    return [(weight.name, weight.shape) for weight in weights(config)]
