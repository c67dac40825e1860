"""`rnn-conformance export`: one case as a script that needs only the framework."""

from __future__ import annotations

from pathlib import Path

import click

from conformance.cli.options import results_option
from conformance.cli.replay import find_case
from conformance.report.exported import exported
from conformance.results import read_results


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
    click.echo(exported(read, case, name or names[0], seen_mode or "eager"), nl=False)
