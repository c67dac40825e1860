"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from conformance.engine.implementations import Contract, Launch, Replaced, dialect_of, resolve, with_replacements
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


def replace_option(command: Command) -> Command:
    """`--replace CLASS=PLACE`, repeatable."""
    return click.option(
        "--replace",
        "replaced",
        multiple=True,
        metavar="CLASS=PLACE",
        help="Test the class at PLACE (package.module:Class or path/file.py:Class) in the place of the framework's "
        "layer or cell CLASS, such as LSTM=mypackage:FastLSTM; repeatable. See docs/custom.md.",
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
    replaced: Sequence[str] = (),
) -> tuple[Launch, ...]:
    """What to start, from names, `NAME=PATH` pairs, a contract and `CLASS=PLACE` pairs.

    Raises:
        ConformanceError: they make no sense.
    """
    classes = [_pair("--replace", text, "CLASS=package.module:Class or CLASS=path/file.py:Class") for text in replaced]
    names = with_replacements(names, classes)
    contract = _contract(dialect or _dialect(names), layers, claims, told=dialect is not None)
    chosen = dict(_pair("--python", text, "NAME=PATH", last="]=" in text) for text in pythons)
    for name in chosen:
        if name not in names and not any(name == known.framework for known in map(Replaced.of, names) if known):
            raise ConformanceError(f"--python {name}=...: '{name}' is not among the implementations of this run")
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ConformanceError(f"'{min(repeated)}' is named twice; every implementation is run once")
    return tuple(resolve(name, python=chosen, contract=contract) for name in names)


def _dialect(names: Sequence[str]) -> str | None:
    """What classes in the place of a framework's own follow, if all of these are such and of one dialect."""
    dialects = {dialect_of(name) if Replaced.of(name) else None for name in names}
    return dialects.pop() if len(dialects) == 1 else None


def _contract(dialect: str | None, layers: Sequence[str], claims: Sequence[str], *, told: bool) -> Contract | None:
    """What implementations in Python follow and can do; None if nothing was said. `told`: the user named a dialect."""
    for option, texts, needed in (("--layer", layers, not told), ("--claim", claims, dialect is None)):
        if texts and needed:
            raise ConformanceError(f"{option} {texts[0]} needs --dialect")
    if dialect is None or not (told or claims):
        return None
    rules = load_dialect(dialect)
    said: dict[str, Any] = {"layers": [rules.layer(layer).name for layer in layers]} if layers else {}
    for name, text in dict(_pair("--claim", text, "NAME=VALUE,...") for text in claims).items():
        kind, known = ("options", rules.options[name].values) if name in rules.options else ("sizes", ())
        said.setdefault(kind, {})[name] = [_value(word, known) for word in text.split(",")]
    return Contract(dialect, said)


def _value(word: str, known: Sequence[Value]) -> Value:
    """The value that is written so; what is unknown stays as it is, and the implementation will refuse it."""
    values = {str(value).lower(): value for value in known}
    return values.get(word.lower(), int(word) if word.isdecimal() else word)


def _pair(option: str, text: str, form: str, *, last: bool = False) -> tuple[str, str]:
    """NAME and VALUE of NAME=VALUE; `last` if NAME may have a `=` in it, and VALUE has none."""
    name, separator, value = text.rpartition("=") if last else text.partition("=")
    if not (name and separator and value):
        raise ConformanceError(f"{option} {text}: write {form}")
    return name, value
