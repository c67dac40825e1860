"""The command line as its users meet it: help that teaches, errors in one line, exit codes as designed."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import conformance.__main__
from conformance.cli import main
from conformance.cli.table import table

ROOT = Path(__file__).parents[2]
FAKES = ROOT / "tests" / "workers" / "fakes"
HONEST = f"cmd:{sys.executable} {FAKES / 'numpy_layers.py'} torch"
"""An implementation that needs no framework."""


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def one_line_error(*arguments: str) -> tuple[int, str]:
    """The exit code and the only line that a wrong call prints."""
    result = invoke(*arguments)
    assert not result.exception or isinstance(result.exception, SystemExit), result.exception
    lines = [line for line in result.output.splitlines() if line.strip()]
    assert "Traceback" not in result.output
    return result.exit_code, lines[-1]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a finished small run with one deviation."""
    out = tmp_path_factory.mktemp("run")
    broken = f"cmd:{sys.executable} {FAKES / 'faults.py'} torch --fault returns_nan"
    result = invoke("run", broken, "--profile", "quick", "--seed", "1", "--only", "layer=gru", "--out", str(out))
    assert result.exit_code == 1, result.output
    return out


# ---------------------------------------------------------------- help


@pytest.mark.parametrize(
    "command", ["run", "demo", "report", "replay", "export", "list", "doctor", "explain", "vectors"]
)
def test_every_command_teaches_by_example(command: str) -> None:
    result = invoke(command, "--help")
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"rnn-conformance {command}" in result.output


def test_the_main_help_names_the_exit_codes() -> None:
    assert "Exit codes: 0 conformant, 1 deviations, 2 usage, 3" in invoke("--help").output


# ---------------------------------------------------------------- explain


def test_explain_shows_the_five_outputs_of_the_worked_example() -> None:
    flags = ("--bidirectional", "--return-state", "--units", "3", "--input", "1,4,5")
    result = invoke("explain", "keras", "LSTM", *flags)
    assert result.exit_code == 0
    assert "returns (output, forward_h, forward_c, backward_h, backward_c) (5 tensors)" in result.output
    assert "0.6303139 0.6303139 0.6303139 0.7038734" in result.output
    assert "after the first input step" in result.output


def test_explain_shows_the_nesting_of_torch() -> None:
    result = invoke(
        "explain", "torch", "LSTM", "--num-layers", "2", "--batch-first", "--units", "3", "--input", "1,4,5"
    )
    assert "returns (output, (h_n, c_n)) (3 tensors)" in result.output
    assert "(1, 4, 3)" in result.output
    assert "(2, 1, 3)" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("keras", "LSTN"), "Keras 3 has no layer 'LSTN'; choose one of SimpleRNN, LSTM, GRU"),
        (("keras", "LSTM", "--time-major"), "Keras 3 has no option '--time-major'"),
        (("keras", "GRU", "--merge-mode", "sum"), "option 'merge_mode' needs bidirectional=True"),
        (("keras", "GRU", "--mask", "diagonal"), "--mask diagonal: choose one of none, right, left"),
        (("keras", "GRU", "--input", "1,4"), "--input 1,4: this layer takes (batch, timesteps, features)"),
        (("keras", "GRU", "--input", "a,b,c"), "write whole numbers separated by commas"),
        (("torch", "GRU", "--proj-size", "2"), "gru has no option 'proj_size'; it belongs to lstm"),
        (("torch", "LSTM", "--proj-size", "3", "--units", "3"), "proj_size=3 needs units of at least 4, not 3"),
    ],
)
def test_explain_says_what_is_wrong(arguments: tuple[str, ...], message: str) -> None:
    code, line = one_line_error("explain", *arguments)
    assert code == 2
    assert message in line


def test_an_interruption_while_the_program_is_loaded_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n")
    program = [sys.executable, "-c", "from conformance.__main__ import main; main()"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "rnn-conformance: stopped before anything was done\n"


def test_the_program_that_is_installed_is_that_of_the_module() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        (place,) = tomllib.load(file)["project"]["scripts"].values()
    module, _, function = place.partition(":")
    assert getattr(importlib.import_module(module), function) is conformance.__main__.main


# ---------------------------------------------------------------- run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nonsense",), "unknown implementation 'nonsense'; choose one of keras:tensorflow"),
        (("keras:tensorflw",), "'keras:tensorflw' is no known name (did you mean keras:tensorflow?); if it is"),
        (("Torch",), "unknown implementation 'Torch' (did you mean torch?); choose one of"),
        (("cmd:no-such-program",), "there is no program 'no-such-program'"),
        (("torch", "torch"), "'torch' is named twice"),
        (("torch", "--python", "torch=/no/such/python"), "there is no Python interpreter '/no/such/python'"),
        (("torch", "--python", "torch"), "write NAME=PATH"),
        (("torch", "--python", "keras:jax=python3"), "'keras:jax' is not among the implementations of this run"),
        (("torch", "--phases", "pinned,guessing"), "unknown phase 'guessing'; choose from pinned, covering, random"),
        (("torch", "--only", "colour=red"), "no dialect has an option 'colour'"),
        (("torch", "--only", "mask=diagonal"), "'diagonal' is no value of mask"),
        (("torch", "--only", "mask"), "write OPTION=VALUE"),
        (("torch", "--pin", "/no/such/file.jsonl"), "/no/such/file.jsonl"),
    ],
)
def test_run_says_what_is_wrong(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    code, line = one_line_error("run", *arguments, "--out", str(tmp_path))
    assert code == 2
    assert message in line


def test_a_missing_framework_is_broken_not_zero_percent(tmp_path: Path) -> None:
    fake = tmp_path / "torch.py"
    fake.write_text("raise ImportError('No module named torch')\n")
    dead = f"cmd:{sys.executable} -c 'raise SystemExit(9)'"
    result = invoke("run", dead, "--profile", "quick", "--seed", "1", "--out", str(tmp_path))
    assert result.exit_code == 3
    assert "broken" in result.output
    assert "0 %" not in result.output


def test_a_conformant_implementation_exits_with_0(tmp_path: Path) -> None:
    result = invoke("run", HONEST, "--profile", "quick", "--seed", "3", "--only", "layer=gru", "--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "no deviation" in result.output
    written = {"index.html", "results.jsonl", "summary.md", "junit.xml", "badge.json"}
    assert {path.name for path in tmp_path.iterdir()} == written


def test_no_permission_to_write_is_one_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    code, line = one_line_error("run", HONEST, "--out", str(blocked / "inside"))
    assert code == 2
    assert "cannot write" in line


def test_the_summary_names_cause_and_replay(finished: Path) -> None:
    result = invoke("report", str(finished / "results.jsonl"), "--out", str(finished / "again"))
    assert result.exit_code == 0
    assert "fail  values" in result.output
    assert "rnn-conformance replay" in result.output
    assert (finished / "again" / "index.html").read_text() != ""


def test_the_same_results_give_the_same_page(finished: Path) -> None:
    pages = []
    for name in ("one", "two"):
        invoke("report", str(finished / "results.jsonl"), "--out", str(finished / name))
        pages.append((finished / name / "index.html").read_bytes())
    assert pages[0] == pages[1]


def test_failures_are_pinned_in_the_next_run(finished: Path, tmp_path: Path) -> None:
    arguments = ("--phases", "pinned", "--pin", str(finished / "results.jsonl"), "--out", str(tmp_path))
    result = invoke("run", HONEST, "--seed", "1", *arguments)
    assert result.exit_code == 0, result.output
    records = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    cases = [record for record in records if record["type"] == "result"]
    assert cases
    assert {case["phase"] for case in cases} == {"pinned"}


# ---------------------------------------------------------------- report, replay


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "results.jsonl"), ("not json\n", "results.jsonl"), ('{"type": "header", "format": 99}\n', "results.jsonl")],
)
def test_unreadable_results_are_one_line(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    file.write_text(content)
    code, line = one_line_error("report", str(file))
    assert code == 2
    assert message in line


def test_truncated_results_are_reported_as_such(finished: Path, tmp_path: Path) -> None:
    whole = (finished / "results.jsonl").read_text()
    cut = tmp_path / "results.jsonl"
    cut.write_text(whole[: len(whole) // 2])
    result = invoke("report", str(cut))
    assert result.exit_code == 0, result.output
    assert "truncated" in result.output or "cut off" in result.output


def test_replay_runs_a_case_where_it_failed(finished: Path) -> None:
    records = [json.loads(line) for line in (finished / "results.jsonl").read_text().splitlines()]
    group = next(record for record in records if record["type"] == "group")
    results = ("--results", str(finished / "results.jsonl"))
    again = invoke("replay", group["smallest_id"], *results)
    assert again.exit_code == 1, again.output
    assert "fail         values" in again.output
    elsewhere = invoke("replay", group["smallest_id"], "--on", HONEST, *results)
    assert elsewhere.exit_code == 0, elsewhere.output
    assert "pass         values" in elsewhere.output


def test_replay_of_an_unknown_case_is_one_line(finished: Path) -> None:
    code, line = one_line_error("replay", "ffffffffffff", "--results", str(finished / "results.jsonl"))
    assert code == 2
    assert "no case 'ffffffffffff'" in line


def test_replay_of_an_ambiguous_id_is_one_line(finished: Path) -> None:
    code, line = one_line_error("replay", "", "--results", str(finished / "results.jsonl"))
    assert code == 2
    assert "write more of it" in line


# ---------------------------------------------------------------- list, doctor, vectors


def test_list_shows_everything_that_can_be_named() -> None:
    assert "keras:tensorflow" in invoke("list").output
    assert "unit_forget_bias" in invoke("list", "options").output
    assert "KERAS-BI-3" in invoke("list", "clauses").output


def test_doctor_finds_a_healthy_implementation_healthy() -> None:
    result = invoke("doctor", HONEST)
    assert result.exit_code == 0, result.output
    assert "default options pass" in result.output


def test_doctor_says_at_which_step_a_harness_is_broken() -> None:
    result = invoke("doctor", f"cmd:{sys.executable} -c 'print(1)'")
    assert result.exit_code == 3
    assert "broken" in result.output
    assert "Traceback" not in result.output


def test_vectors_are_written(tmp_path: Path) -> None:
    result = invoke("vectors", str(tmp_path / "new"))
    assert result.exit_code == 0
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"keras.json", "keras2.json", "torch.json"}


def test_vectors_into_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, line = one_line_error("vectors", str(tmp_path / "file" / "inside"))
    assert code == 2
    assert "cannot write vectors" in line


def test_tables_wrap_the_last_column_only() -> None:
    text = table(("name", "meaning"), [("a", "one two three four five six seven eight nine ten")], width=40)
    assert text.splitlines()[2].startswith("a     one two")
    assert all(line.startswith("      ") for line in text.splitlines()[3:])
