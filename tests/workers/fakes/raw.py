"""Programs that speak the protocol by hand, or break it: `python raw.py NAME`. They share no code with wire.py."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, BinaryIO

HELLO = {
    "ok": True,
    "protocol": 1,
    "dialect": "keras",
    "versions": {},
    "environment": {},
    "capabilities": {"layers": ["lstm"], "options": {}, "modes": ["eager"]},
}

OUT = sys.stdout.buffer


def send(data: bytes) -> None:
    OUT.write(data)
    OUT.flush()


def answer(request: dict[str, Any], **fields: Any) -> None:
    send(json.dumps({"id": request["id"], "ok": True, **fields}).encode() + b"\n")


def well_behaved_until(operation: str, misbehave: Callable[[dict[str, Any]], None]) -> None:
    """Say hello and build, and misbehave when that operation comes."""
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        skip(sys.stdin.buffer, request)
        if request["op"] == operation:
            misbehave(request)
        elif request["op"] == "hello":
            answer(request, **HELLO)
        elif request["op"] == "build":
            answer(request, weights=[])
        elif request["op"] == "quit":
            return
        else:
            answer(request)


def skip(stream: BinaryIO, request: dict[str, Any]) -> None:
    for array in request.get("arrays", []):
        stream.read(array["nbytes"])


def call_answer(request: dict[str, Any], structure: Any = 0, **entry: Any) -> None:
    array = {"name": "outputs.0", "dtype": "float32", "shape": [2], "nbytes": 8, **entry}
    answer(request, structure=structure, seconds=0.0, arrays=[array])


NONSENSE_IN_A_CALL: dict[str, Callable[[dict[str, Any]], None]] = {
    "garbage": lambda request: send(b"Epoch 1/1 - loss: 0.3\n"),
    "not_utf8": lambda request: send(b'{"id": \xff\xfe}\n'),
    "not_an_object": lambda request: send(b"[1, 2]\n"),
    "nan_in_json": lambda request: send(b'{"id": %d, "ok": true, "structure": 0, "seconds": NaN}\n' % request["id"]),
    "endless_line": lambda request: send(b"x" * (3 << 20)),
    "deep_json": lambda request: send(b"[" * 200_000 + b"\n"),
    "huge_number": lambda request: send(b'{"id": ' + b"9" * 10_000 + b"}\n"),
    "wrong_id": lambda request: answer({"id": request["id"] + 7}),
    "text_id": lambda request: answer({"id": str(request["id"])}),
    "no_ok": lambda request: send(b'{"id": %d}\n' % request["id"]),
    "no_structure": lambda request: answer(request, seconds=0.0),
    "no_stage": lambda request: send(b'{"id": %d, "ok": false}\n' % request["id"]),
    "structure_without_outputs": lambda request: answer(request, structure=0, seconds=0.0),
    "deep_structure": lambda request: answer(request, structure=nested(200), seconds=0.0),
    "unknown_type": lambda request: call_answer(request, dtype="object"),
    "absurd_size": lambda request: call_answer(request, shape=[1 << 40], nbytes=4 << 40),
    "negative_size": lambda request: call_answer(request, shape=[-2], nbytes=-8),
    "bytes_that_do_not_fit": lambda request: call_answer(request, nbytes=12),
    "too_many_axes": lambda request: call_answer(request, shape=[1] * 64, nbytes=4),
}


def nested(depth: int) -> Any:
    tree: Any = {"other": "end"}
    for _ in range(depth):
        tree = {"list": [tree]}
    return tree


def honest() -> None:
    """Answers every call with one small output: shows how little is needed."""

    def call(request: dict[str, Any]) -> None:
        call_answer(request)
        send(b"\0\0\0\0\0\0\x80\x3f")

    well_behaved_until("call", call)


def short_array() -> None:
    """Announces an array, sends half of it and ends."""

    def call(request: dict[str, Any]) -> None:
        call_answer(request)
        send(b"\0\0\0\0")
        sys.exit(0)

    well_behaved_until("call", call)


def closes_its_output() -> None:
    """Closes standard output and lives on."""

    def call(request: dict[str, Any]) -> None:
        os.close(1)
        time.sleep(3600)

    well_behaved_until("call", call)


def never_reads() -> None:
    """Says hello and never reads again."""
    answer(json.loads(sys.stdin.buffer.readline()), **HELLO)
    time.sleep(3600)


def silent() -> None:
    time.sleep(3600)


def other_protocol() -> None:
    well_behaved_until("hello", lambda request: answer(request, **{**HELLO, "protocol": 2}))


def other_dialect() -> None:
    well_behaved_until("hello", lambda request: answer(request, **{**HELLO, "dialect": "klingon"}))


def no_capabilities() -> None:
    well_behaved_until("hello", lambda request: answer(request, **{**HELLO, "capabilities": {"layers": 3}}))


if __name__ == "__main__":
    name = sys.argv[1]
    if name in NONSENSE_IN_A_CALL:
        well_behaved_until("call", NONSENSE_IN_A_CALL[name])
    else:
        globals()[name]()
