"""The program `rnn-conformance`, which is `python -m conformance`, too."""

from __future__ import annotations

import sys

from conformance.errors import INTERRUPTED


def main() -> None:
    """Load the command line and run it; an interruption while it is loaded is one line, too."""
    try:
        from conformance.cli import main as command_line
    except KeyboardInterrupt:
        print("rnn-conformance: stopped before anything was done", file=sys.stderr)
        sys.exit(INTERRUPTED)
    command_line(prog_name="rnn-conformance")


if __name__ == "__main__":
    main()
