"""How text is put on a terminal: folded to its width, outcomes in colour. Elsewhere it is printed as it is.

Files, pipes and logs get whole lines, which can be searched. `NO_COLOR` (no-color.org) is honoured.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap

import click

NARROWEST = 40

COLOURS = {
    "pass": "green",
    "conforms": "green",
    "no deviation": "green",
    "fixed": "green",
    "known": "cyan",
    "fail": "red",
    "error": "red",
    "crash": "red",
    "timeout": "red",
    "regressed": "red",
    "deviates": "red",
    "broken": "red",
    "changed": "yellow",
    "drifted": "yellow",
    "behaviour changed": "yellow",
}
"""Word -> colour. The word always stands there, too."""

_WORDS = "|".join(sorted(COLOURS, key=len, reverse=True))

_HEADING = re.compile(rf"^( ?\d+  |  |)({_WORDS})(?=  |:|$)")
"""The word that a line is about: after the number of a cause, or first in a line of verdicts."""

_VERDICT = re.compile(r"(?<=: )(no deviation|\d[\d,]* deviations?|broken)\b")
"""What the sentence about an implementation says."""

_COPIED = re.compile(r"^ *(replay|report|results|changes|command)  ")
"""Lines that are there to be copied are never folded."""

_FACT = re.compile(r"^( *)\S[^:]*?( {2,})(?=\S)")
"""A line of a name, two or more spaces, and what is said of it."""


def say(text: str, form: str = "text") -> None:
    """Print to standard output, as it suits it; what has a form of its own, such as `json`, as it is."""
    if form == "text" and sys.stdout.isatty():
        text = folded(text, max(NARROWEST, shutil.get_terminal_size((80, 24)).columns))
        text = text if "NO_COLOR" in os.environ else coloured(text)
    click.echo(text)


def folded(text: str, width: int) -> str:
    """The text with no line longer than `width`, but for those that are there to be copied.

    What follows a name and some spaces is folded beneath itself.
    """
    return "\n".join(line for given in text.split("\n") for line in _folded(given, width))


def _folded(line: str, width: int) -> list[str]:
    if len(line) <= width or _COPIED.match(line):
        return [line]
    fact = _FACT.match(line)
    indent = len(fact.group()) if fact and len(fact.group()) <= width // 3 else 2
    start, rest = line[:indent], line[indent:]
    if not fact or indent == 2:
        start, rest = "", line
    return textwrap.wrap(
        rest,
        width,
        initial_indent=start,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
        drop_whitespace=True,
    )


def coloured(text: str) -> str:
    """The text with its verdicts in colour."""
    return "\n".join(_coloured(line) for line in text.split("\n"))


def _coloured(line: str) -> str:
    def heading(match: re.Match[str]) -> str:
        return match[1] + click.style(match[2], fg=COLOURS[match[2]], bold=True)

    def verdict(match: re.Match[str]) -> str:
        return click.style(match[1], fg="green" if match[1] == "no deviation" else "red", bold=True)

    return _VERDICT.sub(verdict, _HEADING.sub(heading, line), count=1)
