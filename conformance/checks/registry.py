"""The registry of checks, and how they are applied in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from conformance.checks import form, laws, lifetime, numbers
from conformance.checks.observation import Observation
from conformance.checks.verdict import DEVIATIONS, Verdict
from conformance.laws import LAWS
from conformance.spec import Case


@dataclass(frozen=True)
class Check:
    """One property.

    Attributes:
        name: stable public name.
        meaning: one line for people. (The clauses name the checks that test them.)
        function: gives the verdict on an observation, or None where the check does not apply.
        after: checks without whose success this one says nothing.
        spreads: whether what it finds makes laws fail as well: one call then leaves something behind for others.
    """

    name: str
    meaning: str
    function: Callable[[Observation], Verdict | None]
    after: tuple[str, ...] = ()
    spreads: bool = False


_FORM = ("accepted", "structure", "shape")

CHECKS: Mapping[str, Check] = {
    check.name: check
    for check in (
        Check(
            "survival",
            "the process neither dies nor hangs",
            lifetime.survival,
        ),
        Check(
            "rejection",
            "an invalid configuration or argument is refused with the documented error",
            form.rejection,
            ("survival",),
        ),
        Check(
            "accepted",
            "a valid configuration is built and called without an error",
            form.accepted,
            ("survival",),
        ),
        Check(
            "weights",
            "number, order, shapes and types of the weights",
            form.weights,
            ("survival",),
        ),
        Check(
            "initial_weights",
            "what weights hold before anybody sets them, where that is promised",
            form.initial_weights,
            ("weights",),
        ),
        Check(
            "structure",
            "number and nesting of the outputs",
            form.structure,
            ("accepted",),
        ),
        Check(
            "shape",
            "shape of every output",
            form.shape,
            ("accepted", "structure"),
        ),
        Check(
            "dtype",
            "type of every output",
            form.dtype,
            ("accepted", "structure"),
        ),
        Check(
            "order",
            "outputs of equal shape come in the promised order",
            numbers.order,
            _FORM,
        ),
        Check(
            "values",
            "every value is within the rounding that a correct implementation may commit",
            numbers.values,
            (*_FORM, "order"),
        ),
        Check(
            "determinism",
            "the same call on the same layer gives the same again",
            numbers.determinism,
            _FORM,
            spreads=True,
        ),
        Check(
            "inputs_unchanged",
            "a call does not change what it was given",
            lifetime.inputs_unchanged,
            ("accepted",),
            spreads=True,
        ),
        Check(
            "weights_unchanged",
            "a call does not change the weights",
            lifetime.weights_unchanged,
            ("accepted",),
            spreads=True,
        ),
        Check(
            "earlier_results",
            "later calls do not change what an earlier call gave back",
            lifetime.earlier_results,
            ("accepted",),
            spreads=True,
        ),
        *(
            Check(
                law.name,
                law.meaning,
                laws.check(law),
                (*_FORM, "dtype") if law.form_alone else (*_FORM, "order", "values"),
            )
            for law in LAWS.values()
        ),
    )
}


def judge(observation: Observation) -> dict[str, Verdict]:
    """The verdicts of all checks that apply, in the order of the registry.

    A check that cannot say anything because an earlier one failed is `not run`, never a pass.
    """
    verdicts: dict[str, Verdict] = {}
    for check in CHECKS.values():
        blocking = next((name for name in check.after if _failed(verdicts.get(name))), None)
        if blocking is None:
            verdict = check.function(observation)
        elif check.name in applicable(observation.case) or check.name in observation.laws:
            verdict = Verdict("not run", f"says nothing because {blocking} did not pass")
        else:
            verdict = None
        if verdict is not None:
            verdicts[check.name] = verdict
    return verdicts


def applicable(case: Case) -> tuple[str, ...]:
    """The checks that apply to a case whatever happens; the others need calls that are made only for some."""
    return (
        ("rejection",) if case.rejection is not None else ("accepted", "structure", "shape", "dtype", "order", "values")
    )


def _failed(verdict: Verdict | None) -> bool:
    return verdict is not None and (verdict.outcome in DEVIATIONS or verdict.outcome == "not run")
