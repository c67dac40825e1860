"""The words of laws: further calls that belong to a case, and what must hold between their results and the case's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from conformance.generate.bits import Stream
from conformance.spec import Array, Case, LayerConfig, OutputContract, Tensors, outputs_of

Index = tuple[Any, ...]
"""How NumPy picks elements of an array: slices, positions, arrays of positions."""

Can = Callable[[LayerConfig], bool]
"""Whether the implementation claims a configuration."""


@dataclass(frozen=True)
class Way:
    """A way in which an implementation says beforehand what a call will give.

    Attributes:
        name: its own for it.
        of: what is declared: `outputs`, or the `mask` that is handed on.
        unknown: the axes of the input whose sizes are not told.
    """

    name: str
    of: Literal["outputs", "mask"]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manner:
    """How a call differs from a plain one.

    Attributes:
        weights: whether the weights are set before it; otherwise the layer keeps those that it has.
        kept_inputs: call with the living tensors of the case's own call instead of new ones.
        carry: which outputs of the layer's call before it are handed over as its initial states, as they came.
        layout: of the arguments in memory: `plain`, `fortran`, `strided` or `read-only`.
        threads: call in so many threads at a time, once more in each with the arguments of the case's own call.
        scribble: after its results were sent, they are overwritten.
        reset: states that the layer keeps are reset before it.
        training: whether the layer is called as in training (True) or as in use (False); None: nothing is said.
        seed: random numbers of the framework start anew from it before the call, where the dialect has no seed for each
            layer.
        route: another way to the same result, by the name that the implementation gave it; empty: a plain call.
        steps: so many steps of gradient descent are taken, with the loss of the call's cotangents.
        rate: of learning.
        frozen: the numbers of the weights that are not trained.
        declare: nothing is called: the layer says what a call would give.
        penalty: what comes is not what the layer gives, but the sum of its penalties after the call.
    """

    weights: bool = True
    kept_inputs: bool = False
    carry: tuple[int, ...] = ()
    layout: Literal["plain", "fortran", "strided", "read-only"] = "plain"
    threads: int = 0
    scribble: bool = False
    reset: bool = False
    training: bool | None = None
    seed: int | None = None
    route: str = ""
    steps: int = 0
    rate: float = 0.0
    frozen: tuple[int, ...] = ()
    declare: Way | None = None
    penalty: bool = False

    @property
    def name(self) -> str:
        """The implementation's own name for the route, or for the way to declare; empty for other calls."""
        return self.declare.name if self.declare else self.route


PLAIN = Manner()


@dataclass(frozen=True)
class Call:
    """A further call.

    Attributes:
        config: what is called, and how.
        tensors: its weights and arguments.
        layer: 0 for the living layer of the case, 1, 2, ... for layers built for this law.
        manner: how it is called.
        arguments: of the constructor, on top of those that follow from `config`.
        cotangents: number of an output -> the weight of each of its elements in a loss. With any, the call gives no
            outputs, but the gradients of that loss with respect to all that it is given, or with `manner.steps` the
            weights after every step.
        directions: one for the input, every weight and every initial state. With them, the call gives how these
            gradients change along all of them at once: second derivatives.
        fresh: the layer is only built, with the weights that it has if nobody says anything; these are what comes.
        any_type: the types of what it gives are left open.
    """

    config: LayerConfig
    tensors: Tensors
    layer: int = 0
    manner: Manner = PLAIN
    arguments: tuple[tuple[str, Any], ...] = ()
    cotangents: Mapping[int, Array] = field(default_factory=dict)
    directions: tuple[Array, ...] = ()
    fresh: bool = False
    any_type: bool = False


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
    """

    output: int
    index: Index
    parts: tuple[Part, ...]
    combined: str = "sum"


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
        non_negative: numbers of the weights in which negative numbers become zero after each step.
    """

    call: int
    penalties: Mapping[int, Penalty] = field(default_factory=dict)
    non_negative: tuple[int, ...] = ()


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


@dataclass(frozen=True)
class Plan:
    """What is called, and what must hold then.

    Attributes:
        calls: the further calls, in order.
        relations: what must hold.
        told: what is wrong if something does not hold; opens the message of a failure.
    """

    calls: tuple[Call, ...]
    relations: tuple[Relation, ...]
    told: str


@dataclass(frozen=True)
class Subject:
    """The case that a law is about.

    Attributes:
        case, tensors: the case with its tensors.
        can: whether the implementation claims a configuration.
        name: of the law; its random choices follow from it and the case.
        routes: the ways to call it, beside plain calls, that the implementation offers.
        declares: the ways in which the implementation says beforehand what a call gives.
        runtimes: the ways through an exported program that another runtime runs.
        quantizes: the ways to quantize it.
    """

    case: Case
    tensors: Tensors
    can: Can
    name: str
    routes: tuple[str, ...] = ()
    declares: tuple[Way, ...] = ()
    runtimes: tuple[str, ...] = ()
    quantizes: tuple[str, ...] = ()

    @property
    def config(self) -> LayerConfig:
        """The configuration of the case."""
        return self.case.config

    @property
    def contract(self) -> tuple[OutputContract, ...]:
        """The outputs of the case."""
        return outputs_of(self.config, self.tensors)

    @property
    def stream(self) -> Stream:
        """Random choices."""
        return Stream(self.case.data.seed, "law", self.name)


@dataclass(frozen=True)
class Law:
    """A property that needs further calls.

    Attributes:
        name: stable public name, also that of the check.
        meaning: one line for people.
        plan: the calls and relations for a subject; None where the law says nothing about it.
        needs: features that the implementation must have.
        everywhere: whether it also binds values that the specification leaves open: what is shown may be open, that it
            follows from the same things in the same way is not.
        spoils: whether a fault that it looks for would change what other laws look at; it is then tried after them.
        rests_on: the law without which it cannot hold: what breaks that one breaks it, too.
        form_alone: whether it looks at shapes, types and nesting, and at no values.
        ways: whether its further calls are ways that an implementation offers, by names of its own, and that have
            nothing to do with each other: each is judged, and known, by itself.
        one_in: of so many configurations one tries it in its turn, the others last of all: it costs much.
        elsewhere: whether its further calls are computed by another program, whose activations nobody has measured.
    """

    name: str
    meaning: str
    plan: Callable[[Subject], Plan | None]
    needs: tuple[str, ...] = ()
    everywhere: bool = False
    spoils: bool = False
    rests_on: str | None = None
    form_alone: bool = False
    ways: bool = False
    elsewhere: bool = False
    one_in: int = 1


def same(contract: Sequence[OutputContract], call: int, index: Callable[[OutputContract], Index]) -> tuple[Same, ...]:
    """All outputs whose values are promised, equal at the same elements."""
    return tuple(
        Same(number, index(output), (Part(call, number, index(output)),))
        for number, output in enumerate(contract)
        if output.judged == "values"
    )


def everything(_output: OutputContract) -> Index:
    """All elements."""
    return (...,)


FEATURES: Mapping[str, str] = {
    "carry": "hand the states of one call to the next as they came",
    "layouts": "take arguments in any layout in memory",
    "threads": "be called from several threads at a time",
    "ownership": "return what can be written into",
    "stateful": "keep states between calls",
    "mixed": "keep weights in float32 and compute in half precision",
    "gradients": "compute gradients",
    "curvature": "compute second derivatives",
    "train": "be trained",
    "initial_weights": "make its own weights",
    "dropout": "drop in training what dropout rates say",
    "regularizers": "penalize and constrain weights",
    "declares": "say beforehand what a call gives",
    "runtimes": "be exported and run by another runtime",
    "quantizes": "be quantized",
}
"""What an implementation may claim to do beyond plain calls."""
