"""`rnn-conformance accept`: declare the deviations of a run as known; and what a run says of such declarations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from conformance.engine.declarations import read_deviations, shipped
from conformance.engine.deviations import Deviation
from conformance.errors import ResultsError
from conformance.report.deviations import deviations
from conformance.report.files import save
from conformance.report.text import count, safe
from conformance.results import Results, read_results


def known_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--known FILE`, repeatable, and `--no-known`."""
    none = click.option(
        "--no-known",
        is_flag=True,
        help="Judge everything as new: leave out the deviations of current frameworks that come with this "
        "program (specs/deviations).",
    )
    files = click.option(
        "--known",
        multiple=True,
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Deviations that this file declares are counted and shown, and do not fail; repeatable. "
        "`rnn-conformance accept` writes such a file.",
    )
    return files(none(command))


@click.command(
    epilog="\b\nExamples:\n  rnn-conformance accept reports/latest/results.jsonl --out known.toml\n"
    "  rnn-conformance run keras:tensorflow --known known.toml\n"
)
@click.argument("results", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file, not to the terminal.")
def accept(results: Path, out: Path | None) -> None:
    """Write the failure groups of a run as known deviations, for you to edit."""
    read = read_results(results)
    if not read.groups:
        why = (
            "is cut off before its failure groups; go on with `rnn-conformance run --resume`"
            if read.truncated
            else "has no failure group: there is nothing to accept"
        )
        raise ResultsError(f"{results} {why}")
    written = deviations(read)
    if out is None:
        click.echo(written, nl=False)
        return
    if out.exists():
        raise ResultsError(f"{out} exists and may have been edited; choose another place with --out")
    save(out, written)
    click.echo(f"{count(len(read.groups), 'deviation')} in {out}; edit the file before you use it")


def known_of(files: Sequence[Path], *, ours: bool = True) -> tuple[Deviation, ...]:
    """What some files declare, and, if `ours`, what comes with this program; a file's word counts more than ours.

    Raises:
        ResultsError: a file cannot be read, or two deviations have the same id.
    """
    found = tuple(one for file in files for one in read_deviations(file))
    repeated = {one.id for one in found if [other.id for other in found].count(one.id) > 1}
    if repeated:
        raise ResultsError(f"--known: two files declare the deviation '{min(repeated)}'; name them differently")
    named = {one.id for one in found}
    return (*(one for one in shipped() if one.id not in named), *found) if ours else found


def stale(files: Sequence[Path], results: Results) -> bool:
    """Say which declarations are stale and which of these files match nothing; whether any is stale."""
    stale_ones = [one for one in results.known if one.witness == "passes"]
    for one in stale_ones:
        click.echo(
            f"stale: known deviation {safe(one.id)} of {safe(one.implementation)}: its witness passes; remove it, "
            "or end its range of versions",
            err=True,
        )
    matching = {one.id for one in results.known if one.cases or one.witness == "passes"}
    for declared in known_of(files, ours=False):
        if declared.id not in matching:
            click.echo(f"known deviation {safe(declared.id)} matches nothing in this run", err=True)
    return bool(stale_ones)
