"""Mistakes with masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from conformance.engine.scene import Outputs, Scene, Suspect, halves, last_step, merged, time_reversed, zeroed
from conformance.reference import Expected, Policy, evaluate
from conformance.spec import Array, Tensors

_LONGEST = 130
"""Timesteps up to which every step is looked at in a draw of its own."""

_LONG = 20
"""Timesteps from which on the tighter bound on so many draws would cost too much."""


def mask_suspects(scene: Scene) -> Iterator[Suspect]:
    """The mask mistaken as a whole."""
    mask = scene.tensors.mask
    if mask is None:
        return
    yield scene.suspect("the mask is ignored", tensors=scene.with_mask(np.ones_like(mask)))
    yield scene.suspect("the mask is inverted", tensors=scene.with_mask(~mask))
    first_row = np.repeat(mask[:1], len(mask), axis=0)
    yield scene.suspect("all rows are masked as the first one is", tensors=scene.with_mask(first_row))
    if (shown := scene.config.get("zero_output_for_mask")) is not None and not scene.config.bidirectional:
        other = scene.config.with_options(zero_output_for_mask=not shown)
        yield scene.suspect(f"zero_output_for_mask={shown} behaves as zero_output_for_mask={not shown}", config=other)
        if scene.config.get("return_sequences") and scene.config.get("go_backwards"):
            yield scene.suspect(
                "outputs are zeroed by the mask in time order, while the sequence is in processing order",
                config=scene.config.with_options(zero_output_for_mask=False),
                pick=lambda due: [zeroed(due[0], mask), *due[1:]],
            )

    if mask.shape[1] <= _LONGEST:
        for name, given in (
            ("states are zeroed at masked steps instead of carried", _states_zeroed(scene, mask, repeated=False)),
            (
                "states are zeroed at masked steps, while outputs are repeated",
                _states_zeroed(scene, mask, repeated=True),
            ),
            ("masked steps show what is computed there instead of the output before", _computed_shown(scene, mask)),
            ("masked steps show zeros instead of the output before", _zeros_shown(scene, mask)),
        ):
            yield Suspect(name, given)


def one_sided_mask_suspects(scene: Scene) -> Iterator[Suspect]:
    """The mask mistaken in one direction only."""
    mask = scene.tensors.mask
    if mask is None:
        return
    honest, everything, turned = scene.tensors, scene.with_mask(np.ones_like(mask)), scene.with_mask(mask[:, ::-1])
    name = "the mask is not turned round when the input is read backwards"
    if not scene.config.bidirectional:
        if scene.config.get("go_backwards") is True:
            yield scene.suspect(name, tensors=turned)
        return
    if scene.config.get("return_sequences") and not scene.config.get("go_backwards"):
        name_before = "the backward half is zeroed by the mask in time order before it is re-aligned"
        yield Suspect(name_before, _zeroed_before_realigned(scene, mask))
    yield Suspect("the mask is ignored in the backward direction", halves(scene, honest, everything))
    yield Suspect("the mask is ignored in the forward direction", halves(scene, everything, honest))
    backwards = scene.config.get("go_backwards") is True
    yield Suspect(name, halves(scene, *((turned, honest) if backwards else (honest, turned))))


def _zeroed_before_realigned(scene: Scene, mask: Array) -> Outputs:
    """A bidirectional layer whose backward half is zeroed at the steps that the mask of the other end masks."""
    config, tensors = scene.config, scene.tensors
    alone = config.with_options(bidirectional=False, go_backwards=True, zero_output_for_mask=False)
    states = tensors.initial_state
    backward = replace(
        tensors,
        weights=tensors.weights[len(tensors.weights) // 2 :],
        initial_state=None if states is None else states[len(states) // 2 :],
    )

    def results(bound: Policy) -> Sequence[Expected]:
        separate = config.with_options(merge_mode="None")
        ahead, right, *final = evaluate(separate, [tensors], scene.precision, bound)[0]
        shown = zeroed(evaluate(alone, [backward], scene.precision, bound)[0][0], mask)
        back = replace(time_reversed(shown), name=right.name)
        return [*merged(str(config.get("merge_mode")), ahead, back), *final]

    return results


# ---------------------------------------------------------------- masked steps that are not passed over
#
# What a layer gives at a step in spite of its mask is what it gives under another mask. So every step is looked at in a
# draw of its own, under a mask made for it, and all draws are evaluated in one pass.


@dataclass(frozen=True)
class _Half:
    """One direction: what it shows (batch, timesteps, units) in its order of processing, and its final states."""

    shown: Expected
    states: tuple[Expected, ...]
    backwards: bool

    def in_order(self, mask: Array) -> Array:
        """A mask in its order of processing."""
        return mask[:, ::-1] if self.backwards else mask


def _under(scene: Scene, drawn: Sequence[Tensors], bound: Policy) -> list[list[_Half]]:
    """For every draw its one or two halves, each as a layer of its own, shown at every step."""
    turned = scene.config.get("go_backwards") is True
    prefixes = ("forward_", "backward_") if scene.config.bidirectional else ("",)
    if bound == "signed" and scene.config.sizes.timesteps > _LONG:
        bound = "interval"
    found: list[list[_Half]] = [[] for _ in drawn]
    for place, prefix in enumerate(prefixes):
        backwards = turned != (place == 1)
        config = scene.config.with_options(
            bidirectional=False,
            go_backwards=backwards,
            return_sequences=True,
            return_state=True,
            zero_output_for_mask=False,
        )
        alone = [_direction(tensors, place, len(prefixes)) for tensors in drawn]
        for parts, due in zip(found, evaluate(config, alone, scene.precision, bound), strict=True):
            states = tuple(replace(it, name=prefix + it.name) for it in due[1:])
            parts.append(_Half(due[0], states, backwards))
    return found


def _direction(tensors: Tensors, place: int, count: int) -> Tensors:
    """What one direction of a layer is given."""
    states = tensors.initial_state

    def own(arrays: tuple[Array, ...]) -> tuple[Array, ...]:
        each = len(arrays) // count
        return arrays[place * each : (place + 1) * each]

    return replace(tensors, weights=own(tensors.weights), initial_state=None if states is None else own(states))


def _packaged(scene: Scene, mask: Array, parts: Sequence[_Half]) -> Sequence[Expected]:
    """Halves as the outputs of the call."""
    config = scene.config
    sequences = config.get("return_sequences") is True
    if not config.bidirectional:
        (half,) = parts
        shown = zeroed(half.shown, half.in_order(mask)) if config.get("zero_output_for_mask") else half.shown
        result = [replace(shown if sequences else last_step(half.shown), name="output")]
    else:
        ahead, back = (it.shown if sequences else last_step(it.shown) for it in parts)
        if sequences:
            ahead, back = zeroed(ahead, mask), zeroed(time_reversed(back), mask)
        named = replace(ahead, name="forward_output"), replace(back, name="backward_output")
        result = merged(str(config.get("merge_mode")), *named)
    return [*result, *(state for half in parts for state in half.states if config.get("return_state"))]


def _states_zeroed(scene: Scene, mask: Array, *, repeated: bool) -> Outputs:
    """After a masked step everything begins anew: as if all steps up to there were masked, from states of zero."""
    steps = np.arange(mask.shape[1])

    def results(bound: Policy) -> Sequence[Expected]:
        given = scene.tensors.initial_state
        anew = replace(scene.tensors, initial_state=given and tuple(np.zeros_like(state) for state in given))
        masks = [np.broadcast_to(steps >= start, mask.shape) for start in steps[1:]]
        whole = replace(scene.tensors, mask=np.ones_like(mask))
        ahead = _under(scene, [whole, *(replace(anew, mask=it) for it in masks)], bound)
        behind = _under(scene, [whole, *(replace(anew, mask=it[:, ::-1]) for it in masks)], bound)
        parts = []
        for place, half in enumerate(ahead[0]):
            drawn = [draw[place] for draw in (behind if half.backwards else ahead)]
            parts.append(_begun_anew(drawn, half.in_order(mask), repeated=repeated))
        return _packaged(scene, mask, parts)

    return results


def _begun_anew(drawn: Sequence[_Half], mask: Array, *, repeated: bool) -> _Half:
    """Every step from the draw that begins after the last masked step before it; draws by where they begin."""
    steps = np.arange(mask.shape[1])
    masked = np.maximum.accumulate(np.where(mask, -1, steps), axis=1)  # the last masked step so far
    rows, begun = np.arange(len(mask)), np.minimum(masked + 1, mask.shape[1] - 1)
    last = np.maximum.accumulate(np.where(mask, steps, -1), axis=1)  # the last step that was not masked
    seen = last if repeated else np.where(mask, steps, -1)

    def shown(values: Array) -> Array:
        """(draws, batch, timesteps, units) -> (batch, timesteps, units)."""
        own = values[begun, rows[:, None], steps]
        return np.where((seen >= 0)[..., None], own[rows[:, None], np.maximum(seen, 0)], 0.0)

    def final(values: Array) -> Array:
        """(draws, batch, units) -> (batch, units)."""
        return np.where(mask[:, -1:], values[begun[:, -1], rows], 0.0)

    states = zip(*(half.states for half in drawn), strict=True)
    return _Half(
        _of_draws([half.shown for half in drawn], shown),
        tuple(_of_draws(state, final) for state in states),
        drawn[0].backwards,
    )


def _computed_shown(scene: Scene, mask: Array) -> Outputs:
    """Each step as it is if that step is not masked."""
    steps = np.arange(mask.shape[1])

    def results(bound: Policy) -> Sequence[Expected]:
        drawn = [replace(scene.tensors, mask=mask | (steps == step)) for step in steps]
        right, *shown = _under(scene, [scene.tensors, *drawn], bound)
        parts = []
        for place, half in enumerate(right):
            order = shown[::-1] if half.backwards else shown

            def each(values: Array) -> Array:
                return values[steps, :, steps].swapaxes(0, 1)

            parts.append(replace(half, shown=_of_draws([draw[place].shown for draw in order], each)))
        return _packaged(scene, mask, parts)

    return results


def _zeros_shown(scene: Scene, mask: Array) -> Outputs:
    def results(bound: Policy) -> Sequence[Expected]:
        (right,) = _under(scene, [scene.tensors], bound)
        return _packaged(scene, mask, [replace(it, shown=zeroed(it.shown, it.in_order(mask))) for it in right])

    return results


def _of_draws(drawn: Sequence[Expected], change: Callable[[Array], Array]) -> Expected:
    """The values of several draws brought together; what is open is known from the right outcome."""
    values = np.stack([np.zeros_like(it.allowed) if it.value is None else it.value for it in drawn])
    return Expected(drawn[0].name, change(values), change(np.stack([it.allowed for it in drawn])), None)
