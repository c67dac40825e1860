"""What an implementation does where the specification leaves it open: every probe once, read by a named observer.

Nothing here can fail: an error, a crash and a hang are answers, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from conformance.checks import Lost, Refusal, Reply
from conformance.checks.declared import NOTHING
from conformance.checks.form import leaves, spell
from conformance.engine.events import BehaviourSeen
from conformance.engine.requests import Hello
from conformance.engine.session import Session
from conformance.generate.tensors import INVALID, tensors
from conformance.laws import Manner, Way
from conformance.reference import Expected, evaluate, precision
from conformance.spec import Array, Case, DataSpec, LayerConfig, Tensors
from conformance.spec.behaviours import Behaviour, load_behaviours

LOSSES = 2
"""After so many probes that end the worker or hang, no more are sent: the cases need its restarts, and the time."""


def ask(session: Session, name: str, hello: Hello, mode: str) -> Iterator[BehaviourSeen]:
    """The answers of an implementation to the questions of its dialect, as far as it claims what their probes need.

    Args:
        session: the living implementation.
        name: of the implementation.
        hello: what it said of itself.
        mode: how to call its layers.
    """
    losses = 0
    for behaviour in load_behaviours().values():
        if losses == LOSSES:
            return
        if behaviour.dialect != hello.dialect or not _claimed(behaviour, hello):
            continue
        drawn, way = probe(behaviour), _way(behaviour, hello)
        if behaviour.asks == "mask" and way is None:
            continue
        manner = Manner(declare=way, penalty=behaviour.asks == "penalty")
        before = unchanged(behaviour) if behaviour.before else None
        outcome = session.call_once(
            behaviour.config, drawn, behaviour.route or mode, behaviour.arguments, manner, before=before
        )
        losses += isinstance(outcome, Lost)
        answer, detail = classified(behaviour, drawn, outcome)
        yield BehaviourSeen(name, behaviour.id, answer, detail)


def _claimed(behaviour: Behaviour, hello: Hello) -> bool:
    offered = behaviour.feature is None or behaviour.feature in hello.features
    return offered and hello.missing(behaviour.config) is None and (behaviour.legal or hello.rejections)


def _way(behaviour: Behaviour, hello: Hello) -> Way | None:
    """How the implementation says what is asked without a call; None: it does not, or a call says it."""
    ways = hello.ways_to_declare(behaviour.config) if behaviour.asks == "mask" else ()
    return next((way for way in ways if way.of == behaviour.asks), None)


def unchanged(behaviour: Behaviour) -> Tensors:
    """Valid tensors for the configuration of a probe."""
    return tensors(Case(behaviour.config, DataSpec("generic", 1)))


def probe(behaviour: Behaviour) -> Tensors:
    """The tensors of a probe."""
    drawn = unchanged(behaviour)
    return CHANGES[behaviour.change](drawn) if behaviour.change else drawn


def classified(behaviour: Behaviour, drawn: Tensors, outcome: Reply | Refusal | Lost) -> tuple[str, str]:
    """The name of an answer, and its detail: the type of an error, or the shapes or types of what was returned.

    Args:
        behaviour: the question.
        drawn: the tensors of the probe.
        outcome: what came.
    """
    if isinstance(outcome, Lost):
        return ("timed_out" if outcome.outcome == "timeout" else "crashed"), ""
    if isinstance(outcome, Refusal):
        return STAGES.get(outcome.stage, "out_of_reach"), outcome.type
    try:
        beside = BESIDE.get(behaviour.observer)
        answer = beside(behaviour.config, drawn, outcome) if beside else OBSERVERS[behaviour.observer](drawn, outcome)
    except (IndexError, ValueError):  # fewer outputs or axes than the contract promises; checks fail for that
        answer = "something_else"
    return answer, _detail(behaviour, outcome)


def _detail(behaviour: Behaviour, reply: Reply) -> str:
    if behaviour.asks == "mask":
        return f"handed on: {spell(reply.structure, ['mask'] * len(reply.declared))}"
    if behaviour.asks == "penalty":
        return ""
    if behaviour.observer == "types":
        return "outputs of type " + ", ".join(output.dtype.name for output in reply.outputs)
    return "outputs of shape " + ", ".join(str(output.shape) for output in reply.outputs)


STAGES = {
    "construct": "refused_at_construction",
    "build": "refused_at_build",
    "call": "refused_at_call",
}
"""Stage of a refusal -> the answer that it is."""


# ---------------------------------------------------------------- changes of tensors


def _masked(change: Callable[[Array], None]) -> Callable[[Tensors], Tensors]:
    """A mask that keeps everything but what `change` sets to False."""

    def changed(drawn: Tensors) -> Tensors:
        mask = np.ones(drawn.x.shape[:2], np.bool_)
        change(mask)
        return replace(drawn, mask=mask)

    return changed


def _drop_first_step(mask: Array) -> None:
    mask[:, 0] = False


def _drop_first_row(mask: Array) -> None:
    mask[0] = False


def _drop_last_step(mask: Array) -> None:
    mask[:, -1] = False


def _of_time_major(drawn: Tensors) -> Tensors:
    """A mask (timesteps, batch) that drops the last step, for input whose time comes first."""
    mask = np.ones(drawn.x.shape[:2], np.bool_)
    mask[-1] = False
    return replace(drawn, mask=mask)


def _states(change: Callable[[tuple[Array, ...]], tuple[Array, ...]]) -> Callable[[Tensors], Tensors]:
    return lambda drawn: replace(drawn, initial_state=change(drawn.initial_state or ()))


def _mask(change: Callable[[Array], Array]) -> Callable[[Tensors], Tensors]:
    return lambda drawn: replace(drawn, mask=None if drawn.mask is None else change(drawn.mask))


def _lengths(place: int, length: Callable[[Tensors], int]) -> Callable[[Tensors], Tensors]:
    """Another length at one place; the others are 2, so that they stay sorted and the longest is as told."""

    def changed(drawn: Tensors) -> Tensors:
        lengths = np.full_like(drawn.lengths, 2)
        lengths[place] = length(drawn)
        return replace(drawn, lengths=lengths)

    return changed


CHANGES: Mapping[str, Callable[[Tensors], Tensors]] = {
    "first_step_masked": _masked(_drop_first_step),
    "first_row_masked": _masked(_drop_first_row),
    "last_step_masked": _masked(_drop_last_step),
    "last_step_masked_time_first": _of_time_major,
    "last_step_masked_batch_first": lambda drawn: _mask(np.transpose)(_of_time_major(drawn)),
    "mask_with_extra_step": _mask(lambda mask: np.concatenate([mask, mask[:, :1]], axis=1)),
    "mask_of_integers": _mask(lambda mask: mask.astype(np.int32)),
    "one_state_only": _states(lambda states: states[:1]),
    "state_with_extra_unit": INVALID["state_with_extra_unit"],
    "state_of_one_row": _states(lambda states: tuple(state[:1] for state in states)),
    "state_without_rows": _states(lambda states: tuple(state[0] for state in states)),
    "one_state_more": _states(lambda states: (*states, states[-1])),
    "mask_of_one_row": _mask(lambda mask: mask[:1]),
    "mask_with_extra_axis": _mask(lambda mask: mask[:, :, None]),
    "first_row_alone": lambda drawn: replace(drawn, x=drawn.x[:1]),
    "no_rows_and_timesteps": lambda drawn: replace(drawn, x=drawn.x[:0, :0]),
    "no_timesteps": lambda drawn: replace(drawn, x=drawn.x[:, :0]),
    "no_rows": lambda drawn: replace(drawn, x=drawn.x[:0]),
    "whole_numbers": lambda drawn: replace(drawn, x=np.round(drawn.x).astype(np.int32)),
    "last_length_zero": _lengths(-1, lambda _: 0),
    "first_length_too_long": _lengths(0, lambda drawn: max(drawn.x.shape[:2]) + 1),
}
"""Name of a change -> what it does to valid tensors; input is (batch, timesteps, features) where axes are named."""


# ---------------------------------------------------------------- observers


def _taken(_drawn: Tensors, _reply: Reply) -> str:
    return "accepted"


def _first_step(drawn: Tensors, reply: Reply) -> str:
    """Of full sequences (batch, timesteps, units)."""
    return _alike(reply.outputs[0][:, 0], initial_state=_initial(drawn))


def _first_row(drawn: Tensors, reply: Reply) -> str:
    """Of the last output (batch, units)."""
    return _alike(reply.outputs[0][0], initial_state=_initial(drawn)[0])


def _last_output(_drawn: Tensors, reply: Reply) -> str:
    """Of the last output and the state, both (batch, units)."""
    return _alike(reply.outputs[0], last_state=reply.outputs[1])


def _last_of_time_major(_drawn: Tensors, reply: Reply) -> str:
    """Of full sequences (timesteps, batch, units): a masked step shows the output before it."""
    sequences = reply.outputs[0]
    return "skipped" if _same(sequences[-1], sequences[-2]) else "something_else"


def _nothing_read(_drawn: Tensors, reply: Reply) -> str:
    """Of all outputs together."""
    return (
        "empty"
        if all(output.size == 0 for output in reply.outputs)
        else _alike(np.concatenate([*map(np.ravel, reply.outputs)]))
    )


def _halves(_drawn: Tensors, reply: Reply) -> str:
    """Of full sequences (batch, timesteps, 2·units) and the last states of both directions (batch, units)."""
    sequences, forward, backward = reply.outputs
    units = forward.shape[-1]
    ends = _end(sequences[..., :units], forward), _end(sequences[..., units:], backward)
    if None in ends:
        return "something_else"
    return f"both_{ends[0]}" if ends[0] == ends[1] else f"forward_{ends[0]}_backward_{ends[1]}"


def _entries_of_states(_drawn: Tensors, reply: Reply) -> str:
    """Of the masks that a bidirectional layer with one output and two states hands on."""
    _, *states = leaves(reply.structure)
    if not states:
        return "no_entries"
    return "none_for_each" if states == [NOTHING, NOTHING] else "something_else"


def _order_of_mask(drawn: Tensors, reply: Reply) -> str:
    """Of the mask that is handed on with one output."""
    got, mask = reply.declared[0].value, drawn.mask
    if got is None or mask is None:
        return "something_else"
    return next(
        (name for name, due in (("kept", mask), ("reversed", mask[:, ::-1])) if _same(got, due)), "something_else"
    )


def _end(half: Array, state: Array) -> str | None:
    """At which end of the time axis a state is shown."""
    return next((end for end, at in (("first", 0), ("last", -1)) if _same(half[:, at], state)), None)


def _types(_drawn: Tensors, reply: Reply) -> str:
    """Of outputs and states together; whole numbers, such as lengths, have none that matters."""
    types = {output.dtype.name for output in reply.outputs if output.dtype.kind != "i"}
    if not types <= {"bfloat16", "float32"}:
        return "something_else"
    return types.pop() if len(types) == 1 else "several"


def _penalized(config: LayerConfig, drawn: Tensors, reply: Reply) -> str:
    """Of the sum of absolute values of what a layer gives whose only state is its output."""
    output, counted = _expected(config, drawn)[0], float(reply.outputs[0])
    once = float(np.abs(np.asarray(output.value)).sum()) / config.sizes.batch
    known = {"nothing": 0.0, "output": once, "output_and_state": 2 * once}
    return next((name for name, due in known.items() if np.isclose(counted, due, rtol=1e-3)), "something_else")


def _went_on(config: LayerConfig, drawn: Tensors, reply: Reply) -> str:
    """Of the second call of a layer that gives its only state, without initial states."""
    option = str(config.rules.initial_state["option"])
    first = np.asarray(_expected(config, drawn)[0].value)
    again = _expected(config.with_options(**{option: True}), replace(drawn, initial_state=(first,)))[0].value
    known = {"goes_on": np.asarray(again), "begins_anew": first}
    return next((name for name, due in known.items() if np.allclose(reply.outputs[0], due)), "something_else")


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


OBSERVERS: Mapping[str, Callable[[Tensors, Reply], str]] = {
    "taken": _taken,
    "first_step": _first_step,
    "last_of_time_major": _last_of_time_major,
    "first_row": _first_row,
    "last_output": _last_output,
    "nothing_read": _nothing_read,
    "halves": _halves,
    "types": _types,
    "entries_of_states": _entries_of_states,
    "order_of_mask": _order_of_mask,
}
"""Name of an observer -> the answer that it reads from the probe's tensors and what was returned."""

BESIDE: Mapping[str, Callable[[LayerConfig, Tensors, Reply], str]] = {
    "penalized": _penalized,
    "went_on": _went_on,
}
"""The same for observers that look at the reference as well."""
