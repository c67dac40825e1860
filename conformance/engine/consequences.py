"""Failures of laws that follow from a cause that is known already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from conformance.checks import CHECKS, Expectation, Followed, Observation, Reply, Verdict
from conformance.checks.numbers import distance
from conformance.checks.observation import expectations
from conformance.engine.conditions import Condition, features
from conformance.engine.diagnosis import SLACK
from conformance.engine.suspects import suspects
from conformance.errors import SpecError
from conformance.generate.tensors import tensors
from conformance.laws import LAWS, Call, Judged, Manner, Plan, Subject
from conformance.laws.law import PLAIN
from conformance.reference import Expected, Precision
from conformance.spec import Case, as_floats, structure

FUNCTIONAL = (PLAIN, Manner(weights=False))
"""Manners in which a call gives what its configuration and tensors say, and nothing else enters into it."""


def has_what_it_needs(law: str, case: Case, mode: str, when: Sequence[Condition]) -> bool:
    """Whether a further call of a law has all that a cause needs: it fails for a reason that is known already."""
    subject = Subject(case, tensors(case), lambda _: True, law)
    plan = LAWS[law].plan(subject)
    if plan is None:
        return False
    # Of all else the case itself passed what laws come after; its configuration with other tensors may not have.
    others = [call.config for call in plan.calls if call.config != case.config]
    others += [it.config for it in plan.relations if isinstance(it, Judged) and it.tensors is not subject.tensors]
    cases = (Case(config, case.data) for config in others)
    return any(all(it.holds(features(other, mode)) for it in when) for other in cases)


# ---------------------------------------------------------------- a mistake that is known


@dataclass(frozen=True)
class Imagined:
    """What a case and the further calls of a law give if a mistake is made, and what the law says of that.

    Attributes:
        due: outputs of the case, then of every further call.
        verdict: of the law.
    """

    due: tuple[Sequence[Expected], ...]
    verdict: Verdict

    @classmethod
    def of(cls, mistake: str, law: str, case: Case, plan: Plan, held_to: Precision) -> Imagined | None:
        """A law with a mistake made in every call in which it can be made; None where that cannot be told.

        Args:
            mistake: the name of a suspect.
            law: the name of a law whose ways, if it has any, are no part of this.
            case: that the law is tried on.
            plan: of the law for that case.
            held_to: the accuracy of the implementation.
        """
        if LAWS[law].ways or not all(_is_function(call) for call in plan.calls):
            return None
        (right,) = expectations((case,), (tensors(case),), held_to)
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # laws call with NaN and infinities
                due = tuple(_with(mistake, it) for it in (right, *_of_calls(case, plan, held_to)))
        except SpecError:
            return None
        if any(it.value is None for outputs in due for it in outputs):
            return None
        configs = (case.config, *(call.config for call in plan.calls))
        own, *replies = (
            Reply(tuple(_as_type(it, config.dtype) for it in outputs), structure(config), 0.0)
            for config, outputs in zip(configs, due, strict=True)
        )
        seen = Observation(case, right, reply=own, laws={law: Followed(plan, tuple(replies))})
        verdict = CHECKS[law].function(seen)
        return None if verdict is None else cls(due, verdict)

    def fails_as(self, verdict: Verdict) -> bool:
        """Whether the law fails in the same way."""
        return (self.verdict.outcome, self.verdict.cause) == (verdict.outcome, verdict.cause)

    def is_what_came(self, law: str, seen: Observation) -> bool:
        """Whether a case and the further calls of the law gave this, in every element."""
        followed = seen.laws.get(law)
        if not isinstance(followed, Followed) or followed.lost is not None:
            return False
        return all(
            isinstance(reply, Reply) and _are(reply, due)
            for reply, due in zip((seen.reply, *followed.replies), self.due, strict=True)
        )


def _is_function(call: Call) -> bool:
    """Whether a call gives the outputs of a layer, of which the reference can tell all."""
    special = (call.arguments, call.cotangents, call.directions, call.fresh, call.silent, call.any_type)
    return call.manner in FUNCTIONAL and not any(special)


def _of_calls(case: Case, plan: Plan, held_to: Precision) -> Iterator[Expectation]:
    for call in plan.calls:
        yield from expectations((Case(call.config, case.data),), (call.tensors,), held_to)


def _with(mistake: str, expectation: Expectation) -> Sequence[Expected]:
    """What a call gives with a mistake made; where it cannot be made, what is right."""
    found = next((it for it in suspects(expectation) if it.name == mistake), None)
    return expectation.signed if found is None else found.outputs("signed")


def _as_type(due: Expected, dtype: str) -> np.typing.NDArray[np.generic]:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(due.value).astype(dtype)


def _are(reply: Reply, due: Sequence[Expected]) -> bool:
    """Whether all elements are those, NaN included; where anything would do, only an equal one is."""
    if [array.shape for array in reply.outputs] != [it.allowed.shape for it in due]:
        return False
    for array, it in zip(reply.outputs, due, strict=True):
        error = distance(as_floats(array), np.asarray(it.value))
        if not np.all((error == 0) | (np.isfinite(it.allowed) & (error <= SLACK * it.allowed))):
            return False
    return True
