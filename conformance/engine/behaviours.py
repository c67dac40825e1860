"""What an implementation does where the specification leaves it open: every probe once, read by a named observer.

Nothing here can fail: an error, a crash and a hang are answers, too.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.checks import Lost, Refusal, Reply
from conformance.checks.form import spell
from conformance.engine.events import BehaviourSeen
from conformance.engine.observers import OBSERVERS, Seen
from conformance.engine.probes import CHANGES
from conformance.engine.requests import Hello
from conformance.engine.session import Session
from conformance.generate.tensors import tensors
from conformance.laws import Manner, Way
from conformance.spec import Array, Case, DataSpec, Tensors, outputs_of
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
        before, targets = unchanged(behaviour) if behaviour.before else None, _targets(behaviour, drawn)
        manner = Manner(declare=way, penalty=behaviour.asks == "penalty", steps=len(targets), rate=float(len(targets)))
        outcome = session.call_once(
            behaviour.config, drawn, behaviour.route or mode, behaviour.arguments, manner, before, targets
        )
        losses += isinstance(outcome, Lost)
        answer, detail = classified(behaviour, drawn, outcome)
        yield BehaviourSeen(name, behaviour.id, answer, detail)


def _claimed(behaviour: Behaviour, hello: Hello) -> bool:
    offered = behaviour.feature is None or behaviour.feature in hello.features
    return offered and hello.missing(behaviour.config) is None and (behaviour.legal or hello.rejections)


def _way(behaviour: Behaviour, hello: Hello) -> Way | None:
    """How the implementation says what is asked without a call; None: it does not, or a call says it."""
    ways = hello.ways_for("declares", behaviour.config) if behaviour.asks == "mask" else ()
    return next((way for way in ways if way.of == behaviour.asks), None)


def _targets(behaviour: Behaviour, drawn: Tensors) -> dict[int, Array]:
    """What the first output is trained towards, in one step; empty: nothing is trained."""
    if behaviour.asks != "trained":
        return {}
    first = outputs_of(behaviour.config, drawn)[0]
    return {0: np.zeros(first.shape, first.dtype)}


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
        answer = OBSERVERS[behaviour.observer](Seen(behaviour.config, drawn, outcome))
    except (IndexError, ValueError):  # fewer outputs or axes than the contract promises; checks fail for that
        answer = "something_else"
    return answer, _detail(behaviour, outcome)


def _detail(behaviour: Behaviour, reply: Reply) -> str:
    if behaviour.asks == "mask":
        return f"handed on: {spell(reply.structure, ['mask'] * len(reply.declared))}"
    if behaviour.asks in ("penalty", "trained"):
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
