"""Implementations by name: what to start, and with which interpreter."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from conformance.errors import ConformanceError, SpecError

ADAPTERS = Path(__file__).resolve().parent.parent / "adapters"
PROGRAM = "cmd:"
PLAIN = "python_layers.py"


@dataclass(frozen=True)
class Launch:
    """How to start an implementation.

    Attributes:
        name: as the user named it.
        command: program and arguments; no shell is involved.
        environment: variables set on top of the present ones.
        install: what to do if its framework is missing; empty if nobody knows.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    install: str = ""


def implementation_names() -> tuple[str, ...]:
    """The names of the implementations that come with this project, but for examples."""
    return tuple(name for name, entry in _entries().items() if not entry.get("example"))


@dataclass(frozen=True)
class Contract:
    """What a layer in plain Python follows.

    Attributes:
        dialect: name of the API contract.
        claims: what it can do, in the words of docs/custom.md (`layers`, `options`, `dtypes`, `sizes`, ...), in place
            of what it says itself.
    """

    dialect: str
    claims: Mapping[str, Any] = field(default_factory=dict)


def resolve(
    name: str,
    python: Mapping[str, str] | None = None,
    replace: Mapping[str, str] | None = None,
    contract: Contract | None = None,
) -> Launch:
    """What to start for an implementation.

    Args:
        name: one of `implementation_names()`, an example, or `cmd:PROGRAM ARGUMENTS` for a program that speaks the
            protocol itself.
        python: implementation name -> interpreter to run it with; the present one is the default.
        replace: the framework's class name -> `package.module:Class` to test in its place.
        contract: what a layer in plain Python follows, if `name` is `package.module:Class` or `path/file.py:Class`.

    Raises:
        SpecError: there is no such implementation, or it needs a contract.
        ConformanceError: the interpreter or program does not exist, or the class to replace is not named properly.
    """
    if name.startswith(PROGRAM):
        return Launch(name, _program(name))
    interpreter = _interpreter(name, (python or {}).get(name, sys.executable))
    if name not in _entries():
        return _plain(name, interpreter, contract)
    entry = _entries()[name]
    flags = [part for key, place in (replace or {}).items() for part in ("--replace", _replacement(key, place))]
    return Launch(
        name=name,
        command=(interpreter, str(ADAPTERS / entry["script"]), *entry["arguments"], *flags),
        environment=_registry()["environment"],
        install="install it: "
        + entry["install"].format(python=interpreter)
        + f"; or name another interpreter: --python {name}=PATH",
    )


@dataclass(frozen=True)
class Export:
    """How a case is shown with a framework alone.

    Attributes:
        dialect: whose cases.
        template: of the script.
        arguments: of the adapter, such as a backend.
        needs: what must be installed.
    """

    dialect: str
    template: Path
    arguments: tuple[str, ...]
    needs: str


def export_of(name: str) -> Export:
    """How cases are shown on an implementation; `ConformanceError` if there is no such script for it."""
    able = {known: entry for known, entry in _entries().items() if "export" in entry}
    if name not in able:
        raise ConformanceError(f"no script can be written for '{name}'; name one of these by --on: {', '.join(able)}")
    entry = able[name]
    needs = entry["install"].partition(" install ")[2].replace("'", "").split()
    return Export(entry["dialect"], ADAPTERS / entry["export"], tuple(entry["arguments"]), ", ".join([*needs, "numpy"]))


def _entries() -> Mapping[str, Any]:
    return {name: entry for name, entry in _registry().items() if name != "environment"}


@cache
def _registry() -> Mapping[str, Any]:
    return tomllib.loads((ADAPTERS / "registry.toml").read_text(encoding="utf-8"))


def _plain(name: str, interpreter: str, contract: Contract | None) -> Launch:
    """A layer in plain Python."""
    source, _, attribute = name.rpartition(":")
    if not (source and attribute):
        known = ", ".join(implementation_names())
        raise SpecError(
            f"unknown implementation '{name}'; choose one of {known}, 'cmd:PROGRAM ARGUMENTS', "
            "or package.module:Class with its --dialect"
        )
    if contract is None:
        raise SpecError(f"'{name}' is no known name; if it is a Python class, say what it follows: --dialect NAME")
    if source.endswith(".py") and not Path(source).is_file():
        raise ConformanceError(f"'{name}': there is no file {source}")
    command = (interpreter, str(ADAPTERS / PLAIN), name, contract.dialect, json.dumps(contract.claims))
    return Launch(name, command, _registry()["environment"])


def _program(name: str) -> tuple[str, ...]:
    try:
        words = shlex.split(name.removeprefix(PROGRAM))
    except ValueError as error:
        raise ConformanceError(f"'{name}' cannot be split into words: {error}") from None
    if not words:
        raise ConformanceError(f"'{name}' names no program; write cmd:PROGRAM ARGUMENTS")
    found = shutil.which(words[0])
    if found is None:
        raise ConformanceError(f"'{name}': there is no program '{words[0]}' that can be run")
    return (str(Path(found).absolute()), *words[1:])


def _interpreter(name: str, path: str) -> str:
    found = shutil.which(path)
    if found is None:
        raise ConformanceError(f"{name}: there is no Python interpreter '{path}'; check --python {name}=PATH")
    return str(Path(found).absolute())


def _replacement(key: str, place: str) -> str:
    module, _, attribute = place.partition(":")
    if not (key and module and attribute):
        raise ConformanceError(f"--replace {key}={place}: write --replace CLASS=package.module:Class")
    return f"{key}={place}"
