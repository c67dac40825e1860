"""Errors that a user can mend, and the exit codes of the command line.

Every message is one line that says what is wrong, where, and what to do about it.
"""

from __future__ import annotations

CONFORMANT = 0
DEVIATIONS = 1
USAGE = 2
BROKEN = 3
STALE = 4
INTERRUPTED = 130


class ConformanceError(Exception):
    """Base of all errors meant for the user: one line, no traceback."""

    exit_code = USAGE


class SpecError(ConformanceError):
    """A configuration, option or value that the specification does not know or allow."""


class ResultsError(ConformanceError):
    """A results file that cannot be read or written."""


class BrokenImplementationError(ConformanceError):
    """An implementation that cannot be started or does not speak the protocol."""

    exit_code = BROKEN
