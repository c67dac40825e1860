"""The results file: what goes in comes out, a cut file is read as far as it goes, and damage is named."""

from __future__ import annotations

import json
import math
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from conformance.engine import events
from conformance.engine.events import (
    CaseJudged,
    Elements,
    Event,
    Evidence,
    GroupFound,
    ImplementationStarted,
    RunFinished,
    RunStarted,
    Verdict,
    Worst,
)
from conformance.errors import ResultsError
from conformance.results import Results, Writer, decode, encode, read_results
from conformance.results.codec import TYPES
from conformance.spec import Case, DataSpec, LayerConfig, Sizes, specs_path

CASE = Case(LayerConfig.of("keras", "lstm", {"return_state": True}, Sizes(2, 3, 4, 5)), DataSpec("generic", 7))
HEADER = RunStarted(
    "0.1", "1.0", 1, "quick", ("pinned",), "run torch", "2026-01-01T00:00:00Z", {"cores": "2"}, ("torch",)
)
STARTED = ImplementationStarted(
    "torch", "ready", "torch", {"torch": "2.13.0"}, {}, {"layers": ["lstm"]}, {"float32": {"tanh": [2.0, 1.0]}}
)
BROKEN = ImplementationStarted("other", "broken", message="it is not there")
WORST = Worst("output", {"timesteps": 2, "batch": 0}, math.inf, -math.inf, 1e-7, 1)
FAILED = Verdict("fail", "wrong", 3.5, "signed", Elements(6, 1, 2, 3, 0, True), WORST, "h")
JUDGED = CaseJudged(
    "torch", CASE.id, CASE.canonical(), "pinned", "eager", {"values": FAILED, "shape": Verdict("pass")}, 0.25
)
GROUP = GroupFound(
    1,
    "torch",
    "values",
    ("GEN-1",),
    "fail",
    ("layer=lstm",),
    True,
    (CASE.id,),
    9,
    CASE.canonical(),
    CASE.id,
    "wrong",
    WORST,
)
FOOTER = RunFinished(True, "finished", "2026-01-01T00:00:09Z", 9.0, {"torch": {"worker": 1.5}})
RUN: tuple[Event, ...] = (HEADER, STARTED, BROKEN, JUDGED, GROUP, FOOTER)

SCHEMA = json.loads((specs_path() / "schemas" / "results.schema.json").read_text(encoding="utf-8"))


def written(path: Path, run: tuple[Event, ...] = RUN) -> Path:
    with Writer(path) as writer:
        for event in run:
            writer(event)
    return path


# ---------------------------------------------------------------- round trip


@pytest.mark.parametrize("event", RUN, ids=lambda event: type(event).__name__)
def test_every_record_comes_back_equal(event: Event) -> None:
    assert decode(encode(event)) == event


def test_a_file_comes_back_equal(tmp_path: Path) -> None:
    results = read_results(written(tmp_path / "deep" / "er" / "results.jsonl"))
    assert results == Results(HEADER, (STARTED, BROKEN), (JUDGED,), (GROUP,), FOOTER)
    assert not results.truncated
    assert tuple(results.events()) == RUN


def test_not_a_number_comes_back() -> None:
    verdict = decode(
        encode(CaseJudged("a", "b", CASE.canonical(), "random", "eager", {"values": Verdict("fail", ratio=math.nan)}))
    )
    assert isinstance(verdict, CaseJudged)
    ratio = verdict.outcomes["values"].ratio
    assert ratio is not None
    assert math.isnan(ratio)


@given(st.text(st.characters(codec=None)))
def test_any_text_comes_back_and_is_ascii_in_the_file(text: str) -> None:
    event = ImplementationStarted(text, "broken", message=text)
    line = encode(event)
    assert line.isascii()
    assert line.isprintable()
    assert decode(line) == event


@given(st.floats(), st.floats(), st.floats())
def test_any_number_comes_back(got: float, expected: float, allowed: float) -> None:
    line = encode(GroupFound(**vars(GROUP) | {"worst": Worst("h", {}, got, expected, allowed)}))
    assert encode(decode(line)) == line


@given(st.floats())
def test_evidence_comes_back_and_a_group_without_any_is_read(value: float) -> None:
    found = Evidence({"config": {}}, "h", ("batch", "units"), (0, 2), (1, 1), (value,), (-value,), (value,), ("10",))
    line = encode(replace(GROUP, evidence=found))
    assert encode(decode(line)) == line
    assert "evidence" not in encode(GROUP)
    assert decode(encode(GROUP)) == GROUP


def test_the_same_events_give_the_same_bytes(tmp_path: Path) -> None:
    assert written(tmp_path / "a").read_bytes() == written(tmp_path / "b").read_bytes()


def test_order_of_axes_and_checks_is_kept() -> None:
    judged = decode(encode(JUDGED))
    assert isinstance(judged, CaseJudged)
    assert list(judged.outcomes) == ["values", "shape"]
    worst = judged.outcomes["values"].worst
    assert worst is not None
    assert list(worst.index) == ["timesteps", "batch"]


# ---------------------------------------------------------------- schema


def test_every_line_fits_the_schema(tmp_path: Path) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    validator = Draft202012Validator(SCHEMA)
    for line in written(tmp_path / "results.jsonl").read_text().splitlines():
        validator.validate(json.loads(line))


@pytest.mark.parametrize("name", [*TYPES, "verdict", "also", "elements", "worst"])
def test_the_schema_knows_every_field_and_no_other(name: str) -> None:
    record = TYPES.get(name) or getattr(events, name.capitalize())
    definition = SCHEMA["$defs"][name]
    assert set(definition["properties"]) - {"type"} == {entry.name for entry in fields(record)}
    needed = {e.name for e in fields(record) if e.default is MISSING and e.default_factory is MISSING}
    assert needed <= set(definition.get("required", ())) | {"type"}


def test_the_schema_refuses_what_the_reader_refuses() -> None:
    record = json.loads(encode(JUDGED))
    record["outcomes"]["values"]["outcome"] = "maybe"
    assert not Draft202012Validator(SCHEMA).is_valid(record)
    with pytest.raises(ValueError, match=r"outcomes: values: outcome: should be one of pass, fail"):
        decode(json.dumps(record))


# ---------------------------------------------------------------- cut files


def test_a_file_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with Writer(path) as writer:
        for number, event in enumerate(RUN, start=1):
            writer(event)
            assert len(list(read_results(path).events())) == number


def test_without_footer_it_is_truncated(tmp_path: Path) -> None:
    results = read_results(written(tmp_path / "r", RUN[:-1]))
    assert results.truncated
    assert results.cases == (JUDGED,)


def test_cut_at_every_byte_it_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = written(tmp_path / "r")
    content = path.read_bytes()
    header = content.index(b"\n")
    for end in range(header, len(content) - 1):
        path.write_bytes(content[:end])
        results = read_results(path)
        whole = content[: end + 1].count(b"\n")
        assert len(list(results.events())) == whole
        assert results.truncated


def test_a_whole_last_line_needs_no_end_of_line(tmp_path: Path) -> None:
    path = written(tmp_path / "r")
    path.write_bytes(path.read_bytes()[:-1])
    assert read_results(path).footer == FOOTER


# ---------------------------------------------------------------- damage


def lines_of(*changes: Any) -> bytes:
    """The lines of a good file; `changes` are (number from 1, new line)."""
    lines = [encode(event).encode() for event in RUN]
    for number, line in changes:
        lines[number - 1] = line
    return b"\n".join(lines) + b"\n"


def _without(event: Event, name: str) -> bytes:
    record = json.loads(encode(event))
    del record[name]
    return json.dumps(record).encode()


def _with(event: Event, **changes: Any) -> bytes:
    return json.dumps(json.loads(encode(event)) | changes).encode()


DAMAGE = {
    "not text": (lines_of((4, b"\xff\xfe")), r"line 4: not a text file; remove that line"),
    "not JSON": (lines_of((4, b"{oops")), r"line 4: not JSON; remove that line"),
    "NaN": (lines_of((4, b'{"type":"footer","seconds":NaN}')), r"line 4: NaN is not JSON"),
    "deep": (lines_of((4, b"[" * 100_000)), r"line 4: not JSON"),
    "a list": (lines_of((4, b"[]")), r"line 4: not a JSON object"),
    "empty line": (lines_of((4, b"")), r"line 4: not JSON"),
    "unknown type": (lines_of((4, b'{"type":"surprise"}')), r"line 4: unknown type of record 'surprise'"),
    "no header": (
        lines_of((1, encode(STARTED).encode())),
        r"line 1: the header is missing; this is not a",
    ),
    "another kind of file": (b"import os\n", r"line 1: not JSON; this is not a results file"),
    "two headers": (lines_of((2, encode(HEADER).encode())), r"line 2: a second header"),
    "unknown format": (lines_of((1, _with(HEADER, format=99))), r"line 1: format 99 is unknown .* upgrade"),
    "unknown field": (lines_of((4, _with(JUDGED, colour="red"))), r"line 4: colour: no such field"),
    "missing field": (lines_of((4, _without(JUDGED, "id"))), r"line 4: id is missing"),
    "wrong type": (lines_of((4, _with(JUDGED, seconds="soon"))), r"line 4: seconds: should be a number"),
    "bool for a number": (lines_of((1, _with(HEADER, seed=True))), r"line 1: seed: should be a whole number"),
    "no case": (lines_of((4, _with(JUDGED, case={}))), r"line 4: case: should have a config and data"),
    "list as option": (
        lines_of((4, _with(JUDGED, case={"config": CASE.config.canonical() | {"options": {"a": []}}, "data": {}}))),
        r"line 4: case.config.options: values should be",
    ),
    "after the footer": (lines_of((5, encode(FOOTER).encode())), r"line 6: a record follows the footer"),
    "empty": (b"", r"holds no results: the run stopped before it began; run it again"),
    "cut header": (b'{"type":"hea', r"line 1: not JSON; this is not a results file"),
}


@pytest.mark.parametrize(("content", "message"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_named_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(content)
    with pytest.raises(ResultsError, match=message) as caught:
        read_results(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"cannot read results from .*nowhere: No such file .*; check the path"):
        read_results(tmp_path / "nowhere")


def test_events_out_of_order_are_no_results() -> None:
    for run in ((), RUN[1:], (HEADER, HEADER), (HEADER, FOOTER, STARTED)):
        with pytest.raises(ValueError, match=r"header|footer"):
            Results.of(run)


# ---------------------------------------------------------------- no room, no permission


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match=r"cannot write results to .*r.jsonl: .*file is not a folder; choose"):
        Writer(tmp_path / "file" / "r.jsonl")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full to play a full disk")
def test_a_full_disk_is_named() -> None:
    writer = Writer("/dev/full")
    with pytest.raises(ResultsError, match=r"cannot write results to /dev/full: No space left on device"):
        writer(HEADER)


def test_a_closed_writer_leaves_the_file_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "r")
    writer = Writer(tmp_path / "other")
    writer.close()
    writer.close()
    assert {entry.name for entry in tmp_path.iterdir()} == {"r", "other"}
    assert read_results(path).footer == FOOTER
