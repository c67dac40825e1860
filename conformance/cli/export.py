"""`rnn-conformance export`: one case as a script that needs only the framework."""

from __future__ import annotations

from pathlib import Path

import click

from conformance.cli.options import results_option
from conformance.cli.replay import describe, find_case
from conformance.engine.events import DEVIATIONS
from conformance.engine.implementations import export_of
from conformance.errors import ConformanceError
from conformance.laws import LAWS
from conformance.reference import Accuracy, Precision, precision
from conformance.report.script import script
from conformance.results import Results, read_results

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


@click.command(
    epilog="\b\nExamples:\n  rnn-conformance export 4f1c09aa37b2 > case.py && python case.py\n"
    "  rnn-conformance export 4f1c09aa37b2 --on torch --results reports/old/results.jsonl\n"
)
@click.argument("identity", metavar="ID")
@click.option("--on", "name", metavar="IMPLEMENTATION", help="Whose script; default: where it failed.")
@results_option
def export(identity: str, name: str | None, results: Path) -> None:
    """Print the case ID of a results file as a script without us: it calls the layer and says what deviates.

    ID may be shortened as long as it is unique. The script needs the framework and NumPy.
    """
    read = read_results(results)
    case, names, seen_mode = find_case(read, identity)
    chosen = name or names[0]
    failures = _failures(read, case.id, chosen)
    if failures and set(failures) <= NOT_SHOWN:
        raise ConformanceError(
            f"case {case.id} failed in {', '.join(failures)}, which one call does not show; "
            f"use rnn-conformance replay {case.id}"
        )
    how = export_of(chosen)
    if how.dialect != case.config.dialect:
        raise ConformanceError(f"{chosen} follows the dialect {how.dialect}, the case {case.config.dialect}")
    graph = any(group.smallest_id == case.id and "mode=graph" in group.when for group in read.groups)
    messages = [f"On {chosen}: {message}" for message in failures.values()]
    text = script(
        case,
        how.template,
        how.arguments,
        "graph" if graph else seen_mode or "eager",
        _held_to(read, chosen, case.config.dtype),
        title=describe(case),
        messages=messages,
        needs=how.needs,
        stand_in=how.stand_in,
    )
    click.echo(text, nl=False)


def _failures(results: Results, identity: str, name: str) -> dict[str, str]:
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
