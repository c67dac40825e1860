"""Statements about a case that are true or false: options and layer, sizes, what its data are like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from conformance.generate.tensors import mask_of
from conformance.spec import Array, Case, Value

Features = Mapping[str, Value]
"""What may matter about a case, by name."""

SIZES = ("batch", "timesteps", "features", "units")

GAP = "the mask has a gap"
EMPTY = "a row is masked throughout"
FIRST = "a first step is masked"
LAST = "a last step is masked"
OF_MASKS = (GAP, EMPTY, FIRST, LAST)
"""What a mask may be like; features of cases that have one."""


class Condition(Protocol):
    """What a failure needs."""

    @property
    def text(self) -> str:
        """The condition, for people."""
        ...

    def holds(self, features: Features) -> bool:
        """Whether it is true of a case with these features."""
        ...


@dataclass(frozen=True)
class Literal:
    """One feature has one of these values; `text` says so for people."""

    name: str
    values: tuple[Value, ...]
    text: str

    def holds(self, features: Features) -> bool:
        """Whether it is true of a case with these features."""
        return self.name in features and features[self.name] in self.values


def literal(name: str, values: Sequence[Value], domain: Sequence[Value]) -> Literal:
    """That a feature has one of these values of its domain, said as briefly as can be."""
    others = [value for value in domain if value not in values]
    if len(others) == 1 and len(values) > 1:
        return Literal(name, tuple(values), f"{name}!={others[0]}")
    return Literal(name, tuple(values), f"{name}=" + "|".join(map(str, values)))


@dataclass(frozen=True)
class Within:
    """A size is at least `least` and, if there is a limit, at most `most`."""

    name: str
    least: int = 1
    most: int | None = None

    @property
    def text(self) -> str:
        """The condition, for people."""
        if self.most is None:
            return f"{self.name}>{self.least - 1}"
        return f"{self.name}={self.most}" if self.least == self.most else f"{self.name}<{self.most + 1}"

    def holds(self, features: Features) -> bool:
        """Whether it is true of a case with these features."""
        size = features[self.name]
        return isinstance(size, int) and self.least <= size and (self.most is None or size <= self.most)


@dataclass(frozen=True)
class Multiple:
    """A size is a multiple of a number, or is none."""

    name: str
    divisor: int
    wanted: bool

    @property
    def text(self) -> str:
        """The condition, for people."""
        return f"{self.name} {'a' if self.wanted else 'not a'} multiple of {self.divisor}"

    def holds(self, features: Features) -> bool:
        """Whether it is true of a case with these features."""
        size = features[self.name]
        return isinstance(size, int) and (size % self.divisor == 0) == self.wanted


@dataclass(frozen=True)
class Larger:
    """One size is larger than another one."""

    name: str
    other: str

    @property
    def text(self) -> str:
        """The condition, for people."""
        return f"{self.name}>{self.other}"

    def holds(self, features: Features) -> bool:
        """Whether it is true of a case with these features."""
        size, other = features[self.name], features[self.other]
        return isinstance(size, int) and isinstance(other, int) and size > other


def features(case: Case, mode: str) -> dict[str, Value]:
    """What may matter about a case: layer, options, sizes, kind of data, what its mask is like, mode of the call."""
    config = case.config
    mask = mask_of(case)
    return {
        "layer": config.layer,
        **config.options,
        **vars(config.sizes),
        "data": case.data.kind,
        "mode": mode,
        **({"rejection": case.rejection} if case.rejection else {}),
        **({} if mask is None else _of_mask(mask)),
    }


def _of_mask(mask: Array) -> dict[str, Value]:
    """What a mask (batch, timesteps) is like."""
    kept = np.cumsum(mask, axis=1)
    inside = (kept > 0) & (kept < kept[:, -1:])
    return {
        GAP: bool((~mask & inside).any()),
        EMPTY: bool((~mask).all(axis=1).any()),
        FIRST: not mask[:, 0].all(),
        LAST: not mask[:, -1].all(),
    }
