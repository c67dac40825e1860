"""Implementations by name: what to start, and with which interpreter."""

from __future__ import annotations

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
    """The names of the implementations that come with this project."""
    return tuple(name for name in _registry() if name != "environment")


def resolve(name: str, python: Mapping[str, str] | None = None, replace: Mapping[str, str] | None = None) -> Launch:
    """What to start for an implementation.

    Args:
        name: one of `implementation_names()`, or `cmd:PROGRAM ARGUMENTS` for a program that speaks the protocol itself.
        python: implementation name -> interpreter to run it with; the present one is the default.
        replace: the framework's class name -> `package.module:Class` to test in its place.

    Raises:
        SpecError: there is no such implementation.
        ConformanceError: the interpreter or program does not exist, or the class to replace is not named properly.
    """
    if name.startswith(PROGRAM):
        return Launch(name, _program(name))
    if name not in implementation_names():
        known = ", ".join(implementation_names())
        raise SpecError(f"unknown implementation '{name}'; choose one of {known}, or 'cmd:PROGRAM ARGUMENTS'")
    entry = _registry()[name]
    interpreter = _interpreter(name, (python or {}).get(name, sys.executable))
    flags = [part for key, place in (replace or {}).items() for part in ("--replace", _replacement(key, place))]
    return Launch(
        name=name,
        command=(interpreter, str(ADAPTERS / entry["script"]), *entry["arguments"], *flags),
        environment=_registry()["environment"],
        install="install it: "
        + entry["install"].format(python=interpreter)
        + f"; or name another interpreter: --python {name}=PATH",
    )


@cache
def _registry() -> Mapping[str, Any]:
    return tomllib.loads((ADAPTERS / "registry.toml").read_text(encoding="utf-8"))


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
