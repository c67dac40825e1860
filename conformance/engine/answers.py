"""What a worker answers, checked for form. Everything that comes from a worker is untrusted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.laws import WAYS
from conformance.spec import Array, dialect_names

PROTOCOL = 1
STAGES = ("adapter", "construct", "build", "weights", "call")
MAX_TEXT = 10_000
MAX_DEPTH = 50
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class NonsenseError(ValueError):
    """A well-formed message that is not an answer."""


@dataclass(frozen=True)
class Message:
    """An answer of the right form.

    Attributes:
        header: its fields as docs/protocol.md gives them, all text printable. `header["ok"]` tells whether the
            operation succeeded; if not, there are `stage` and `error` with `type`, `bases` and `message`.
        arrays: name -> array, as sent.
    """

    header: Mapping[str, Any]
    arrays: Mapping[str, Array]


def checked(identity: int, operation: str, fields: Mapping[str, Any], arrays: Mapping[str, Array]) -> Message:
    """What came as the answer to the request `identity`; `NonsenseError` if it is not one."""
    if type(fields.get("id")) is not int or fields["id"] != identity:
        raise NonsenseError(f"an answer with id {fields.get('id')!r:.60} where {identity} was due")
    header = {name: _printable(value) for name, value in fields.items()}
    if header.get("ok") is True:
        _CHECKS.get(operation, _check_nothing)(header, arrays)
    elif header.get("ok") is False:
        _check_error(header)
    else:
        raise NonsenseError("an answer without ok")
    return Message(header, arrays)


def printable(text: str, limit: int = MAX_TEXT) -> str:
    """Text from outside, safe for a terminal: no colours; control, direction-changing and broken characters escaped."""
    plain = _COLOUR.sub("", text)
    short = plain if len(plain) <= limit else plain[:limit] + "..."
    if short.isprintable():
        return short
    return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in short)


def last_line(text: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _check_nothing(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Operations that answer nothing but ok."""


def _check_hello(header: Mapping[str, Any], _arrays: Mapping[str, Array]) -> None:
    if header.get("protocol") != PROTOCOL:
        raise NonsenseError(f"protocol {header.get('protocol')!r:.60}; this program speaks {PROTOCOL}")
    if header.get("dialect") not in dialect_names():
        known = ", ".join(dialect_names())
        raise NonsenseError(f"dialect {header.get('dialect')!r:.60}; the specification has {known}")
    for name in ("versions", "environment"):
        table = header.get(name, {})
        if not isinstance(table, dict) or not all(isinstance(text, str) for text in table.values()):
            raise NonsenseError(f"its {name} are not a table of text")
    _check_capabilities(header.get("capabilities"))


def _check_capabilities(said: Any) -> None:
    if not isinstance(said, dict) or not all(_texts(said.get(name)) for name in ("layers", "modes")):
        raise NonsenseError("capabilities without lists of layers and modes")
    options = said.get("options")
    if not isinstance(options, dict) or not all(isinstance(values, list) for values in options.values()):
        raise NonsenseError("capabilities without a table of options with lists of values")
    sizes = said.get("sizes", {})
    if not isinstance(sizes, dict) or not all(isinstance(values, list) for values in sizes.values()):
        raise NonsenseError("capabilities whose sizes are not a table of lists")
    if not _texts(said.get("features", [])):
        raise NonsenseError("capabilities whose features are not a list of names")
    for kind in WAYS:
        ways, (fits, what) = said.get(kind, {}), _TOLD.get(kind, (_is_table_of_lists, "of tables of lists"))
        if not isinstance(ways, dict) or not all(fits(way) for way in ways.values()):
            raise NonsenseError(f"capabilities whose {kind} are not a table {what}")
    if type(said.get("rejections", True)) is not bool:
        raise NonsenseError("capabilities whose rejections are neither true nor false")


def _is_table_of_lists(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(inside, list) for inside in value.values())


def _is_way_to_declare(way: Any) -> bool:
    """Outputs or a mask, for unknown sizes (a list of axes), with options that it needs."""
    if not isinstance(way, dict) or way.get("of") not in ("outputs", "mask"):
        return False
    unknown = way.get("unknown", [])
    return _texts(unknown) and {*unknown} <= {"batch", "timesteps"} and _is_table_of_lists(way.get("needs", {}))


_TOLD: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "declares": (_is_way_to_declare, "with of, unknown and needs"),
}
"""Kind of ways of which more is said than the option values that they need -> what that must be."""


def _check_build(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    names = header.get("weights", [])
    if not _texts(names) or set(arrays) != {f"weights.{index}" for index in range(len(names))}:
        raise NonsenseError("a built layer without the names and arrays of its weights")


def _check_call(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    if type(header.get("seconds")) not in (int, float):
        raise NonsenseError("a call without seconds")
    if "structure" not in header and "gradients.x" in arrays:
        _check_gradients(arrays)
        return
    if "structure" not in header and "trained.0" in arrays:
        if set(arrays) != {f"trained.{index}" for index in range(len(arrays))}:
            raise NonsenseError("trained weights that are not trained.0, trained.1, ...")
        return
    if "structure" not in header and set(arrays) == {"penalty.0"}:
        return
    if set(arrays) != {f"outputs.{index}" for index in range(len(arrays))}:
        raise NonsenseError("a call whose arrays are not outputs.0, outputs.1, ...")
    _check_tree(header.get("structure"), len(arrays), 0)


def _check_gradients(arrays: Mapping[str, Array]) -> None:
    due = {"gradients.x"}
    for kind in ("gradients.weights", "gradients.initial_state"):
        due |= {f"{kind}.{index}" for index in range(sum(name.startswith(f"{kind}.") for name in arrays))}
    if set(arrays) != due:
        raise NonsenseError("gradients that are not numbered as the arrays of the call")


def _check_declare(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    declared = header.get("declared")
    if not isinstance(declared, list) or not all(_is_declared(said) for said in declared):
        raise NonsenseError("a declaration without a list of shapes and types")
    if not set(arrays) <= {f"values.{index}" for index in range(len(declared))}:
        raise NonsenseError("a declaration whose arrays are not values.0, values.1, ...")
    _check_tree(header.get("structure"), len(declared), 0)


def _is_declared(said: Any) -> bool:
    if not isinstance(said, dict) or not isinstance(said.get("shape"), list):
        return False
    sizes = all(size is None or (type(size) is int and size >= 0) for size in said["shape"])
    return sizes and isinstance(said.get("dtype"), str | None)


def _check_recall(_header: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    if "x" not in arrays:
        raise NonsenseError("a recall without x")


def _check_error(header: Mapping[str, Any]) -> None:
    error = header.get("error")
    if header.get("stage") not in STAGES or not isinstance(error, dict):
        raise NonsenseError(f"a failure without error, or with none of the stages {', '.join(STAGES)}")
    if not _texts(error.get("bases")) or not all(isinstance(error.get(name), str) for name in ("type", "message")):
        raise NonsenseError("an error without type, bases and message")


def _check_tree(tree: Any, outputs: int, depth: int) -> None:
    """Whether a structure is a tree whose indices refer to outputs that are there."""
    if depth > MAX_DEPTH:
        raise NonsenseError(f"a structure nested deeper than {MAX_DEPTH}")
    if type(tree) is int and 0 <= tree < outputs:
        return
    if not isinstance(tree, dict) or len(tree) != 1:
        raise NonsenseError(f"a structure that refers to no output or is no tree: {tree!r:.60}")
    for branch in _branches(*next(iter(tree.items()))):
        _check_tree(branch, outputs, depth + 1)


def _branches(kind: str, parts: Any) -> Sequence[Any]:
    if kind in ("tuple", "list", "packed") and isinstance(parts, list):
        return parts
    if kind == "dict" and isinstance(parts, dict):
        return tuple(parts.values())
    if kind == "other" and isinstance(parts, str):
        return ()
    raise NonsenseError(f"a structure with an unknown node {kind!r:.60}")


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _printable(value: Any) -> Any:
    """Parsed JSON with all its text made printable."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [_printable(part) for part in value]
    if isinstance(value, dict):
        return {printable(key): _printable(part) for key, part in value.items()}
    return value


_CHECKS = {
    "hello": _check_hello,
    "build": _check_build,
    "call": _check_call,
    "declare": _check_declare,
    "recall": _check_recall,
}
