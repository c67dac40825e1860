"""The command line: thin faces over the engine, results, report and specification."""

from __future__ import annotations

import sys

import click

import conformance
from conformance.cli import (
    accept,
    compare,
    demo,
    doctor,
    explain,
    export,
    listing,
    merge,
    publish,
    replay,
    report,
    run,
    vectors,
)
from conformance.errors import ConformanceError

EPILOG = """\b
Examples:
  rnn-conformance explain keras LSTM --bidirectional --return-state --units 3 --input 1,4,5
  rnn-conformance run keras:tensorflow torch
  rnn-conformance run torch --profile quick --only "layer=lstm proj_size=2"
  rnn-conformance compare before.jsonl after.jsonl
  rnn-conformance replay 4f1c09aa37b2 --results reports/latest/results.jsonl

\b
Exit codes: 0 conformant, 1 deviations, 2 usage, 3 an implementation is broken,
4 a known deviation is stale (--strict), 130 interrupted.
"""


class _OneLineErrors(click.Group):
    """Shows errors that a user can mend as one line, with their exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ConformanceError as error:
            click.echo(f"rnn-conformance: {error}", err=True)
            ctx.exit(error.exit_code)


@click.group(cls=_OneLineErrors, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(conformance.__version__, prog_name="rnn-conformance")
def main() -> None:
    """What must a recurrent layer return, and does this implementation return it?"""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


for command in (
    demo.demo,
    run.run,
    report.report,
    compare.compare_,
    merge.merge_,
    publish.publish,
    accept.accept,
    replay.replay,
    export.export,
    listing.list_,
    doctor.doctor,
    explain.explain,
    vectors.vectors,
):
    main.add_command(command)
