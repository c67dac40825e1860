"""The script of a failure for its framework alone, for those whose failure one call shows."""

from __future__ import annotations

from conformance.engine.events import DEVIATIONS, GroupFound
from conformance.engine.implementations import export_of
from conformance.errors import ConformanceError
from conformance.laws import LAWS
from conformance.reference import Accuracy, Precision, precision
from conformance.report.groups import GroupKey
from conformance.report.script import script
from conformance.results import Results
from conformance.spec import Case

NOT_SHOWN = {
    "determinism",
    "inputs_unchanged",
    "weights",
    "initial_weights",
    "weights_unchanged",
    "earlier_results",
    *LAWS,
}
"""Checks that look at weights or at several calls; a script that calls once does not show their failures."""


def scripts_of(results: Results) -> dict[GroupKey, str]:
    """A group of the results -> the script of its smallest case; groups that have none are left out."""
    found = {
        (group.implementation, group.number): _script(results, group)
        for group in results.groups
        if group.check not in NOT_SHOWN
    }
    return {group: text for group, text in found.items() if text is not None}


def _script(results: Results, group: GroupFound) -> str | None:
    """None where no script can be made: a program of one's own, or a case of another version."""
    try:
        case = Case.from_canonical(group.smallest)
        return exported(results, case, group.implementation, "eager")
    except (ConformanceError, KeyError, TypeError, ValueError):
        return None


def exported(results: Results, case: Case, name: str, mode: str) -> str:
    """The script of a case on an implementation, called in a mode (where no group says `mode=graph`).

    Raises:
        ConformanceError: there is no script for it.
    """
    failures = failures_of(results, case.id, name)
    if failures and set(failures) <= NOT_SHOWN:
        raise ConformanceError(
            f"case {case.id} failed in {', '.join(failures)}, which one call does not show; "
            f"use rnn-conformance replay {case.id}"
        )
    how = export_of(name)
    if how.dialect != case.config.dialect:
        raise ConformanceError(f"{name} follows the dialect {how.dialect}, the case {case.config.dialect}")
    graph = any(group.smallest_id == case.id and "mode=graph" in group.when for group in results.groups)
    return script(
        case,
        how.template,
        how.arguments,
        "graph" if graph else mode,
        _held_to(results, name, case.config.dtype),
        title=describe(case),
        messages=[f"On {name}: {message}" for message in failures.values()],
        needs=how.needs,
        stand_in=how.stand_in,
    )


def describe(case: Case) -> str:
    """A case in one line: layer, unusual options, sizes, data."""
    config = case.config
    options = " ".join(f"{name}={value}" for name, value in config.non_default().items())
    sizes = config.sizes
    size = f"batch {sizes.batch}, timesteps {sizes.timesteps}, features {sizes.features}, units {sizes.units}"
    words = [config.dialect, config.layer, options, f"({size}; {case.data.kind} data)"]
    return " ".join(word for word in words if word) + (f", to be rejected: {case.rejection}" if case.rejection else "")


def failures_of(results: Results, identity: str, name: str) -> dict[str, str]:
    """Check -> message, for every check that a case failed on an implementation."""
    groups = {
        group.check: group.message
        for group in results.groups
        if group.smallest_id == identity and group.implementation == name
    }
    return groups | {
        check: verdict.message or ""
        for record in results.cases
        if record.id == identity and record.implementation == name
        for check, verdict in record.outcomes.items()
        if verdict.outcome in DEVIATIONS
    }


def _held_to(results: Results, name: str, dtype: str) -> Precision:
    """The precision that the run judged an implementation by; the cap if it did not run there."""
    for implementation in results.implementations:
        if implementation.name == name and dtype in implementation.calibration:
            measured = implementation.calibration[dtype]
            return precision(dtype, Accuracy(tuple(measured["tanh"]), tuple(measured["sigmoid"])))
    return precision(dtype)
