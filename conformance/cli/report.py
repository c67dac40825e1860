"""`rnn-conformance report`: the report of a results file."""

from __future__ import annotations

from pathlib import Path

import click

from conformance.cli.options import LATEST
from conformance.cli.summary import FORMATS, summary
from conformance.errors import ConformanceError
from conformance.report import write
from conformance.report.model import numbered
from conformance.report.select import selected
from conformance.results import read_results
from conformance.results.where import parse


@click.command(
    epilog="\b\nExamples:\n  rnn-conformance report\n  rnn-conformance report old/results.jsonl --out old-report\n"
    "  rnn-conformance report --format markdown >> $GITHUB_STEP_SUMMARY\n"
    "  rnn-conformance report --out lstm --where 'option:layer=lstm outcome:deviation'\n"
)
@click.argument("results", type=click.Path(path_type=Path, dir_okay=False), default=LATEST / "results.jsonl")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Directory; default: beside the results.")
@click.option(
    "--where",
    default="",
    metavar="FILTER",
    help="Only verdicts that match, such as 'check:values impl:torch* option:mask!=none'; needs --out. "
    "The language is that of the page: docs/filters.md.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    help="Of the summary; github: with annotations.",
)
def report(results: Path, out: Path | None, where: str, form: str) -> None:
    """Write index.html, summary.md and junit.xml from a results file; nothing is run."""
    wanted, read = parse(where), read_results(results)
    notes = []
    if wanted.terms:
        if out is None:
            raise ConformanceError("--where writes a report of a part; say where to with --out")
        read = selected(read, wanted, numbered(read))
        notes.append(f"Only verdicts that match the filter {where} are here.")
        if not read.cases:
            raise ConformanceError(f"no verdict matches {where}")
    directory = out or results.parent
    write(read, directory, str(results), notes)
    click.echo(summary(read, form, results))
    click.echo(f"report   {directory / 'index.html'}", err=True)
