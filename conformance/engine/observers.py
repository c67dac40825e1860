"""Who reads the answer to an open question from what was returned: observers, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from conformance.checks import Reply
from conformance.checks.declared import NOTHING
from conformance.checks.form import leaves
from conformance.reference import Expected, evaluate, precision
from conformance.reference.gradients import gradients
from conformance.spec import Array, LayerConfig, Tensors, as_floats


@dataclass(frozen=True)
class Seen:
    """What an observer looks at.

    Attributes:
        config: the configuration of the probe.
        drawn: its tensors.
        reply: what was returned.
    """

    config: LayerConfig
    drawn: Tensors
    reply: Reply


def _taken(_seen: Seen) -> str:
    return "accepted"


def _first_step(seen: Seen) -> str:
    """Of full sequences (batch, timesteps, units)."""
    return _alike(seen.reply.outputs[0][:, 0], initial_state=_initial(seen.drawn))


def _first_row(seen: Seen) -> str:
    """Of the last output (batch, units)."""
    return _alike(seen.reply.outputs[0][0], initial_state=_initial(seen.drawn)[0])


def _last_output(seen: Seen) -> str:
    """Of the last output and the state, both (batch, units)."""
    return _alike(seen.reply.outputs[0], last_state=seen.reply.outputs[1])


def _last_of_time_major(seen: Seen) -> str:
    """Of full sequences (timesteps, batch, units): a masked step shows the output before it."""
    sequences = seen.reply.outputs[0]
    return "skipped" if _same(sequences[-1], sequences[-2]) else "something_else"


def _nothing_read(seen: Seen) -> str:
    """Of all outputs together."""
    shown = np.concatenate([*map(np.ravel, seen.reply.outputs)])
    return _alike(shown) if shown.size else "empty"


def _no_features(seen: Seen) -> str:
    """Of an output without features; it is that of one feature which is zero, as is its kernel."""
    x, *weights = (_filled(array) for array in (seen.drawn.x, *seen.drawn.weights))
    drawn = replace(seen.drawn, x=x, weights=tuple(weights))
    due = np.asarray(_expected(seen.config.with_sizes(features=1), drawn)[0].value)
    return "computed" if np.allclose(seen.reply.outputs[0], due) else _alike(seen.reply.outputs[0])


def _filled(array: Array) -> Array:
    """An array; with a size of 0, zeros with 1 in its place."""
    return array if array.size else np.zeros([size or 1 for size in array.shape], array.dtype)


def _halves(seen: Seen) -> str:
    """Of full sequences (batch, timesteps, 2·units) and the last states of both directions (batch, units)."""
    sequences, forward, backward = seen.reply.outputs
    units = forward.shape[-1]
    ends = _end(sequences[..., :units], forward), _end(sequences[..., units:], backward)
    if None in ends:
        return "something_else"
    return f"both_{ends[0]}" if ends[0] == ends[1] else f"forward_{ends[0]}_backward_{ends[1]}"


def _entries_of_states(seen: Seen) -> str:
    """Of the masks that a bidirectional layer with one output and two states hands on."""
    _, *states = leaves(seen.reply.structure)
    if not states:
        return "no_entries"
    return "none_for_each" if states == [NOTHING, NOTHING] else "something_else"


def _order_of_mask(seen: Seen) -> str:
    """Of the mask that is handed on with one output."""
    got, mask = seen.reply.declared[0].value, seen.drawn.mask
    if got is None or mask is None:
        return "something_else"
    return next(
        (name for name, due in (("kept", mask), ("reversed", mask[:, ::-1])) if _same(got, due)), "something_else"
    )


def _end(half: Array, state: Array) -> str | None:
    """At which end of the time axis a state is shown."""
    return next((end for end, at in (("first", 0), ("last", -1)) if _same(half[:, at], state)), None)


def _types(seen: Seen) -> str:
    """Of outputs and states together; whole numbers, such as lengths, have none that matters."""
    types = {output.dtype.name for output in seen.reply.outputs if output.dtype.kind != "i"}
    if not types <= {"bfloat16", "float32"}:
        return "something_else"
    return types.pop() if len(types) == 1 else "several"


def _penalized(seen: Seen) -> str:
    """Of the sum of absolute values of what a layer gives whose only state is its output."""
    output, counted = _expected(seen.config, seen.drawn)[0], float(seen.reply.outputs[0])
    once = float(np.abs(np.asarray(output.value)).sum()) / seen.config.sizes.batch
    known = {"nothing": 0.0, "output": once, "output_and_state": 2 * once}
    return next((name for name, due in known.items() if np.isclose(counted, due, rtol=1e-3)), "something_else")


def _kernel_penalized(seen: Seen) -> str:
    """Of the sum of absolute values of a kernel."""
    kernel, counted = as_floats(seen.drawn.weights[0]), float(seen.reply.outputs[0])
    known = {"nothing": 0.0, "counted": float(np.abs(kernel).sum())}
    return next((name for name, due in known.items() if np.isclose(counted, due, rtol=1e-3)), "something_else")


def _counted_steps(seen: Seen) -> str:
    """Of the weights after a step on the mean square of a masked sequence (batch, timesteps, units)."""
    shown = np.asarray(_expected(seen.config, seen.drawn)[0].value)
    kept = np.ones(shown.shape) * np.asarray(seen.drawn.mask)[..., None]
    counted = {"all": np.ones(shown.shape), "unmasked": kept, "unmasked_of_all": kept}
    sizes = {"all": shown.size, "unmasked": kept.sum(), "unmasked_of_all": shown.size}
    slopes = [{"output": 2 * shown * counted[name] / sizes[name]} for name in counted]
    found = gradients(seen.config, [seen.drawn] * len(slopes), slopes, precision(seen.config.dtype))
    kernel = as_floats(seen.drawn.weights[0])
    known = {name: kernel - np.asarray(of[1].value) for name, of in zip(counted, found, strict=True)}
    return next((name for name, due in known.items() if np.allclose(seen.reply.outputs[0], due)), "something_else")


def _went_on(seen: Seen) -> str:
    """Of the second call of a layer that gives its only state, without initial states."""
    return _after_calls(seen, begins_anew=1, goes_on=2)


def _epochs(seen: Seen) -> str:
    """Of a call of such a layer after two epochs, each of one batch."""
    return _after_calls(seen, forgets=1, begins_anew=2, goes_on=3)


def _after_calls(seen: Seen, **answers: int) -> str:
    """The answer whose number of calls, each going on from the one before, leads to what was given."""
    continued = seen.config.with_options(**{str(seen.config.rules.initial_state["option"]): True})
    given = [np.asarray(_expected(seen.config, seen.drawn)[0].value)]
    for _ in range(1, max(answers.values())):
        given.append(np.asarray(_expected(continued, replace(seen.drawn, initial_state=(given[-1],)))[0].value))
    shown = seen.reply.outputs[0]
    nearest = min(answers, key=lambda name: float(np.abs(shown - given[answers[name] - 1]).max()))
    return nearest if np.allclose(shown, given[answers[nearest] - 1]) else "something_else"


def _expected(config: LayerConfig, drawn: Tensors) -> tuple[Expected, ...]:
    return evaluate(config, [drawn], precision(config.dtype), "step")[0]


def _initial(drawn: Tensors) -> Array:
    return (drawn.initial_state or ())[0]


def _alike(shown: Array, **known: Array) -> str:
    """The first that is shown of zeros and what is known by a name."""
    if not np.any(shown):
        return "zeros"
    return next((name for name, values in known.items() if _same(shown, values)), "something_else")


def _same(one: Array, other: Array) -> bool:
    """Whether one is a copy of the other, of equal shape."""
    return np.array_equal(one, other)


OBSERVERS: Mapping[str, Callable[[Seen], str]] = {
    "taken": _taken,
    "first_step": _first_step,
    "last_of_time_major": _last_of_time_major,
    "first_row": _first_row,
    "last_output": _last_output,
    "nothing_read": _nothing_read,
    "no_features": _no_features,
    "halves": _halves,
    "types": _types,
    "entries_of_states": _entries_of_states,
    "order_of_mask": _order_of_mask,
    "penalized": _penalized,
    "kernel_penalized": _kernel_penalized,
    "counted_steps": _counted_steps,
    "went_on": _went_on,
    "epochs": _epochs,
}
"""Name of an observer -> the answer that it reads from what is seen."""
