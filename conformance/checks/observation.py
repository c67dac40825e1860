"""What was seen of one case on one implementation, and what was expected: all that checks look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import islice
from typing import Literal

from conformance.laws import Plan
from conformance.reference import ELSEWHERE, Expected, Precision, evaluate, precision
from conformance.spec import Array, Case, LayerConfig, OutputContract, Tensors, Tree, outputs_of, structure

LARGEST_PASS = 2**16
"""Most batch * units² of all draws whose `signed` allowances are computed at once: some ten MB of numbers."""


@dataclass(frozen=True)
class Declared:
    """What a layer says beforehand of one thing that a call gives.

    Attributes:
        shape: sizes; None: not known beforehand.
        dtype: its type; None: not said.
        value: the thing itself, where there is one already (a mask).
    """

    shape: tuple[int | None, ...]
    dtype: str | None
    value: Array | None = None


@dataclass(frozen=True)
class Reply:
    """What a call gave back: arrays as they came, and how they were nested; or what was declared of them."""

    outputs: tuple[Array, ...]
    structure: Tree
    seconds: float
    declared: tuple[Declared, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """An error that the implementation raised.

    Attributes:
        stage: `construct`, `build`, `weights`, `call` or `adapter` (the adapter itself is at fault).
        type: name of the error's type.
        bases: names of the type and all its bases.
        message: its text.
    """

    stage: str
    type: str
    bases: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class Lost:
    """No answer: the process died or was stopped.

    Attributes:
        outcome: `crash` or `timeout`.
        message: what is known of it.
        repeated: whether it happened again when the case was run alone.
    """

    outcome: Literal["crash", "timeout"]
    message: str
    repeated: bool = True


@dataclass(frozen=True)
class Built:
    """The weights of a layer before anybody set them, in the order of the API."""

    weights: tuple[Array, ...]


@dataclass(frozen=True)
class Recalled:
    """Weights, and tensors and outputs of an earlier call, read again from the living objects after other calls."""

    weights: tuple[Array, ...]
    x: Array
    mask: Array | None
    lengths: Array | None
    initial_state: tuple[Array, ...] | None
    outputs: tuple[Array, ...]


@dataclass(frozen=True)
class Followed:
    """What was seen of a law.

    Attributes:
        plan: the further calls, and what must hold.
        replies: what each of them gave; fewer if the process was lost.
        lost: how, if it was.
    """

    plan: Plan
    replies: tuple[Reply | Refusal, ...]
    lost: Lost | None = None


@dataclass(frozen=True)
class Unclaimed:
    """A law that cannot be tried, because the implementation does not offer a feature."""

    feature: str


@dataclass(frozen=True)
class Expectation:
    """What the specification and the reference expect of a case, for an implementation of a given accuracy.

    The cheap allowance (`step`) is there from the start; `signed` is computed (`decide`) when somebody asks. `step` is
    never larger than `signed`, so a value within `step` is right; only where it is not, `signed` decides.
    """

    case: Case
    tensors: Tensors
    precision: Precision
    step: tuple[Expected, ...]
    decide: Callable[[], tuple[Expected, ...]]

    @cached_property
    def contract(self) -> tuple[OutputContract, ...]:
        """The outputs, flattened, in order."""
        return outputs_of(self.case.config, self.tensors)

    @cached_property
    def structure(self) -> Tree:
        """The nesting of the outputs."""
        return structure(self.case.config)

    @cached_property
    def signed(self) -> tuple[Expected, ...]:
        """The allowance that no correct implementation exceeds."""
        return self.decide()


@dataclass(frozen=True)
class _Signed:
    """The `signed` allowances of several draws. Mostly nobody asks for any, or for one alone.

    Where a second is asked for, many will be; and a pass over all draws costs little more than over one.
    """

    config: LayerConfig
    drawn: Sequence[Tensors]
    precision: Precision
    known: dict[int, tuple[Expected, ...]] = field(default_factory=dict)

    def of(self, draw: int) -> tuple[Expected, ...]:
        """Of one of them."""
        if draw not in self.known:
            sizes = self.config.sizes
            most = max(1, LARGEST_PASS // (sizes.batch * sizes.units**2)) if self.known else 1
            others = (it for it in range(len(self.drawn)) if it not in self.known and it != draw)
            wanted = [draw, *islice(others, most - 1)]
            due = evaluate(self.config, [self.drawn[it] for it in wanted], self.precision, "signed")
            self.known.update(zip(wanted, due, strict=True))
        return self.known[draw]


def expectations(cases: Sequence[Case], drawn: Sequence[Tensors], precision: Precision) -> tuple[Expectation, ...]:
    """The expectations of cases of one configuration, computed in one pass."""
    steps, signed = evaluate(cases[0].config, drawn, precision, "step"), _Signed(cases[0].config, drawn, precision)
    return tuple(
        Expectation(case, drawn[draw], precision, step, partial(signed.of, draw))
        for draw, (case, step) in enumerate(zip(cases, steps, strict=True))
    )


def of_any_program(due: Expectation) -> Expectation:
    """The same case, expected of a program whose activations nobody has measured."""
    held_to = precision(due.precision.dtype, ELSEWHERE)
    (found,) = expectations((due.case,), (due.tensors,), held_to)
    return found


@dataclass(frozen=True)
class Observation:
    """One case on one implementation.

    Attributes:
        case: the case.
        expectation: what should come; None where the case must be refused.
        built: the layer as it was built, or why not; None if this case was not the one that built it.
        reply: what the call gave; None if there was no call.
        again: what the same call on the same layer gave a second time, or why not, if it was made.
        recalled: this call's tensors and outputs read again after later calls, or why not, if that was tried.
        weights_after: the weights read again after all calls, beside those that were set.
        laws: what was seen of the laws that were tried.
        sampled: whether weak and uninformative elements are to be counted (needs the signed allowance).
    """

    case: Case
    expectation: Expectation | None = None
    built: Built | Refusal | Lost | None = None
    reply: Reply | Refusal | Lost | None = None
    again: Reply | Refusal | None = None
    recalled: Recalled | Refusal | None = None
    weights_after: Mapping[str, tuple[Array, Array]] = field(default_factory=dict)
    laws: Mapping[str, Followed | Unclaimed] = field(default_factory=dict)
    sampled: bool = False

    @property
    def answer(self) -> Reply | Refusal | Lost | None:
        """The reply, or what came in its place."""
        return self.built if isinstance(self.built, Refusal | Lost) else self.reply
