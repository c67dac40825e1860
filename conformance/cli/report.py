"""`rnn-conformance report`: the report of a results file."""

from __future__ import annotations

from pathlib import Path

import click

from conformance.cli.options import LATEST
from conformance.cli.summary import summary
from conformance.report import write
from conformance.results import read_results


@click.command(
    epilog="\b\nExamples:\n  rnn-conformance report\n  rnn-conformance report old/results.jsonl --out old-report\n"
    "  rnn-conformance report --format markdown >> $GITHUB_STEP_SUMMARY\n"
)
@click.argument("results", type=click.Path(path_type=Path, dir_okay=False), default=LATEST / "results.jsonl")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Directory; default: beside the results.")
@click.option(
    "--format", "form", type=click.Choice(["text", "markdown"]), default="text", help="Of the summary printed."
)
def report(results: Path, out: Path | None, form: str) -> None:
    """Write index.html, summary.md and junit.xml from a results file; nothing is run."""
    read = read_results(results)
    directory = out or results.parent
    write(read, directory, str(results))
    click.echo(summary(read, form, results))
    click.echo(f"report   {directory / 'index.html'}", err=True)
