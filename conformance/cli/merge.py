"""`rnn-conformance merge`: several results files as one."""

from __future__ import annotations

from pathlib import Path

import click

from conformance.cli.options import LATEST
from conformance.cli.summary import summary
from conformance.report.files import save
from conformance.results import encode, merge, read_results


@click.command(
    "merge",
    epilog="\b\nExamples:\n  rnn-conformance run torch --seed 1 --shard 1/2 --out part1   (and --shard 2/2 elsewhere)\n"
    "  rnn-conformance merge part1/results.jsonl part2/results.jsonl --out all/results.jsonl\n"
    "  rnn-conformance report all/results.jsonl\n",
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=LATEST / "results.jsonl",
    show_default=True,
    help="The results file to write.",
)
def merge_(files: tuple[Path, ...], out: Path) -> None:
    """Make one results file of several: all shards of a run, or runs of different implementations.

    Something that is there twice, a shard that is missing, and runs of different cases are errors; then nothing is
    written.
    """
    results = merge([(str(file), read_results(file)) for file in files])
    save(out, "".join(f"{encode(event)}\n" for event in results.events()))
    click.echo(summary(results, "text", out))
    click.echo(f"\nresults  {out}")
