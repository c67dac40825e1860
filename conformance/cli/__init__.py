"""The command line: thin faces over the engine, results, report and specification."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import Any

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
from conformance.errors import INTERRUPTED, USAGE, ConformanceError

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


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a place that takes no more says."""


class _OneLineErrors(click.Group):
    """Shows errors that a user can mend as one line, with their exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ConformanceError as error:
            click.echo(f"rnn-conformance: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("rnn-conformance: stopped at once; what a run found is kept, and --resume goes on", err=True)
            ctx.exit(INTERRUPTED)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """The program; that its output cannot be written is one line, too."""
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            if error.errno not in FULL:
                raise
            click.echo(f"rnn-conformance: cannot write the output: {error.strerror}; make room", err=True)
            _discard_output()
            sys.exit(USAGE)


def _discard_output() -> None:
    """Leave nothing that Python would try to write once more when it ends."""
    with suppress(OSError, ValueError):  # standard output has no number where a program replaced it
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


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
