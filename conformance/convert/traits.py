"""What a layer does, in words that belong to no API; what an API lacks; and which arrays a layer has."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from conformance.convert.errors import ConvertError
from conformance.errors import SpecError
from conformance.spec import Array, LayerConfig, Sizes, Value, WeightContract, load_dialect
from conformance.spec import weights as weight_contracts

Option = Value | float | Sequence[str] | Sequence[float]
"""A value of an option; the activations of ONNX are lists."""

COUNTS = {"num_layers": 1, "proj_size": 0}
"""Options whose value is any whole number, and the least one. The specification lists the values that it tests."""

LAYERS = ("simple_rnn", "lstm", "gru")


@dataclass(frozen=True)
class Traits:
    """A layer, or a stack of equal layers, whatever its API.

    Attributes:
        layer: `simple_rnn`, `lstm` or `gru`.
        num_layers: layers stacked on one another.
        bidirectional: whether each of them reads in both directions.
        backwards: whether the one direction, or the first one, reads from the last step to the first.
        bias: whether there are biases.
        activation: of the candidate.
        output_activation: of the LSTM's cell state.
        recurrent_activation: of the gates.
        reset_after: whether the GRU applies its reset gate after the recurrent product.
        proj_size: to what size the LSTM projects its hidden state; 0: it does not.
        merge_mode: how the two directions become one output.
        peepholes: whether the LSTM's gates see its cell state.
        clip: limit of the inputs of activations; 0: none.
        input_forget: whether the LSTM couples its input and forget gates.
        batch_first: whether the batch is the first axis of input and output.
        mask: which steps are left out: `none`, `right` padding, or others.
    """

    layer: str
    num_layers: int = 1
    bidirectional: bool = False
    backwards: bool = False
    bias: bool = True
    activation: str = "tanh"
    output_activation: str = "tanh"
    recurrent_activation: str = "sigmoid"
    reset_after: bool = True
    proj_size: int = 0
    merge_mode: str = "concat"
    peepholes: bool = False
    clip: float = 0
    input_forget: bool = False
    batch_first: bool = True
    mask: str = "none"

    @property
    def directions(self) -> int:
        """1 or 2."""
        return 2 if self.bidirectional else 1

    @property
    def one_activation(self) -> bool:
        """Whether the LSTM has the same activation in both places."""
        return self.layer != "lstm" or self.activation == self.output_activation

    @property
    def reversed_stack(self) -> bool:
        """Whether reading backwards is more than flipping the input once."""
        return self.backwards and (self.bidirectional or self.num_layers > 1)

    @property
    def merged_stack(self) -> bool:
        """Whether layers read anything but the joined halves of the layer below."""
        return self.bidirectional and self.merge_mode != "concat" and self.num_layers > 1

    def inputs(self, layer: int, features: int, units: int) -> int:
        """How many features a layer of the stack reads."""
        width = self.proj_size or units
        return features if layer == 0 else width * (self.directions if self.merge_mode == "concat" else 1)


@dataclass(frozen=True)
class Limit:
    """What an API can express of a trait: `values` on `layers`; `why` says in one line what is missing."""

    trait: str
    values: Collection[Value]
    why: str
    layers: Collection[str] = LAYERS


ONE_BY_ONE = Limit(
    "reversed_stack", (False,), "a stack or a Bidirectional whose layers read backwards; convert its layers one by one"
)

LENGTHS_ONLY = Limit("mask", ("none", "right"), "a mask of {}: it takes the length of each row, at least 1")


def check(title: str, limits: Sequence[Limit], traits: Traits) -> None:
    """`ConvertError` if an API lacks something that a layer has."""
    for limit in limits:
        value = getattr(traits, limit.trait)
        if traits.layer in limit.layers and value not in limit.values:
            raise ConvertError(f"{title} cannot express {limit.why.format(value)}")


def completed(dialect: str, layer: str, given: Mapping[str, Option], extra: Collection[str] = ()) -> dict[str, Value]:
    """All options of a layer of a dialect of the specification; counts may be larger than those that are tested.

    Args:
        dialect: the dialect.
        layer: the layer.
        given: the options that were given; others have their default.
        extra: counts that the dialect's layers do not have by themselves.

    Raises:
        ConvertError: for an unknown layer, option or value.
    """
    counts = {name: count(name, given[name]) for name in COUNTS if name in given}
    known = load_dialect(dialect)
    plain = {name: value for name, value in given.items() if name not in extra}
    tested = {name: known.options[name].default if name in counts else value for name, value in plain.items()}
    try:
        chosen = known.complete(layer, tested)  # type: ignore[arg-type]  # anything but a value is refused there
    except SpecError as error:
        raise ConvertError(str(error)) from None
    return chosen | {name: COUNTS[name] for name in extra} | counts


def count(name: str, value: Option) -> int:
    """A whole number; `ConvertError` if it is none or too small."""
    least = COUNTS.get(name, 1)
    if type(value) is not int or value < least:
        raise ConvertError(f"{name}={value!r} is not valid; it is a whole number from {least}")
    return value


def named_arrays(
    dialect: str, options: Mapping[str, Value], traits: Traits, arrays: Sequence[Array], features: int, units: int
) -> Iterator[tuple[WeightContract, Array]]:
    """The arrays of a layer of a dialect of the specification, each with what it is.

    Raises:
        ConvertError: if their number or a shape is wrong.
    """
    known = load_dialect(dialect)
    # what weights there are depends on whether there is a projection, not on its size, which may be an untested one
    tested = {name: min(value, 1) if name == "proj_size" else value for name, value in options.items()}
    config = LayerConfig(dialect, traits.layer, tuple(tested.items()), Sizes(1, 1, features, units))
    contracts = weight_contracts(config)
    count_arrays(known.title, traits, len(arrays), len(contracts))
    for contract, array in zip(contracts, arrays, strict=True):
        inputs = traits.inputs(contract.layer, features, units)
        symbols = {
            "features": inputs,
            "inputs": inputs,
            "units": units,
            "projected": traits.proj_size or units,
            "gates": len(known.layers[traits.layer].blocks),
        }
        shape = tuple(math.prod(_factor(part, symbols) for part in axis.split("*")) for axis in contract.axes)
        check_shape(f"{contract.name} of layer {contract.layer}", array, shape)
        yield contract, array


def count_arrays(title: str, traits: Traits, got: int, wanted: int) -> None:
    """`ConvertError` if a layer has another number of arrays."""
    if got != wanted:
        what = f"{traits.num_layers} layer{'s' if traits.num_layers > 1 else ''} in {traits.directions} direction"
        what += f"{'s' if traits.bidirectional else ''}, {'with' if traits.bias else 'without'} bias"
        raise ConvertError(f"{got} arrays were given; {title} has {wanted} for {traits.layer}, {what}")


def check_shape(what: str, array: Array, shape: tuple[int, ...]) -> None:
    """`ConvertError` if an array has another shape."""
    if array.shape != shape:
        raise ConvertError(f"{what} has shape {array.shape}; it should have {shape}")


def _factor(part: str, symbols: Mapping[str, int]) -> int:
    return int(part) if part.isdigit() else symbols[part]
