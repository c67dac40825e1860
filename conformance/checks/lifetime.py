"""Checks of what lives on: the process, the arguments, the weights, the results of earlier calls."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest

import numpy as np

from conformance.checks.observation import Lost, Observation, Refusal, Reply
from conformance.checks.verdict import Verdict
from conformance.spec import Array, has_nan


def survival(seen: Observation) -> Verdict | None:
    """The process answered."""
    if seen.answer is None:
        return None
    return lost(seen.answer) if isinstance(seen.answer, Lost) else Verdict("pass")


def lost(loss: Lost) -> Verdict:
    """The verdict on a lost process."""
    note = "" if loss.repeated else "; it did not happen again when the case was run alone"
    return Verdict(loss.outcome, loss.message + note, cause=loss.outcome)


def inputs_unchanged(seen: Observation) -> Verdict | None:
    """The arguments of a call are what they were before it."""
    if seen.recalled is None or seen.expectation is None:
        return None
    if isinstance(seen.recalled, Refusal):
        return _blind(seen.recalled)
    given, now = seen.expectation.tensors, seen.recalled
    pairs = [("x", given.x, now.x), ("mask", given.mask, now.mask), ("lengths", given.lengths, now.lengths)]
    states = zip_longest(given.initial_state or (), now.initial_state or ())
    pairs += [(f"initial_state[{index}]", before, after) for index, (before, after) in enumerate(states)]
    return _same("the call changed", pairs)


def weights_unchanged(seen: Observation) -> Verdict | None:
    """The weights are those that were set."""
    if isinstance(seen.recalled, Refusal):
        return _blind(seen.recalled)
    if not seen.weights_after:
        return None
    pairs = [(name, *pair) for name, pair in seen.weights_after.items()]
    return _same("calls changed the weight", pairs, cause="weights")


def earlier_results(seen: Observation) -> Verdict | None:
    """What a call gave back is still the same after other calls."""
    if seen.recalled is None or seen.expectation is None or not isinstance(seen.reply, Reply):
        return None
    if isinstance(seen.recalled, Refusal):
        return _blind(seen.recalled)
    names = [output.name for output in seen.expectation.contract]
    if len(names) != len(seen.reply.outputs):
        names = [f"output {index}" for index in range(len(seen.reply.outputs))]
    both = zip_longest(seen.reply.outputs, seen.recalled.outputs)
    pairs = ((name or "another output", *pair) for name, pair in zip_longest(names, both, fillvalue=None) if pair)
    return _same("a later call changed an earlier result:", pairs, cause="results")


def _same(complaint: str, pairs: Iterable[tuple[str, Array | None, Array | None]], cause: str | None = None) -> Verdict:
    for name, before, after in pairs:
        if before is None and after is None:
            continue
        if before is None or after is None:
            return Verdict("fail", f"{complaint} {name}: it is not what it was", cause=cause or name)
        if before.shape != after.shape or not np.array_equal(before, after, equal_nan=has_nan(before.dtype)):
            return Verdict("fail", f"{complaint} {name}", cause=cause or name)
    return Verdict("pass")


def _blind(refusal: Refusal) -> Verdict:
    """What can be said where the layer could not be looked at again: nothing."""
    return Verdict("not run", f"the layer could not be looked at again: {refusal.type}: {refusal.message}")
