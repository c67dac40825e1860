"""The words of laws: further calls that belong to a case, and the plans they are part of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from conformance.generate.bits import Stream
from conformance.laws.relations import Relation
from conformance.spec import Array, Case, LayerConfig, OutputContract, Tensors, outputs_of

Can = Callable[[LayerConfig], bool]
"""Whether the implementation claims a configuration."""


@dataclass(frozen=True)
class Way:
    """A way that an implementation offers beside plain calls.

    Attributes:
        name: its own for it.
        of: where it says beforehand what a call will give, what is declared: `outputs`, or the `mask` that is handed
            on; else empty.
        unknown: the axes of the input whose sizes are not told.
    """

    name: str
    of: Literal["outputs", "mask", ""] = ""
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
        steps: so many steps of gradient descent are taken, with the loss of the call's cotangents or targets.
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
        targets: number of an output -> what it is to become. In place of cotangents, where steps are taken: the loss is
            the sum of the mean squared errors of these outputs.
        directions: one for the input, every weight and every initial state. With them, the call gives how these
            gradients change along all of them at once: second derivatives.
        fresh: the layer is only built, with the weights that it has if nobody says anything; these are what comes.
        any_type: the types of what it gives are left open.
        silent: it gives nothing back; what it has done shows in later calls.
    """

    config: LayerConfig
    tensors: Tensors
    layer: int = 0
    manner: Manner = PLAIN
    arguments: tuple[tuple[str, Any], ...] = ()
    cotangents: Mapping[int, Array] = field(default_factory=dict)
    targets: Mapping[int, Array] = field(default_factory=dict)
    directions: tuple[Array, ...] = ()
    fresh: bool = False
    any_type: bool = False
    silent: bool = False


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
        ways: kind of ways (`WAYS`) -> those that the implementation offers for it.
    """

    case: Case
    tensors: Tensors
    can: Can
    name: str
    ways: Mapping[str, Sequence[Way]] = field(default_factory=dict)

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

    def offered(self, kind: str) -> list[str]:
        """The names of the ways of a kind."""
        return [way.name for way in self.ways.get(kind, ())]


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
        ways: the kind of ways (`WAYS`) that its further calls are, if each is judged, and known, by itself; empty: its
            calls have to do with each other.
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
    ways: str = ""
    elsewhere: bool = False
    one_in: int = 1


WAYS: Mapping[str, str] = {
    "routes": "be called in other ways",
    "declares": "say beforehand what a call gives",
    "runtimes": "be exported and run by another runtime",
    "quantizes": "be quantized",
}
"""Kinds of ways that an implementation may offer, each by names of its own, and what one who offers any claims to."""

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
    "targets": "be trained towards targets",
    "initial_weights": "make its own weights",
    "dropout": "drop in training what dropout rates say",
    "regularizers": "penalize and constrain weights",
    **WAYS,
}
"""What an implementation may claim to do beyond plain calls."""
