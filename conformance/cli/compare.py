"""`rnn-conformance compare`: what changed between two runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from conformance.cli.terminal import say
from conformance.errors import CONFORMANT, DEVIATIONS, ConformanceError, ResultsError
from conformance.report import comparison as spelling
from conformance.report.ci import annotated
from conformance.report.files import save
from conformance.results import KINDS, Comparison, Kind, Results, Thresholds, compare, read_results
from conformance.results.align import matches

FORMATS = ("text", "markdown", "json", "html")

NEVER = "nothing"

EPILOG = """\b
Examples:
  rnn-conformance compare before.jsonl after.jsonl
  rnn-conformance compare before.jsonl after.jsonl --format html --out changes.html
  rnn-conformance compare before.jsonl after.jsonl --format markdown >> $GITHUB_STEP_SUMMARY
  rnn-conformance compare before.jsonl after.jsonl --fail-on regressed,behaviour-changed
  rnn-conformance compare run.jsonl run.jsonl --match keras:tensorflow=keras:jax
"""


def baseline_of(path: Path, file: Path, names: Sequence[str]) -> Results:
    """The results to compare a run of these implementations with that writes to `file`.

    Raises:
        ResultsError: they cannot be read, have none of the implementations, or would be overwritten.
    """
    results = read_results(path)
    matches(results, Results(replace(results.header, implementations=tuple(names))))
    if file.exists() and file.samefile(path):
        raise ResultsError(f"--baseline {path} is the file that this run writes; choose another place with --out")
    return results


def against(baseline: Results, results: Results, sources: tuple[str, str], form: str) -> int:
    """Print what changed since a baseline, write `changes.html` beside the results; the exit code.

    For GitHub what regressed is annotated.
    """
    found = compare(baseline, results)
    page = Path(sources[1]).parent / "changes.html"
    save(page, spell(found, "html", sources))
    shown = "text" if form == "github" else form
    say(f"changes  {page}\n\n" + spell(found, shown, sources).rstrip("\n"), shown)
    if form == "github":
        say("\n".join(annotated(results, sources[1], found)), form)
    return exit_code(found, ("regressed",))


def spelled(kind: Kind) -> str:
    """A kind as a word of the command line: `not-comparable`."""
    return kind.replace(" ", "-")


def fail_on_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--fail-on KIND,...`."""
    return click.option(
        "--fail-on",
        default="regressed",
        show_default=True,
        metavar="KIND,...",
        help=f"Kinds of change that make the exit code 1, of {', '.join(map(spelled, KINDS))}; or {NEVER}.",
    )(command)


@click.command("compare", epilog=EPILOG)
@click.argument("before", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("after", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--match",
    "wanted",
    multiple=True,
    metavar="BEFORE=AFTER",
    help="Compare these two implementations; repeatable. Default: those of equal names, or the only ones.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file, not to the terminal.")
@fail_on_option
@click.option(
    "--drift",
    type=click.FloatRange(1, min_open=True),
    default=Thresholds.drift,
    show_default=True,
    help="Factor by which error ÷ allowed of a passing case must move to be told.",
)
@click.option(
    "--slower",
    type=click.FloatRange(1, min_open=True),
    default=Thresholds.speed,
    show_default=True,
    help="Factor by which the median time per case must move to be told.",
)
def compare_(
    before: Path,
    after: Path,
    wanted: tuple[str, ...],
    form: str,
    out: Path | None,
    fail_on: str,
    drift: float,
    slower: float,
) -> None:
    """Compare two results files case by case, and tell what changed, one entry for each cause.

    Exit code 0: nothing that --fail-on names changed; 1: something did.
    """
    kinds = failing(fail_on)
    found = compare(read_results(before), read_results(after), wanted, Thresholds(drift=drift, speed=slower))
    written = spell(found, form, (str(before), str(after)))
    if out is None:
        say(written.rstrip("\n"), form)
    else:
        save(out, written)
    sys.exit(exit_code(found, kinds))


def spell(comparison: Comparison, form: str, sources: tuple[str, str]) -> str:
    """A comparison in one of `FORMATS`."""
    if form == "json":
        return spelling.json(comparison)
    spelled_as = {"text": spelling.text, "markdown": spelling.markdown, "html": spelling.html}[form]
    return spelled_as(spelling.view(comparison, sources))


def failing(text: str) -> tuple[Kind, ...]:
    """The kinds that `--fail-on` names.

    Raises:
        ConformanceError: one of them does not exist.
    """
    known = {spelled(kind): kind for kind in KINDS}
    words = [word.strip().lower().replace(" ", "-") for word in text.split(",") if word.strip()]
    for word in words:
        if word not in (*known, NEVER):
            raise ConformanceError(f"--fail-on {word}: choose from {', '.join(known)}, or {NEVER}")
    return tuple(known[word] for word in words if word != NEVER)


def exit_code(comparison: Comparison, kinds: tuple[Kind, ...]) -> int:
    """1 if there is a change of one of these kinds."""
    return DEVIATIONS if any(comparison.kinds[kind] for kind in kinds) else CONFORMANT
