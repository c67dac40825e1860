"""What must hold between the results of calls and those of the case; numbers of calls are places in a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from conformance.spec import LayerConfig, OutputContract, Tensors

Index = tuple[Any, ...]
"""How NumPy picks elements of an array: slices, positions, arrays of positions."""


@dataclass(frozen=True)
class Part:
    """Elements of an output of a further call.

    Attributes:
        call: number of the call, from 0.
        output: number of the output.
        index: which of its elements.
    """

    call: int
    output: int
    index: Index = (...,)


@dataclass(frozen=True)
class Same:
    """Elements of an output of the case equal elements of outputs of further calls, up to rounding.

    Attributes:
        output, index: number of the case's output, and which of its elements.
        parts: the elements they equal; two or more are combined first.
        combined: how: `sum`, `mul` or `ave`.
        told: what is wrong if it is not so; empty: what the plan says.
    """

    output: int
    index: Index
    parts: tuple[Part, ...]
    combined: str = "sum"
    told: str = ""


@dataclass(frozen=True)
class Handed:
    """States that a further call returned: the outputs of these numbers."""

    call: int
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Judged:
    """The outputs of a further call are what the reference expects of a configuration with other tensors.

    Attributes:
        call: number of the call.
        config, tensors: what the reference is asked, which may be easier to reason about than what was sent.
        states: what is put in the place of the initial states.
        told: what is wrong if it is not so; empty: what the plan says.
    """

    call: int
    config: LayerConfig
    tensors: Tensors
    states: Handed | None = None
    told: str = ""


@dataclass(frozen=True)
class Quantized:
    """The outputs of a further call are what the reference expects, up to what eight bits may do to products."""

    call: int


@dataclass(frozen=True)
class Poisoned:
    """The outputs of a further call are NaN where its NaN reach, and those of the case elsewhere."""

    call: int


@dataclass(frozen=True)
class Unlike:
    """The outputs of a further call differ from those of the case where the reference says that they do."""

    call: int


@dataclass(frozen=True)
class Differentiated:
    """The gradients that a further call gives are the derivatives of the equations."""

    call: int


@dataclass(frozen=True)
class Curved:
    """What a further call gives is how the derivatives of the equations change along its directions."""

    call: int


@dataclass(frozen=True)
class Penalty:
    """`l1` times the sum of absolute values, and `l2` times that of squares."""

    l1: float = 0.0
    l2: float = 0.0


@dataclass(frozen=True)
class Constraint:
    """What is done to a weight after a step.

    Attributes:
        non_negative: negative numbers become zero, and all is done.
        low, high: the norm of each column, along the first axis, is moved to the nearest number between them,
        rate: but by this share of the way alone.
        epsilon: what may be added to the norm where it is divided by.
    """

    non_negative: bool = False
    low: float = 0.0
    high: float = inf
    rate: float = 1.0
    epsilon: float = 0.0


@dataclass(frozen=True)
class Penalised:
    """A further call gives the sum of penalties.

    Attributes:
        call: number of the call.
        weights: number of a weight -> its penalty.
        output: of what each layer gives, without its states, divided by the size of the batch; None: it has none.
        told: what is counted.
    """

    call: int
    weights: Mapping[int, Penalty]
    output: Penalty | None = None
    told: str = ""


@dataclass(frozen=True)
class Descended:
    """The weights after each step of a further call are those before it, less the rate times the gradients there.

    Attributes:
        call: number of the call.
        penalties: number of a weight -> the penalty of it that is added to the loss.
        constraints: number of a weight -> what is done to it after each step.
        output: the penalty of what each layer gives, without its states, divided by the size of the batch; None: none.
        told: what is trained, where failures of it are told apart from others.
    """

    call: int
    penalties: Mapping[int, Penalty] = field(default_factory=dict)
    constraints: Mapping[int, Constraint] = field(default_factory=dict)
    output: Penalty | None = None
    told: str = ""


@dataclass(frozen=True)
class Started:
    """The weights of new layers, one for each of these calls, are drawn as the dialect promises."""

    calls: tuple[int, ...]


@dataclass(frozen=True)
class Site:
    """What one element of a dropout mask acts on.

    Attributes:
        kind: which of the masks it belongs to; elements of one kind are dropped at one rate.
        group: elements of different groups may follow from each other.
        weight, index: number of a weight, and the part of it that is multiplied: what is dropped does not enter into
            these products; or None, and an index into `Tensors.between`.
    """

    kind: str
    group: int
    weight: int | None
    index: Index


@dataclass(frozen=True)
class Dropped:
    """Calls in training, with many equal rows, each of which shows a mask.

    Attributes:
        calls: whose masks are independent of each other.
        config, tensors: of one row.
        sites: the elements of its mask.
        rates: kind of site -> the rate at which it is dropped; what is kept is multiplied by 1 / (1 - rate).
    """

    calls: tuple[int, ...]
    config: LayerConfig
    tensors: Tensors
    sites: tuple[Site, ...]
    rates: Mapping[str, float]


@dataclass(frozen=True)
class SameMasks:
    """A call shows the masks that another one has shown; `told` if not. If that is left `open`, it is only recorded."""

    call: int
    other: int
    dropped: Dropped
    told: str
    open: bool = False


Relation = (
    Same
    | Judged
    | Quantized
    | Poisoned
    | Unlike
    | Differentiated
    | Curved
    | Descended
    | Penalised
    | Started
    | Dropped
    | SameMasks
)


def same(
    contract: Sequence[OutputContract], call: int, index: Callable[[OutputContract], Index], told: str = ""
) -> tuple[Same, ...]:
    """All outputs whose values are promised, equal at the same elements."""
    return tuple(
        Same(number, index(output), (Part(call, number, index(output)),), told=told)
        for number, output in enumerate(contract)
        if output.judged == "values"
    )


def everything(_output: OutputContract) -> Index:
    """All elements."""
    return (...,)
