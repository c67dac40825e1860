"""What a configuration promises: its weights, initial states and outputs, as data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from conformance.spec.config import LayerConfig
from conformance.spec.dialect import OutputRule, Value, WeightRule
from conformance.spec.tensors import Tensors

Tree = int | Mapping[str, Any]
"""The nesting of what a layer returns.

An integer is the index of an array; `{"tuple": [...]}` and `{"list": [...]}` nest; `{"packed": [...]}` is a packed
sequence with data, batch sizes, padded form and lengths; `{"other": name}` is anything else.
"""


RECENT = 64
"""Configurations whose weights and states are remembered: all cases of one follow each other."""


@dataclass(frozen=True)
class WeightContract:
    """One weight.

    Attributes:
        name: the dialect's name for it, with direction and layer.
        role: what it does: `kernel`, `recurrent_kernel`, `bias`, `recurrent_bias`, `projection`.
        axes: the shape in words.
        shape: its shape.
        initial: what it holds before anybody sets it, or None if that is not promised.
        layer: index in a stack.
        direction: 0 forward, 1 backward.
    """

    name: str
    role: str
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    initial: str | None
    layer: int
    direction: int


@dataclass(frozen=True)
class OutputContract:
    """One output.

    Attributes:
        name: what we call it; APIs do not name outputs.
        axes: the shape in words.
        shape: the shape.
        dtype: its type.
        judged: `values`, or `form` if only shape and type are promised.
        meaning: one line for people.
    """

    name: str
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    judged: Literal["values", "form"]
    meaning: str

    @property
    def steps(self) -> int | None:
        """Number of the axis of time; None if there is none."""
        return next((number for number, axis in enumerate(self.axes) if axis in ("timesteps", "longest")), None)


def input_axes(config: LayerConfig) -> tuple[str, ...]:
    """The axes of the input, in the layout that the configuration asks for."""
    if config.get("input") == "unbatched":
        return ("timesteps", "features")
    if config.get("batch_first", not config.get("time_major")):
        return ("batch", "timesteps", "features")
    return ("timesteps", "batch", "features")


@lru_cache(RECENT)
def weights(config: LayerConfig) -> tuple[WeightContract, ...]:
    """The weights of a layer, in the order of the dialect's API."""
    return tuple(_weights(config))


@lru_cache(RECENT)
def initial_states(config: LayerConfig) -> tuple[OutputContract, ...]:
    """The initial states that a call takes when it is given any, in call order."""
    given = config.rules.initial_state
    if "like" in given:
        return tuple(output for output in outputs(config, None) if output.name in given["like"])
    symbols = _symbols(config, None)
    axes = tuple(axis.strip() for axis in given["shape"].split(","))
    prefixes = ("forward_", "backward_") if config.bidirectional else ("",)
    return tuple(
        OutputContract(prefix + state, axes, _shape(axes, symbols), config.dtype, "values", "initial state")
        for prefix in prefixes
        for state in config.rules.layers[config.layer].states
    )


def outputs(config: LayerConfig, lengths: Sequence[int] | None = None) -> tuple[OutputContract, ...]:
    """The outputs of a call, flattened, in order.

    Args:
        config: the configuration.
        lengths: the lengths of packed sequences, on which some shapes depend; ignored elsewhere.
    """
    symbols = _symbols(config, lengths)
    return tuple(
        OutputContract(
            rule.name,
            axes := _laid_out(rule.shape, config),
            _shape(axes, symbols),
            rule.dtype or config.dtype,
            rule.judged,
            _meaning(rule, config),
        )
        for rule in _output_rules(config)
    )


def outputs_of(config: LayerConfig, tensors: Tensors) -> tuple[OutputContract, ...]:
    """The outputs of a call with these tensors."""
    return outputs(config, None if tensors.lengths is None else [int(length) for length in tensors.lengths])


def structure(config: LayerConfig) -> Tree:
    """The nesting of the outputs that the dialect promises; indices refer to `outputs(config)`."""
    rules = _output_rules(config)
    if config.rules.nesting != "places":
        several = "tuple" if config.rules.nesting == "flat" else "list"
        return 0 if len(rules) == 1 else {several: list(range(len(rules)))}
    root: dict[tuple[int, ...], list[int]] = {}
    for index, rule in enumerate(rules):
        root.setdefault(rule.place or (), []).append(index)
    packed = {rule.place for rule in rules if rule.packed}
    leaves: dict[tuple[int, ...], Tree] = {
        place: {"packed": indices} if place in packed else indices[0] for place, indices in root.items()
    }
    return _nested(leaves, ())


def _laid_out(axes: tuple[str, ...], config: LayerConfig) -> tuple[str, ...]:
    """The axes of an output, time first if the layer is asked for that."""
    if config.get("time_major") is True and axes[:2] == ("batch", "timesteps"):
        return ("timesteps", "batch", *axes[2:])
    return axes


def _nested(leaves: Mapping[tuple[int, ...], Tree], prefix: tuple[int, ...]) -> Tree:
    if prefix in leaves:
        return leaves[prefix]
    depth = len(prefix)
    branches = sorted({place[depth] for place in leaves if place[:depth] == prefix})
    return {"tuple": [_nested(leaves, (*prefix, branch)) for branch in branches]}


def _output_rules(config: LayerConfig) -> tuple[OutputRule, ...]:
    return tuple(rule for rule in config.rules.outputs if rule.applies(config.layer, config.options))


def _weights(config: LayerConfig) -> Iterator[WeightContract]:
    options, symbols = config.options, _symbols(config, None)
    rules = [rule for rule in config.rules.weights if rule.applies(config.layer, options)]
    for layer in range(symbols["num_layers"]):
        inputs = symbols["features"] if layer == 0 else symbols["directions"] * symbols["projected"]
        for direction in range(symbols["directions"]):
            for rule in rules:
                yield WeightContract(
                    name=_weight_name(config, rule, layer, direction),
                    role=rule.role,
                    axes=rule.shape,
                    shape=_shape(rule.shape, symbols | {"inputs": inputs}),
                    initial=rule.initial,
                    layer=layer,
                    direction=direction,
                )


def _weight_name(config: LayerConfig, rule: WeightRule, layer: int, direction: int) -> str:
    mark = config.rules.weight_prefixes[direction] if config.bidirectional else ""
    name = rule.name.format(layer=layer)
    return name + mark if config.rules.nesting == "places" else mark + name


def _symbols(config: LayerConfig, lengths: Sequence[int] | None) -> dict[str, int]:
    """The sizes that shapes are products of."""
    sizes, options = config.sizes, config.options
    units = sizes.units
    return {
        **vars(sizes),
        "gates": len(config.rules.layers[config.layer].blocks),
        "directions": 2 if config.bidirectional else 1,
        "num_layers": _number(options.get("num_layers"), 1),
        "projected": _number(options.get("proj_size"), 0) or units,
        "merged": 2 * units if options.get("merge_mode") == "concat" else units,
        "total": sum(lengths) if lengths is not None else sizes.batch * sizes.timesteps,
        "longest": max(lengths) if lengths is not None else sizes.timesteps,
    }


def _meaning(rule: OutputRule, config: LayerConfig) -> str:
    """The rule's words, with the input steps at which the two directions end filled in."""
    ends = ("first", "last") if config.get("go_backwards") is True else ("last", "first")
    return rule.meaning.format(forward_end=ends[0], backward_end=ends[1])


def _number(value: Value | None, default: int) -> int:
    return value if isinstance(value, int) else default


def _shape(axes: Sequence[str], symbols: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(
        math.prod(int(factor) if factor.isdigit() else symbols[factor] for factor in axis.split("*")) for axis in axes
    )
