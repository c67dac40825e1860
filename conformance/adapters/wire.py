"""Messages: one line of JSON, then the raw bytes of the arrays that the line lists.

Used by both ends. Neither end trusts the other: sizes are capped and checked before anything is allocated, and
nothing is ever unpickled.
"""

from __future__ import annotations

import json
import math
from typing import Any, BinaryIO, Dict, Iterable, List, Mapping, NoReturn, Optional, Tuple

import numpy as np

try:
    import ml_dtypes

    BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
except ImportError:  # NumPy alone has no such type; its bits can still be handed on
    BFLOAT16 = np.dtype("V2")

SCRATCH = "RNN_CONFORMANCE_SCRATCH"
"""The variable that names a directory of the worker's own, which is gone with its process."""

SHARED = "RNN_CONFORMANCE_SHARED"
"""The variable that names a directory that all workers of an implementation have in common, gone with the last."""

MAX_LINE = 1 << 20
"""Longest line of JSON, in bytes."""

MAX_ARRAYS = 4096
"""Most arrays in one message."""

MAX_BYTES = 1 << 28
"""Most bytes of array data in one message."""

MAX_AXES = 32

DTYPES = {
    name: np.dtype(name).newbyteorder("<")
    for name in (
        "bool",
        "int8", "int16", "int32", "int64",
        "uint8", "uint16", "uint32", "uint64",
        "float16", "float32", "float64",
        "complex64", "complex128",
    )
}  # fmt: skip
DTYPES["bfloat16"] = BFLOAT16
"""The types that can be sent, little-endian."""

NAMES = {dtype: name for name, dtype in DTYPES.items()}

Arrays = Dict[str, "np.ndarray[Any, Any]"]
Message = Tuple[Dict[str, Any], Arrays]


class WireError(Exception):
    """The other end sent something that is not a message; the stream cannot be used any more."""


def sendable(array: np.ndarray[Any, Any]) -> bool:
    """Whether an array's type has a place in the protocol."""
    return array.dtype in NAMES or array.dtype.name in DTYPES


def write(stream: BinaryIO, fields: Mapping[str, Any], arrays: Iterable[Tuple[str, np.ndarray[Any, Any]]] = ()) -> None:
    """Write one message and flush it."""
    stream.write(encode(fields, arrays))
    stream.flush()


def encode(fields: Mapping[str, Any], arrays: Iterable[Tuple[str, np.ndarray[Any, Any]]] = ()) -> bytes:
    """The bytes of one message; shapes and types are sent as they are."""
    listed: List[Dict[str, Any]] = []
    parts: List[bytes] = [b""]
    for name, array in arrays:
        dtype = NAMES.get(array.dtype) or array.dtype.name
        data = array.astype(DTYPES[dtype], copy=False).tobytes()
        listed.append({"name": name, "dtype": dtype, "shape": array.shape, "nbytes": len(data)})
        parts.append(data)
    message = {**fields, "arrays": listed} if listed else fields
    parts[0] = json.dumps(message, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"
    return b"".join(parts)


def read(stream: BinaryIO) -> Optional[Message]:
    """The next message, or None where the stream ends between two messages.

    Raises:
        WireError: if what comes is not a message.
    """
    line = stream.readline(MAX_LINE + 1)
    if not line:
        return None
    fields = _parsed(line)
    listed = fields.pop("arrays", [])
    return fields, {name: _filled(stream, name, dtype, shape) for name, dtype, shape in _checked(listed)}


def _parsed(line: bytes) -> Dict[str, Any]:
    if len(line) > MAX_LINE:
        raise WireError("a line of more than %d bytes: %r..." % (MAX_LINE, line[:60]))
    if not line.endswith(b"\n"):
        raise WireError("the stream ends inside a line: %r" % line[:60])
    try:
        fields = json.loads(line.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise WireError("a line that is not JSON: %r" % line[:60]) from None
    if not isinstance(fields, dict):
        raise WireError("a line that is not a JSON object: %r" % line[:60])
    return fields


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name + " is not JSON")


def _checked(listed: Any) -> List[Tuple[str, str, Tuple[int, ...]]]:
    """The announced arrays as (name, dtype, shape), each and all together small enough."""
    if not isinstance(listed, list) or len(listed) > MAX_ARRAYS:
        raise WireError("'arrays' is not a list of at most %d entries" % MAX_ARRAYS)
    checked = [_entry(entry) for entry in listed]
    if len({name for name, _, _ in checked}) != len(checked):
        raise WireError("two arrays of the same name")
    total = sum(math.prod(shape) * DTYPES[dtype].itemsize for _, dtype, shape in checked)
    if total > MAX_BYTES:
        raise WireError("arrays of %d bytes; at most %d are accepted" % (total, MAX_BYTES))
    return checked


def _entry(entry: Any) -> Tuple[str, str, Tuple[int, ...]]:
    if not isinstance(entry, dict) or {"name", "dtype", "shape", "nbytes"} - set(entry):
        raise WireError("an array without name, dtype, shape and nbytes")
    name, dtype, shape, nbytes = entry["name"], entry["dtype"], entry["shape"], entry["nbytes"]
    if not isinstance(name, str) or not isinstance(dtype, str) or dtype not in DTYPES:
        raise WireError("an array of a type that cannot be sent: %.60r" % (dtype,))
    if not isinstance(shape, list) or len(shape) > MAX_AXES or not all(type(n) is int and n >= 0 for n in shape):
        raise WireError("array %.60r has a shape that is not a list of sizes" % name)
    if nbytes != math.prod(shape) * DTYPES[dtype].itemsize:
        raise WireError("array %.60r announces %.60r bytes, which does not fit its shape and type" % (name, nbytes))
    return name, dtype, tuple(shape)


def _filled(stream: BinaryIO, name: str, dtype: str, shape: Tuple[int, ...]) -> np.ndarray[Any, Any]:
    """The array's bytes from the stream, writable and aligned."""
    raw = np.empty(math.prod(shape) * DTYPES[dtype].itemsize, np.uint8)
    view, got = memoryview(raw.data), 0
    while got < raw.size:
        count = stream.readinto(view[got:])  # type: ignore[attr-defined]
        if not count:
            raise WireError("the stream ends inside array %.60r" % name)
        got += count
    if dtype == "bool" and raw.size and raw.max() > 1:
        raise WireError("array %.60r has bytes that are neither false nor true" % name)
    return raw.view(DTYPES[dtype]).reshape(shape).astype(DTYPES[dtype].newbyteorder("="), copy=False)


BFLOAT16_NAN = 0x7FC0


def overwrite(array: np.ndarray[Any, Any]) -> None:
    """Write NaN into an array, or ones where there is no NaN."""
    if array.dtype == BFLOAT16:  # where there is no ml_dtypes, NumPy knows no numbers of this type
        array.view(np.int16)[...] = BFLOAT16_NAN
    else:
        array[...] = np.nan if array.dtype.kind == "f" else 1
