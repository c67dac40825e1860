"""Where layers come from: a framework, or a class that somebody names as `package.module:Name` or `file.py:Name`."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, FrozenSet, Mapping, NamedTuple, Optional, Sequence

if TYPE_CHECKING or __package__:
    from conformance.adapters.claims import Claims
else:
    from claims import Claims

Make = Callable[[Dict[str, Any], Dict[str, Any]], Any]
"""Gives a layer for the arguments that follow from options and sizes, and for those that replace or join them."""

Taken = Optional[FrozenSet[str]]
"""The arguments that a constructor takes; None: all that the framework's own class takes."""


class Source(NamedTuple):
    """Where layers come from.

    Attributes:
        makers: kind of layer -> what gives one.
        claims: what is said of them.
        classes: name -> class in the place of one of the framework's.
    """

    makers: Mapping[str, Make]
    claims: Claims
    classes: Dict[str, Any]


def find(place: str) -> Any:
    """The object of that name, from `package.module:Name` or `path/to/file.py:Name`.

    Modules are looked for in the working directory too, and beside a file that is named, as Python itself does.
    """
    source, _, attribute = place.rpartition(":")
    try:
        module = _from_file(Path(source)) if source.endswith(".py") else _from_path(source)
    except (Exception, SystemExit) as error:
        raise ImportError("cannot import %s: %s: %s" % (source, type(error).__name__, error)) from None
    try:
        return functools.reduce(getattr, attribute.split("."), module)
    except AttributeError:
        raise ImportError("%s has no %s" % (source, attribute)) from None


def _from_path(name: str) -> Any:
    sys.path.insert(0, str(Path.cwd()))
    return importlib.import_module(name)


def _from_file(path: Path) -> Any:
    sys.path.insert(0, str(path.resolve().parent))
    specification = importlib.util.spec_from_file_location(path.stem, str(path))
    if specification is None or specification.loader is None:
        raise ImportError("it is no Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    specification.loader.exec_module(module)
    return module


class Replacement(NamedTuple):
    """What stands in for a class of a framework.

    Attributes:
        name: of the framework's class, such as `LSTM` or `LSTMCell`.
        kind: the class in its place.
        given: what is claimed for it, in place of what it says itself.
    """

    name: str
    kind: Any
    given: Dict[str, Any]


def replacement(arguments: Sequence[str], known: Sequence[str]) -> Optional[Replacement]:
    """What `--replace LSTM=PLACE [--claims JSON]` says; None if there are no arguments.

    Args:
        arguments: of the adapter's command line.
        known: the framework's classes that can be replaced.
    """
    if not arguments:
        return None
    said = dict(zip(arguments[::2], arguments[1::2]))
    name, _, place = said.get("--replace", "").partition("=")
    if not set(said) <= {"--replace", "--claims"} or name not in known or ":" not in place:
        raise ValueError("--replace NAME=PLACE is meant, with a NAME of %s, not %s" % (", ".join(known), arguments))
    kind = find(place)
    if not callable(kind):
        raise TypeError("%s is %s, not a class" % (place, type(kind).__name__))
    return Replacement(name, kind, json.loads(said.get("--claims", "{}")))
