"""A cell run through time, for one sequence and in one direction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from . import OPEN
from .gate import Matrix, Vector

Shown = Sequence[float | None]
"""An output of one step; OPEN in the place of a number that is not promised."""


class Cell(Protocol):
    """What computes one time step. The first of its states, h, is also its output."""

    def zero_states(self) -> list[Vector]:
        """The states before the first step, if no others are given."""

    def step(self, x: Vector, states: Sequence[Vector]) -> list[Vector]:
        """The states after reading one input."""


@dataclass(frozen=True)
class Pass:
    """What a cell did on its way through a sequence.

    Attributes:
        order: the input steps in the order in which they were read (processing order).
        shown: the output at every step, in processing order.
        states: the states after the last step.
    """

    order: list[int]
    shown: Sequence[Shown]
    states: list[Vector]

    def in_time_order(self) -> list[Shown]:
        """The output at every step, the earliest input step first."""
        return [output for _, output in sorted(zip(self.order, self.shown, strict=True), key=lambda pair: pair[0])]


def run(cell: Cell, x: Matrix, initial: Sequence[Vector] | None, keep: Sequence[bool], backwards: bool = False) -> Pass:
    """Read a sequence step by step.

    At a masked step every state keeps its value, and the output of the step before is shown again.

    Args:
        cell: what computes one step.
        x: the sequence, (timesteps, features).
        initial: the states before the first step; None: zero.
        keep: (timesteps,), False where the step is masked.
        backwards: read from the last step to the first.
    """
    states = cell.zero_states() if initial is None else _like(cell.zero_states(), initial)
    output = _before_the_first_step(states)
    order = [t for t, _ in enumerate(x)]
    if backwards:
        order.reverse()
    shown: list[Shown] = []
    for t in order:
        if keep[t]:
            states = cell.step(x[t], states)
            output = states[0]
        shown.append(output)
    return Pass(order, shown, states)


def _before_the_first_step(states: Sequence[Vector]) -> Shown:
    """What masked steps show as long as no step has been read: zero, if the states are."""
    all_zero = all(value == 0.0 for state in states for value in state)
    return [0.0 if all_zero else OPEN for _ in states[0]]


def _like(zeros: list[Vector], given: Sequence[Vector]) -> list[Vector]:
    sizes = [len(state) for state in zeros]
    if [len(state) for state in given] != sizes:
        raise ValueError(f"initial states of sizes {[len(state) for state in given]}; this cell has {sizes}")
    return list(given)
