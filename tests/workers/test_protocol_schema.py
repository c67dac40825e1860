"""What goes over the wire is what the schema and the documentation say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from driving import QUICK, arrays, ask, build, call, config, fake, results, some_tensors
from jsonschema import Draft202012Validator

from conformance.adapters import wire
from conformance.engine import worker as engine_worker
from conformance.engine.worker import Worker
from conformance.spec import specs_path

SCHEMA = json.loads((specs_path() / "schemas" / "protocol.schema.json").read_text())
DOCUMENT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every line of JSON that this side writes and reads."""
    seen: list[Any] = []
    encode, parse = wire.encode, wire._parsed

    def encoding(*arguments: Any) -> bytes:
        data = encode(*arguments)
        seen.append(json.loads(data.split(b"\n", 1)[0]))
        return data

    def parsing(line: bytes) -> Any:
        seen.append(json.loads(line))
        return parse(line)

    monkeypatch.setattr(engine_worker.wire, "encode", encoding)
    monkeypatch.setattr(wire, "_parsed", parsing)
    return seen


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("dialect", ["keras", "torch"])
def test_real_messages_follow_the_schema(dialect: str, lines: list[Any]) -> None:
    options = {"keras": {"mask": "right", "initial_state": True}, "torch": {"input": "packed", "hx": True}}[dialect]
    wanted = config(dialect, **options)
    given = arrays(some_tensors(wanted))
    asked = {name: array for name, array in given.items() if not name.startswith("weights.")}
    with Worker(fake("numpy_layers.py", dialect), QUICK) as worker:
        worker.start()
        for request, sent in [
            (build(1, wanted), {}),
            (call(1, keep=True), given),
            ({"op": "declare", "handle": 1, "way": "shapes"}, asked),
            ({"op": "recall", "handle": 1}, {}),
            ({"op": "release", "handle": 1}, {}),
            (call(1), given),
            (build(2, wanted, no_such_argument=3), {}),
        ]:
            ask(worker, request, sent)
    assert [line.get("op") for line in lines if "op" in line] == [
        *("hello", "build", "call", "declare", "recall", "release", "call", "build", "quit")
    ]
    assert [line["ok"] for line in lines if "ok" in line] == [True] * 6 + [False] * 2
    validator = Draft202012Validator(SCHEMA)
    for line in lines:
        validator.validate(line)


@pytest.mark.parametrize(
    "line",
    [
        {"op": "hello"},
        {"id": 1, "op": "dance"},
        {"id": 1, "op": "build", "handle": 1},
        {"id": 1, "op": "call", "handle": 1, "mode": "eager", "arrays": []},
        {"id": 1, "op": "declare", "handle": 1, "way": "shapes", "arrays": []},
        {"id": 1, "ok": True, "structure": 0, "declared": [{"dtype": "float32"}]},
        {"id": 1, "ok": False},
        {"id": 1, "ok": True, "structure": -1, "seconds": 0},
        {"id": 1, "ok": True, "structure": {"tuple": [0], "list": []}, "seconds": 0},
        {"id": 1, "ok": True, "arrays": [{"name": "x", "dtype": "object", "shape": [], "nbytes": 8}]},
    ],
)
def test_the_schema_refuses(line: dict[str, Any]) -> None:
    assert not Draft202012Validator(SCHEMA).is_valid(line)


def test_schema_and_program_have_the_same_types_and_limits() -> None:
    listed = SCHEMA["$defs"]["arrays"]
    entry = listed["items"]["properties"]
    assert set(entry["dtype"]["enum"]) == set(wire.DTYPES)
    assert entry["nbytes"]["maximum"] == wire.MAX_BYTES
    assert entry["shape"]["maxItems"] == wire.MAX_AXES
    assert listed["maxItems"] == wire.MAX_ARRAYS


def test_the_documented_lines_follow_the_schema() -> None:
    """Every line of JSON in the example exchange."""
    example = DOCUMENT.split("## A full exchange", 1)[1]
    documented = [json.loads(line) for line in re.findall(r"^[><] (\{.*\})$", example, re.MULTILINE)]
    assert len(documented) >= 8
    for line in documented:
        Draft202012Validator(SCHEMA).validate(line)


def test_a_program_that_shares_no_code_with_us_can_speak_it() -> None:
    wanted = config()
    with Worker(fake("raw.py", "honest"), QUICK) as worker:
        worker.start()
        assert ask(worker, build(1, wanted)).header["weights"] == []
        assert results(ask(worker, call(1), arrays(some_tensors(wanted))))[0].tolist() == [0.0, 1.0]
