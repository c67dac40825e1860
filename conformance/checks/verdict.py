"""The outcome of one check on one case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Outcome = Literal[
    "pass", "fail", "error", "crash", "timeout", "known", "fixed", "unsupported", "unspecified", "not run"
]
"""The closed set of outcomes of one check on one case."""

DEVIATIONS: tuple[Outcome, ...] = ("fail", "error", "crash", "timeout")
"""The outcomes that contradict the specification and are not declared."""


@dataclass(frozen=True)
class Worst:
    """The element of an output that is furthest outside (or nearest to the edge of) what is allowed.

    Attributes:
        output: name of the output.
        index: axis name -> position, such as `{"batch": 0, "timesteps": 2, "units": 1}`.
        got, expected: the value that came and the reference's.
        allowed: how far they may be apart.
        first_step: first step (in time order of the output) with a value out of bounds, where the output has steps.
    """

    output: str
    index: Mapping[str, int]
    got: float
    expected: float
    allowed: float
    first_step: int | None = None


@dataclass(frozen=True)
class Elements:
    """How many elements of a case were judged, and how many could say little.

    Attributes:
        judged: compared with the bound (the following three included).
        weak: allowance above 1000 units of rounding of the element's scale.
        uninformative: allowance above an eighth of the scale.
        void: a partial sum may overflow; nothing can be said.
        unspecified: the specification leaves the value open; not compared.
        measured: whether weak and uninformative were counted here (they need the signed bound; a sample has it).
    """

    judged: int = 0
    weak: int = 0
    uninformative: int = 0
    void: int = 0
    unspecified: int = 0
    measured: bool = False


@dataclass(frozen=True)
class Also:
    """One more thing that a check found wrong, such as one more route of a call; fields as those of a `Verdict`."""

    outcome: Outcome
    cause: str
    message: str


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check on one case.

    Attributes:
        outcome: one of the closed set.
        message: one line; None for a plain pass.
        ratio: largest error ÷ allowed over all elements (checks of values only).
        bound: which allowance settled it: `step` or `signed`.
        elements: counts of elements (checks of values only).
        worst: the worst element (checks of values only, when out of bounds).
        cause: a short key that is equal for failures that look the same; groups are made of it.
        also: what else is wrong, where a check looks at several things; None: nothing.
    """

    outcome: Outcome
    message: str | None = None
    ratio: float | None = None
    bound: str | None = None
    elements: Elements | None = None
    worst: Worst | None = None
    cause: str | None = None
    also: tuple[Also, ...] | None = None

    @property
    def parts(self) -> tuple[Verdict, ...]:
        """A verdict on each thing that is wrong; mostly this one alone."""
        if not self.also:
            return (self,)
        return (replace(self, also=None), *(Verdict(it.outcome, it.message, cause=it.cause) for it in self.also))

    @property
    def told(self) -> str:
        """The message, and what else is wrong."""
        return "; also ".join(part.message or "" for part in self.parts)


PASS = Verdict("pass")


def joined(parts: Sequence[Verdict]) -> Verdict:
    """One verdict of the `parts` of one check: the first one that deviates, if any does, with the others beside it."""
    first, *others = sorted(parts, key=lambda part: part.outcome not in DEVIATIONS)
    also = tuple(Also(part.outcome, part.cause or "", part.message or "") for part in others)
    return replace(first, also=also or None)
