"""`rnn-conformance demo`: what it looks like when a fault is found."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from conformance.cli.run import run_to_file
from conformance.cli.summary import closing, summary
from conformance.cli.terminal import say
from conformance.engine.implementations import resolve
from conformance.engine.run import RunOptions
from conformance.errors import BROKEN, CONFORMANT
from conformance.generate.phases import DEMO
from conformance.report import write

EXAMPLE = "demo"


@click.command(epilog="\b\nExamples:\n  rnn-conformance demo\n  rnn-conformance demo --out reports/demo\n")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Directory of the report; default: a temporary one."
)
def demo(out: Path | None) -> None:
    """Examine a small LSTM with a planted mistake; needs no framework.

    Exit code 0: the mistake was found, as it must be.
    """
    directory = out or Path(tempfile.mkdtemp(prefix="rnn-conformance-demo-"))
    launch = resolve(EXAMPLE)
    click.echo(f"The LSTM of {launch.command[-1]}\nhas a mistake. The suite knows nothing of it.\n")
    command = "rnn-conformance demo" + (f" --out {out}" if out else "")
    options = RunOptions((launch,), DEMO, phases=("random",), only={"layer": "lstm"}, command=command)
    file = directory / "results.jsonl"
    results = run_to_file(options, file)
    write(results, directory, str(file))
    say(summary(results, "text", file))
    say(f"\nreport   {directory / 'index.html'}\n\n{closing(results)}")
    sys.exit(CONFORMANT if results.groups else BROKEN)
