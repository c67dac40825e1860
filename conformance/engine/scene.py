"""The call that went wrong, and what the reference gives if something is done otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from conformance.reference import Cells, Expected, Policy, Precision, evaluate
from conformance.reference.cells import CELLS
from conformance.spec import Array, LayerConfig, Tensors

Outputs = Callable[[Policy], Sequence[Expected]]
"""The outputs of a changed call, with an allowance of the kind that is asked for."""

Pick = Callable[[Sequence[Expected]], Sequence[Expected]]


@dataclass(frozen=True)
class Suspect:
    """A mistake.

    Attributes:
        name: what it is, for people.
        outputs: what a call gives if it is made; may raise `SpecError` where it cannot be made.
    """

    name: str
    outputs: Outputs


@dataclass(frozen=True)
class Scene:
    """The call that went wrong."""

    config: LayerConfig
    tensors: Tensors
    precision: Precision

    def evaluated(
        self,
        config: LayerConfig | None = None,
        tensors: Tensors | None = None,
        pick: Pick = tuple,
        cells: Cells = CELLS,
    ) -> Outputs:
        """The outputs of the call with another configuration, other tensors or cells, rearranged by `pick`."""
        return lambda bound: pick(
            evaluate(config or self.config, [tensors or self.tensors], self.precision, bound, cells)[0]
        )

    def suspect(self, name: str, **changes: object) -> Suspect:
        """A mistake that one changed evaluation shows."""
        return Suspect(name, self.evaluated(**changes))  # type: ignore[arg-type]

    def with_mask(self, mask: Array) -> Tensors:
        """The tensors with another mask."""
        return replace(self.tensors, mask=mask)

    def with_states(self, change: Callable[[Array, int], Array]) -> Tensors:
        """The tensors with other initial states: `change` is given each direction's (…, units) and its number."""
        return replace(self.tensors, initial_state=tuple(self._changed_states(change)))

    def _changed_states(self, change: Callable[[Array, int], Array]) -> Iterator[Array]:
        states = self.tensors.initial_state or ()
        directions = 2 if self.config.bidirectional else 1
        for index, state in enumerate(states):
            if self.config.rules.initial_state.get("per_direction"):
                yield change(state, index * directions // len(states))
            else:
                turned = state.copy()
                for direction in range(directions):
                    turned[direction::directions] = change(state[direction::directions], direction)
                yield turned


# ---------------------------------------------------------------- changes to what comes out


def arrays(due: Expected, change: Callable[[Array], Array]) -> Expected:
    """The same change made to values, allowances and what is specified."""
    specified = None if due.specified is None else change(due.specified).astype(bool)
    return Expected(due.name, None if due.value is None else change(due.value), change(due.allowed), specified)


def time_reversed(due: Expected) -> Expected:
    """(batch, timesteps, ...) with the other order of time."""
    return arrays(due, lambda array: array[:, ::-1])


def last_step(due: Expected) -> Expected:
    """(batch, timesteps, ...) at the last step."""
    return arrays(due, lambda array: array[:, -1])


def zeroed(due: Expected, mask: Array) -> Expected:
    """The output with zeros where a mask is False; a zero is nothing open."""
    shown = arrays(due, lambda array: np.where(mask[..., None], array, 0.0))
    return replace(shown, specified=None if due.specified is None else due.specified | ~mask[..., None])


# ---------------------------------------------------------------- the two directions of a layer


def halves(
    scene: Scene,
    forward_tensors: Tensors,
    backward_tensors: Tensors,
    backward_config: LayerConfig | None = None,
    backward: Callable[[Expected], Expected] = lambda due: due,
) -> Outputs:
    """A bidirectional layer with something else done in the backward direction, and its output changed."""
    mode = str(scene.config.get("merge_mode"))
    calls = ((scene.config, forward_tensors), (backward_config or scene.config, backward_tensors))

    def results(bound: Policy) -> Sequence[Expected]:
        ahead, back = (
            evaluate(config.with_options(merge_mode="None"), [tensors], scene.precision, bound)[0]
            for config, tensors in calls
        )
        count = len(ahead) // 2 - 1
        states = [*ahead[2 : 2 + count], *back[2 + count :]]
        return [*merged(mode, ahead[0], backward(back[1])), *states]

    return results


def merged(mode: str, f: Expected, b: Expected) -> list[Expected]:
    """Two halves in one; the allowances with room for the rounding of the merge."""
    if mode == "None" or f.value is None or b.value is None:
        return [f, b]
    both = [np.ones(half.allowed.shape, bool) if half.specified is None else half.specified for half in (f, b)]
    specified = both[0] & both[1]
    if mode == "concat":
        value, allowed, specified = (
            np.concatenate(pair, axis=-1) for pair in ((f.value, b.value), (f.allowed, b.allowed), both)
        )
    elif mode == "mul":
        value = f.value * b.value
        allowed = f.allowed * np.abs(b.value) + b.allowed * np.abs(f.value) + f.allowed * b.allowed
    else:
        share = 0.5 if mode == "ave" else 1.0
        value, allowed = share * (f.value + b.value), share * (f.allowed + b.allowed)
    return [Expected("output", value, allowed * (1 + 2.0**-10), specified)]
