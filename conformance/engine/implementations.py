"""Implementations by name: what to start, and with which interpreter.

A name is one of `registry.toml`; one of those with a class in the place of a framework's own, such as
`torch[LSTM=mypackage:FastLSTM]`; the place of a layer in plain Python; or a program.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
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
    """What an implementation in Python follows.

    Attributes:
        dialect: name of the API contract.
        claims: what it can do, in the words of docs/custom.md (`layers`, `options`, `dtypes`, `sizes`, ...), in place
            of what it says itself.
    """

    dialect: str
    claims: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Replaced:
    """A framework with a class in the place of one of its own.

    Attributes:
        framework: name of the implementation.
        class_name: of the framework's layer or cell.
        place: `package.module:Class` or `path/file.py:Class`.
    """

    framework: str
    class_name: str
    place: str

    @classmethod
    def of(cls, name: str) -> Replaced | None:
        """From the name of an implementation; None if nothing is replaced in it."""
        found = re.fullmatch(r"([^\[\]]+)\[(\w+)=(.+)\]", name, re.DOTALL)
        return cls(*found.groups()) if found else None

    def __str__(self) -> str:
        return f"{self.framework}[{self.class_name}={self.place}]"

    @property
    def entry(self) -> Mapping[str, Any]:
        """What is known of the framework; `ConformanceError` if there is no such framework, class or file."""
        entry: Mapping[str, Any] = _entries().get(self.framework, {})
        classes = replaceable(self.framework)
        if not classes:
            able = ", ".join(name for name in _entries() if replaceable(name))
            raise SpecError(f"'{self}': no class can be replaced in '{self.framework}'; choose one of {able}")
        if self.class_name not in classes:
            raise SpecError(f"'{self}': {self.framework} has no '{self.class_name}'; there are {', '.join(classes)}")
        source = self.place.rpartition(":")[0]
        if source.endswith(".py") and not Path(source).is_file():
            raise ConformanceError(f"'{self}': there is no file {source}")
        return entry

    @property
    def is_cell(self) -> bool:
        """Whether it is a cell, which is run in a loop."""
        return self.class_name in self.entry["cells"]


def replaceable(name: str) -> tuple[str, ...]:
    """The classes of an implementation that others can take the place of."""
    entry = _entries().get(name, {})
    return (*entry.get("layers", ()), *entry.get("cells", ()))


def with_replacements(names: Sequence[str], classes: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Implementations with classes in the place of the framework's own.

    Args:
        names: of implementations. One whose framework has such a class is run with each of those that are to replace
            one, and no longer with its own; any other stays as it is.
        classes: name of a framework's class, and the place of the one to test instead.

    Raises:
        SpecError: none of the implementations has such a class.
    """
    for class_name, place in classes:
        if not any(class_name in replaceable(name) for name in names):
            able = "; ".join(f"{name} has {', '.join(replaceable(name))}" for name in names if replaceable(name))
            raise SpecError(
                f"--replace {class_name}={place}: no implementation of this run has a class '{class_name}'"
                + (f"; {able}" if able else "")
            )
        if not all(place.rpartition(":")[::2]):
            raise ConformanceError(f"--replace {class_name}={place}: write {class_name}=package.module:Class")
    return tuple(
        chosen
        for name in names
        for chosen in [str(Replaced(name, key, place)) for key, place in classes if key in replaceable(name)] or [name]
    )


def dialect_of(name: str) -> str | None:
    """The contract that an implementation follows, if that is known before it is started."""
    replaced = Replaced.of(name)
    dialect = _entries().get(replaced.framework if replaced else name, {}).get("dialect")
    return None if dialect is None else str(dialect)


def resolve(name: str, python: Mapping[str, str] | None = None, contract: Contract | None = None) -> Launch:
    """What to start for an implementation.

    Args:
        name: one of `implementation_names()` or an example, such a name with a class in the place of one of the
            framework's (`torch[LSTM=package.module:Class]`), the place of a layer in plain Python, or
            `cmd:PROGRAM ARGUMENTS` for a program that speaks the protocol itself.
        python: implementation name -> interpreter to run it with; the present one is the default. The name of a
            framework stands for those with a class in the place of one of its own, too.
        contract: what a layer in plain Python follows, and what is claimed for it, or for a class in the place of a
            framework's own.

    Raises:
        SpecError: there is no such implementation or class, or it needs a contract.
        ConformanceError: the interpreter, program or file does not exist.
    """
    if name.startswith(PROGRAM):
        return Launch(name, _program(name))
    replaced = Replaced.of(name)
    known_as = replaced.framework if replaced else name
    interpreter = _interpreter(known_as, {known_as: sys.executable, **(python or {})}, name)
    if replaced is None and name not in _entries():
        return _plain(name, interpreter, contract)
    entry = replaced.entry if replaced else _entries()[name]
    needs = f"install it: {entry['install'].format(python=interpreter)}"
    return Launch(
        name=name,
        command=(interpreter, str(ADAPTERS / entry["script"]), *entry["arguments"], *_flags(replaced, contract)),
        environment=_registry()["environment"],
        install=f"{'it must be importable there' if replaced else needs}; "
        f"or name another interpreter: --python {known_as}=PATH",
    )


def _flags(replaced: Replaced | None, contract: Contract | None) -> tuple[str, ...]:
    """What tells an adapter of the class in the place of one of the framework's, and of what is claimed for it."""
    if replaced is None:
        return ()
    flags = ("--replace", f"{replaced.class_name}={replaced.place}")
    if contract is None or contract.dialect != replaced.entry["dialect"]:
        return flags
    said = {name: claim for name, claim in contract.claims.items() if name != "layers"}  # the class itself tells which
    return (*flags, "--claims", json.dumps(said)) if said else flags


@dataclass(frozen=True)
class StandIn:
    """How a script calls a class in the place of one of the framework's.

    Attributes:
        folder: where its module lies, if that is not on the path.
        module: to be imported.
        called: the class, with its module.
    """

    folder: str | None
    module: str
    called: str

    @classmethod
    def of(cls, replaced: Replaced) -> StandIn:
        """From the place of a class; `ConformanceError` if that is no name of Python."""
        source, _, name = replaced.place.rpartition(":")
        file = Path(source) if source.endswith(".py") else None
        module = file.stem if file else source
        if not all(word.isidentifier() for word in f"{module}.{name}".split(".")):
            raise ConformanceError(f"no script can be written for '{replaced}': {module}.{name} cannot be imported")
        return cls(str(file.parent) if file else None, module, f"{module}.{name}")


@dataclass(frozen=True)
class Export:
    """How a case is shown with a framework alone.

    Attributes:
        dialect: whose cases.
        template: of the script.
        arguments: of the adapter, such as a backend.
        needs: what must be installed.
        stand_in: the class in the place of the framework's own, if there is one.
    """

    dialect: str
    template: Path
    arguments: tuple[str, ...]
    needs: str
    stand_in: StandIn | None


def export_of(name: str) -> Export:
    """How cases are shown on an implementation; `ConformanceError` if there is no such script for it."""
    replaced = Replaced.of(name)
    able = {known: entry for known, entry in _entries().items() if "export" in entry}
    known_as = replaced.framework if replaced else name
    if known_as not in able:
        raise ConformanceError(f"no script can be written for '{name}'; name one of these by --on: {', '.join(able)}")
    if replaced and replaced.is_cell:
        raise ConformanceError(f"no script can be written for '{name}', a cell in a loop; use rnn-conformance replay")
    entry, stand_in = able[known_as], StandIn.of(replaced) if replaced else None
    needs = entry["install"].partition(" install ")[2].replace("'", "").split()
    needs += ["numpy", *([stand_in.module] if stand_in else [])]
    return Export(entry["dialect"], ADAPTERS / entry["export"], tuple(entry["arguments"]), ", ".join(needs), stand_in)


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
            f"unknown implementation '{name}'{_perhaps(name)}; choose one of {known}, 'cmd:PROGRAM ARGUMENTS', "
            "or package.module:Class with its --dialect"
        )
    if contract is None:
        raise SpecError(
            f"'{name}' is no known name{_perhaps(name)}; if it is a Python class, say what it follows: --dialect NAME"
        )
    if source.endswith(".py") and not Path(source).is_file():
        raise ConformanceError(f"'{name}': there is no file {source}")
    command = (interpreter, str(ADAPTERS / PLAIN), name, contract.dialect, json.dumps(contract.claims))
    return Launch(name, command, _registry()["environment"])


def _perhaps(name: str) -> str:
    """What a misspelt name may have been meant to be."""
    close = get_close_matches(name.lower(), _entries(), n=1, cutoff=0.7)
    return f" (did you mean {close[0]}?)" if close else ""


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


def _interpreter(known_as: str, python: Mapping[str, str], name: str) -> str:
    path = python.get(name, python[known_as])
    found = shutil.which(path)
    if found is None:
        raise ConformanceError(f"{name}: there is no Python interpreter '{path}'; check --python {known_as}=PATH")
    return str(Path(found).absolute())
