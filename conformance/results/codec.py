"""Records as JSON objects and back, driven by the types of `conformance.engine.events`.

Fields keep the order of their dataclass and mappings their own order, so equal runs give equal bytes. Fields that are
None are left out. Floats that JSON cannot say are the strings "nan", "inf" and "-inf". The text is pure ASCII, so
whatever an implementation said (lone surrogates, NUL, terminal escapes) survives unchanged and harms no terminal.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

from conformance.engine.events import (
    BehaviourSeen,
    CaseJudged,
    Event,
    GroupFound,
    ImplementationStarted,
    KnownSeen,
    MorePlanned,
    RunFinished,
    RunStarted,
)

TYPES: Mapping[str, Any] = {
    "header": RunStarted,
    "implementation": ImplementationStarted,
    "planned": MorePlanned,
    "result": CaseJudged,
    "group": GroupFound,
    "known": KnownSeen,
    "behaviour": BehaviourSeen,
    "footer": RunFinished,
}
"""The value of a record's "type" -> the class of the record."""

_NAMES = {record: name for name, record in TYPES.items()}
_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}

Converter = Callable[[Any], Any]


def encode(event: Event) -> str:
    """The record as one line of JSON, without the end of line."""
    record = {"type": _NAMES[type(event)], **plain(event)}
    return json.dumps(record, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def decode(line: str) -> Event:
    """The inverse of `encode`.

    Raises:
        ValueError: if the line is not a record; the message says which field is wrong.
    """
    try:
        data = json.loads(line, parse_constant=_no_constant)
    except (json.JSONDecodeError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - what is wrong is the file, not a type in the program
    name = data.pop("type", None)
    if not isinstance(name, str) or name not in TYPES:
        raise ValueError(f"unknown type of record {name!r}")
    event: Event = _converter(TYPES[name])(data)
    return event


def plain(value: Any) -> Any:
    """Dataclasses and mappings as dicts, sequences as lists, non-finite floats as strings."""
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if is_dataclass(value):
        named = ((entry.name, getattr(value, entry.name)) for entry in fields(value))
        return {name: plain(item) for name, item in named if item is not None}
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


@cache
def _converter(hint: Any) -> Converter:
    """What turns parsed JSON into a value of that type, or raises ValueError."""
    if hint is Any:
        return lambda data: data
    if hint in _SCALARS:
        return _SCALARS[hint]
    if is_dataclass(hint):
        return _record(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return _choice(arguments)
    if origin in (Union, UnionType):
        return _optional(arguments)
    return _tuple(arguments[0]) if origin is tuple else _mapping(arguments[1])


def _record(cls: Any) -> Converter:
    hints = get_type_hints(cls)
    converters = {entry.name: _converter(hints[entry.name]) for entry in fields(cls)}
    required = [e.name for e in fields(cls) if e.default is MISSING and e.default_factory is MISSING]

    def convert(data: Any) -> Any:
        _expect(isinstance(data, dict), "an object")
        for name in required:
            if name not in data:
                raise ValueError(f"{name} is missing")
        return cls(**{name: _at(name, converters.get(name, _unknown), value) for name, value in data.items()})

    return convert


def _choice(allowed: tuple[Any, ...]) -> Converter:
    def convert(data: Any) -> Any:
        _expect(isinstance(data, str) and data in allowed, f"one of {', '.join(allowed)}")
        return data

    return convert


def _optional(arguments: tuple[Any, ...]) -> Converter:
    (inner,) = (argument for argument in arguments if argument is not type(None))
    convert = _converter(inner)
    return lambda data: None if data is None else convert(data)


def _tuple(element: Any) -> Converter:
    inner = _converter(element)

    def convert(data: Any) -> Any:
        _expect(isinstance(data, list), "a list")
        return tuple(_at(str(index), inner, value) for index, value in enumerate(data))

    return convert


def _mapping(element: Any) -> Converter:
    inner = _converter(element)

    def convert(data: Any) -> Any:
        _expect(isinstance(data, dict), "an object")
        return data if element is Any else {name: _at(name, inner, value) for name, value in data.items()}

    return convert


def _number(data: Any) -> float:
    if isinstance(data, str) and data in _NON_FINITE:
        return _NON_FINITE[data]
    _expect(isinstance(data, int | float) and not isinstance(data, bool), "a number")
    return float(data)


def _scalar(kind: type, word: str) -> Converter:
    def convert(data: Any) -> Any:
        _expect(type(data) is kind, word)
        return data

    return convert


_SCALARS: Mapping[Any, Converter] = {
    float: _number,
    int: _scalar(int, "a whole number"),
    str: _scalar(str, "text"),
    bool: _scalar(bool, "true or false"),
}


def _at(name: str, convert: Converter, value: Any) -> Any:
    """Convert one part; an error names where it is."""
    try:
        return convert(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _expect(condition: bool, wanted: str) -> None:
    if not condition:
        raise ValueError(f"should be {wanted}")


def _unknown(_: Any) -> NoReturn:
    raise ValueError("no such field")
