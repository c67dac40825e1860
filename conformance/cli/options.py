"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from conformance.engine.implementations import Contract, Launch, resolve
from conformance.errors import ConformanceError
from conformance.spec import Value, dialect_names, load_dialect

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


def contract_options(command: Command) -> Command:
    """`--dialect`, `--layer` and `--claim`, for layers in plain Python."""
    dialect = click.option(
        "--dialect",
        type=click.Choice(dialect_names()),
        help="What an implementation package.module:Class or path/file.py:Class follows.",
    )
    layers = click.option(
        "--layer",
        "layers",
        multiple=True,
        metavar="LAYER",
        help="The kind of layer that it is; repeatable. Default: its attribute `layers`.",
    )
    claims = click.option(
        "--claim",
        "claims",
        multiple=True,
        metavar="NAME=VALUE,...",
        help="An option or size and the values that it supports, such as mask=none,right or batch=1; repeatable. "
        "Options that are not named then have their default only. Default: its own attributes.",
    )
    return dialect(layers(claims(command)))


def results_option(command: Command) -> Command:
    """`--results FILE`."""
    return click.option(
        "--results",
        type=click.Path(path_type=Path, dir_okay=False),
        default=LATEST / "results.jsonl",
        show_default=True,
        help="The results file of a run.",
    )(command)


def launches(
    names: Sequence[str],
    pythons: Sequence[str],
    dialect: str | None = None,
    layers: Sequence[str] = (),
    claims: Sequence[str] = (),
) -> tuple[Launch, ...]:
    """What to start, from names, `NAME=PATH` pairs and a contract; `ConformanceError` if they make no sense."""
    contract = _contract(dialect, layers, claims)
    chosen = _pairs("--python", pythons)
    for name in chosen:
        if name not in names:
            raise ConformanceError(f"--python {name}=...: '{name}' is not among the implementations of this run")
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ConformanceError(f"'{min(repeated)}' is named twice; every implementation is run once")
    return tuple(resolve(name, python=chosen, contract=contract) for name in names)


def _contract(dialect: str | None, layers: Sequence[str], claims: Sequence[str]) -> Contract | None:
    """What layers in plain Python follow and can do; None if nothing was said."""
    if dialect is None:
        for option, values in {"--layer": layers, "--claim": claims}.items():
            if values:
                raise ConformanceError(f"{option} {values[0]} needs --dialect")
        return None
    rules = load_dialect(dialect)
    said: dict[str, Any] = {"layers": [rules.layer(layer).name for layer in layers]} if layers else {}
    for name, text in _pairs("--claim", claims, "NAME=VALUE,...").items():
        kind, known = ("options", rules.options[name].values) if name in rules.options else ("sizes", ())
        said.setdefault(kind, {})[name] = [_value(word, known) for word in text.split(",")]
    return Contract(dialect, said)


def _value(word: str, known: Sequence[Value]) -> Value:
    """The value that is written so; what is unknown stays as it is, and the implementation will refuse it."""
    values = {str(value).lower(): value for value in known}
    return values.get(word.lower(), int(word) if word.isdecimal() else word)


def _pairs(option: str, texts: Sequence[str], form: str = "NAME=PATH") -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not (name and separator and value):
            raise ConformanceError(f"{option} {text}: write {form}")
        pairs[name] = value
    return pairs
