"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from conformance.engine.implementations import Launch, resolve
from conformance.errors import ConformanceError

LATEST = Path("reports/latest")
"""Where a run writes, unless told otherwise."""

Command = Callable[..., Any]


def python_option(command: Command) -> Command:
    """`--python NAME=PATH`, repeatable."""
    return click.option(
        "--python",
        "pythons",
        multiple=True,
        metavar="NAME=PATH",
        help="Run the implementation NAME with the interpreter PATH, such as torch=/venvs/old/bin/python.",
    )(command)


def results_option(command: Command) -> Command:
    """`--results FILE`."""
    return click.option(
        "--results",
        type=click.Path(path_type=Path, dir_okay=False),
        default=LATEST / "results.jsonl",
        show_default=True,
        help="The results file of a run.",
    )(command)


def launches(names: Sequence[str], pythons: Sequence[str]) -> tuple[Launch, ...]:
    """What to start, from names and `NAME=PATH` pairs; `ConformanceError` if they make no sense."""
    chosen = _pairs("--python", pythons)
    for name in chosen:
        if name not in names:
            raise ConformanceError(f"--python {name}=...: '{name}' is not among the implementations of this run")
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ConformanceError(f"'{min(repeated)}' is named twice; every implementation is run once")
    return tuple(resolve(name, python=chosen) for name in names)


def _pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not (name and separator and value):
            raise ConformanceError(f"{option} {text}: write NAME=PATH")
        pairs[name] = value
    return pairs
