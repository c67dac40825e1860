"""`compare` on the command line: exit codes, formats, and one line for whatever is wrong with the files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from small_runs import CASES, results, written

from conformance.cli import main


@pytest.fixture
def good(tmp_path: Path) -> str:
    return written(tmp_path / "good.jsonl", results())


@pytest.fixture
def bad(tmp_path: Path) -> str:
    return written(tmp_path / "bad.jsonl", results(["lstm"], started="2026-02-01T00:00:00Z"))


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def one_line_error(*arguments: str) -> str:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    return [line for line in result.output.splitlines() if line.strip()][-1]


@pytest.mark.parametrize("command", ["compare", "merge"])
def test_the_commands_teach_by_example(command: str) -> None:
    result = invoke(command, "--help")
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"rnn-conformance {command}" in result.output


# ---------------------------------------------------------------- exit codes


def test_only_a_regression_fails(good: str, bad: str) -> None:
    assert invoke("compare", good, bad).exit_code == 1
    assert invoke("compare", bad, good).exit_code == 0


@pytest.mark.parametrize(
    ("kinds", "code"), [("fixed", 1), ("regressed,fixed", 1), ("not-comparable, drifted", 0), ("nothing", 0)]
)
def test_the_user_chooses_what_fails(good: str, bad: str, kinds: str, code: int) -> None:
    assert invoke("compare", bad, good, "--fail-on", kinds).exit_code == code


def test_a_regression_can_be_let_pass(good: str, bad: str) -> None:
    assert invoke("compare", good, bad, "--fail-on", "nothing").exit_code == 0


# ---------------------------------------------------------------- formats


def test_text_tells_what_changed_and_when(good: str, bad: str) -> None:
    output = invoke("compare", good, bad).output
    assert "1  regressed  values  pass -> fail" in output
    assert "layer=lstm" in output
    assert f"rnn-conformance replay {min(case.id for case in CASES if case.config.layer == 'lstm')}" in output
    assert "in all: 1 regressed" in output


@pytest.mark.parametrize(
    ("form", "start"), [("markdown", "# RNN conformance"), ("json", "{"), ("html", "<!doctype html>")]
)
def test_every_format_can_be_printed_or_written(good: str, bad: str, form: str, start: str, tmp_path: Path) -> None:
    printed = invoke("compare", good, bad, "--format", form)
    assert printed.output.lstrip().startswith(start)
    file = tmp_path / "deep" / "er"
    assert invoke("compare", good, bad, "--format", form, "--out", str(file)).output == ""
    assert file.read_text(encoding="utf-8").rstrip("\n") == printed.output.rstrip("\n")


def test_json_can_be_read(good: str, bad: str) -> None:
    found = json.loads(invoke("compare", good, bad, "--format", "json").output)
    assert found["counts"]["regressed"] == 1


# ---------------------------------------------------------------- bad input


def test_a_file_cut_anywhere_is_compared_as_far_as_it_goes(good: str, bad: str, tmp_path: Path) -> None:
    content = Path(bad).read_bytes()
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(content[: len(content) * 2 // 3])
    result = invoke("compare", good, str(cut))
    assert result.exit_code == 1
    assert "! The file after is cut off; it is compared as far as it goes." in result.output


def damaged(path: Path, line: str, old: str, new: str) -> str:
    """The file at `path` with one word changed in the lines that have `line` in them."""
    lines = [text.replace(old, new) if line in text else text for text in path.read_text().splitlines()]
    other = path.with_suffix(".damaged")
    other.write_text("\n".join(lines) + "\n")
    return str(other)


@pytest.mark.parametrize(
    ("line", "old", "new", "message"),
    [
        ("header", '"format":1', '"format":2', "line 1: format 2 is unknown (this version reads format 1); upgrade"),
        ("header", '"header"', '"heading"', "this is not a results file"),
        ("result", '"outcome":"pass"', '"outcome":"maybe"', "values: outcome: should be one of pass, fail"),
        ("result", '"seconds":', '"secs":', "secs: no such field; remove that line"),
    ],
)
def test_damage_is_one_line(good: str, bad: str, line: str, old: str, new: str, message: str) -> None:
    assert message in one_line_error("compare", good, damaged(Path(bad), line, old, new))


def test_the_same_run_twice_is_no_comparison(good: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(Path(good).read_bytes())
    for other in (good, str(copy)):
        assert "both files are the same run" in one_line_error("compare", good, other)


def test_files_that_are_not_there_or_foreign_are_named(good: str, tmp_path: Path) -> None:
    foreign = tmp_path / "notes.txt"
    foreign.write_text("import os\n")
    assert "notes.txt, line 1: not JSON; this is not a results file" in one_line_error("compare", good, str(foreign))
    assert "cannot read results from" in one_line_error("compare", good, str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--fail-on", "regresed"), "--fail-on regresed: choose from regressed, changed, fixed, behaviour-changed"),
        (("--match", "torch=keras"), "--match torch=keras: write BEFORE=AFTER; before has torch, after has torch"),
        (("--out", "/dev/null/x"), "cannot write /dev/null/x: "),
        (("--drift", "1"), "1.0 is not in the range x>1"),
    ],
)
def test_wrong_options_are_one_line(good: str, bad: str, arguments: tuple[str, ...], message: str) -> None:
    assert message in one_line_error("compare", good, bad, *arguments)


def test_nothing_is_left_of_a_file_that_could_not_be_written(good: str, bad: str, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    before = sorted(tmp_path.iterdir())
    result = invoke("compare", good, bad, "--format", "json", "--out", str(tmp_path / "taken"))
    assert result.exit_code == 2
    assert sorted(tmp_path.iterdir()) == before
