"""From many failures to few causes: which conjunction of features separates failing from passing cases?

A rule learner in the manner of sequential covering (Fürnkranz: Separate-and-conquer rule learning, 1999), with the
restriction that a rule must hold for no passing case if any such rule exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conformance.engine.conditions import OF_MASKS, SIZES, Condition, Features, Within, literal
from conformance.spec import Value

Bools = NDArray[np.bool_]

_WIDEST = 3
"""Longest conjunction that is tried."""

_BEAM = 60
"""How many conjunctions of each length are made longer."""


@dataclass(frozen=True)
class Rule:
    """A conjunction of features.

    Attributes:
        when: its conditions; empty: it holds always.
        failing: positions of the failing cases for which it holds.
        exact: whether it holds for no passing case.
    """

    when: tuple[Condition, ...]
    failing: tuple[int, ...]
    exact: bool


def explain(failing: Sequence[Features], passing: Sequence[Features]) -> tuple[Rule, ...]:
    """Rules that together hold for all failing cases, each as general and as short as can be.

    Args:
        failing: features of the failing cases; their positions are what the rules refer to.
        passing: features of the passing ones.
    """
    conditions = _conditions([*failing, *passing])
    bad, good = _matrix(failing, conditions), _matrix(passing, conditions)
    left = np.ones(len(failing), bool)
    rules = []
    while left.any():
        chosen, exact = _best(bad[left], good)
        held = left & bad[:, list(chosen)].all(axis=1)
        when = tuple(conditions[index] for index in chosen)
        rules.append(Rule(when, tuple(int(index) for index in np.flatnonzero(held)), exact))
        left &= ~held
    return tuple(rules)


def _conditions(samples: Sequence[Features]) -> list[Condition]:
    """`name=value` for every value seen, `name!=value` where there are more than two; sizes are one or more."""
    seen: dict[str, dict[Value, None]] = {}
    for sample in samples:
        for name, value in sample.items():
            seen.setdefault(name, {})[value] = None
    domains = {name: tuple(values) for name, values in seen.items() if len(values) > 1 and name not in OF_MASKS}
    sizes = [size for name in SIZES if 1 in domains.pop(name, ()) for size in (Within(name, 1, 1), Within(name, 2))]
    equal = [literal(name, (value,), domain) for name, domain in domains.items() for value in domain]
    unequal = [
        literal(name, tuple(other for other in domain if other != value), domain)
        for name, domain in domains.items()
        for value in domain
        if len(domain) > 2
    ]
    return [*equal, *sizes, *unequal]


def _matrix(samples: Sequence[Features], conditions: Sequence[Condition]) -> Bools:
    rows = [[condition.holds(sample) for condition in conditions] for sample in samples]
    return np.array(rows, bool).reshape(len(samples), len(conditions))


@dataclass(frozen=True)
class _Candidate:
    """A conjunction with the numbers of failing and passing cases for which it holds."""

    chosen: tuple[int, ...]
    bad: int
    good: int
    gain: float

    @property
    def brief(self) -> tuple[int, ...]:
        """Prefer more failing cases, then fewer literals, then positive ones (negations have higher indices)."""
        return (self.bad, -len(self.chosen), -sum(self.chosen))


def _best(bad: Bools, good: Bools) -> tuple[tuple[int, ...], bool]:
    """The exact conjunction that holds for most failing cases; an inexact one where it says far more."""
    if not len(good):
        return (), True
    everything = _Candidate((), len(bad), len(good), 0.0)
    exact, rough, beam = None, everything, [everything]
    for _ in range(_WIDEST):
        found = [_weigh(chosen, bad, good) for chosen in _longer(beam, bad.shape[1])]
        pure = [candidate for candidate in found if candidate.bad and not candidate.good]
        exact = max([*pure, *([exact] if exact else [])], key=lambda candidate: candidate.brief, default=None)
        if exact and exact.bad == len(bad):
            break
        beam = sorted(found, key=lambda candidate: (candidate.gain, candidate.brief))[-_BEAM:]
        rough = max([rough, *beam], key=lambda candidate: (candidate.gain, candidate.brief))
    if exact is None or (rough.bad >= 3 * exact.bad and rough.bad >= 0.3 * (rough.bad + rough.good)):
        return rough.chosen, False
    return exact.chosen, True


def _longer(beam: Sequence[_Candidate], count: int) -> set[tuple[int, ...]]:
    return {
        tuple(sorted({*candidate.chosen, index}))
        for candidate in beam
        for index in range(count)
        if index not in candidate.chosen
    }


def _weigh(chosen: tuple[int, ...], bad: Bools, good: Bools) -> _Candidate:
    columns = list(chosen)
    held_bad = int(bad[:, columns].all(axis=1).sum())
    held_good = int(good[:, columns].all(axis=1).sum())
    return _Candidate(chosen, held_bad, held_good, held_bad / len(bad) - held_good / len(good))
