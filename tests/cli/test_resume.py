"""Going on with a run that was cut off: the outcome is that of a run that never stopped, and nothing is lost."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from conformance.cli import main

FAKES = Path(__file__).parents[1] / "workers" / "fakes"
WRONG = f"cmd:{sys.executable} {FAKES / 'faults.py'} torch --fault returns_nan"
FEW = ("--profile", "quick", "--phases", "pinned,covering", "--only", "layer=gru bidirectional=true", "--seed", "1")


def run(out: Path, *arguments: str, name: str = WRONG) -> Result:
    return CliRunner().invoke(main, ["run", name, *FEW, "--out", str(out), *arguments])


def records(file: Path) -> list[dict[str, Any]]:
    """All records without times, the command, and what a run cost."""
    found = [json.loads(line) for line in file.read_text(encoding="ascii").splitlines()]
    for record in found:
        for name in ("seconds", "started", "finished", "cost", "command", "environment"):
            record.pop(name, None)
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole")
    assert run(out).exit_code == 1
    return out / "results.jsonl"


def cut(whole: Path, out: Path, size: int) -> Path:
    """The first bytes of the results, in another directory."""
    out.mkdir()
    file = out / "results.jsonl"
    file.write_bytes(whole.read_bytes()[:size])
    return file


@pytest.mark.parametrize("part", [0.0, 0.3, 0.8])
def test_a_file_that_was_cut_off_is_completed_to_what_an_uninterrupted_run_gives(
    whole: Path, tmp_path: Path, part: float
) -> None:
    lines = whole.read_bytes().splitlines(keepends=True)
    results = [number for number, line in enumerate(lines) if line.startswith(b'{"type":"result"')]
    last = results[int(part * len(results))]
    size = sum(map(len, lines[:last])) + 40  # in the middle of a line
    file = cut(whole, tmp_path / "out", size)
    kept = file.read_bytes().rpartition(b"\n")[0]
    assert run(tmp_path / "out", "--resume").exit_code == 1
    assert records(file) == records(whole)
    before = [line for line in kept.splitlines() if line.startswith(b'{"type":"result"')]
    assert set(before) <= set(file.read_bytes().splitlines())  # with their times: they were not run again
    assert [path.name for path in file.parent.iterdir() if "resumed" in path.name] == []


def test_a_run_that_a_limit_ended_goes_on(whole: Path, tmp_path: Path) -> None:
    run(tmp_path, "--max-cases", "9")
    assert run(tmp_path, "--resume").exit_code == 1
    assert records(tmp_path / "results.jsonl") == records(whole)


def test_a_finished_run_is_not_touched(whole: Path, tmp_path: Path) -> None:
    file = shutil.copy(whole, tmp_path)
    assert run(tmp_path, "--resume").exit_code == 1
    assert Path(file).read_bytes() == whole.read_bytes()


def test_where_nothing_is_there_it_is_a_run(tmp_path: Path, whole: Path) -> None:
    assert run(tmp_path, "--resume").exit_code == 1
    assert records(tmp_path / "results.jsonl") == records(whole)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--seed", "2"), "has seed 1, this one 2; give the same, or another --out"),
        (("--profile", "ci"), "has profile quick, this one ci"),
        (("--only", "layer=lstm"), "are none that these options plan; give the options of the run that was cut off"),
        (("--shard", "1/2"), "has shard none, this one 1/2"),
    ],
)
def test_another_run_is_refused_in_one_line_and_the_file_is_as_it_was(
    whole: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    file = cut(whole, tmp_path / "out", whole.stat().st_size // 2)
    before = file.read_bytes()
    result = run(tmp_path / "out", "--resume", *arguments)
    assert result.exit_code == 2
    assert message in result.output.splitlines()[-1]
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["results.jsonl"]


def test_a_damaged_line_is_named_and_nothing_is_lost(whole: Path, tmp_path: Path) -> None:
    file = cut(whole, tmp_path / "out", whole.stat().st_size // 2)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:4], b"edited\n", *lines[4:]]))
    before = file.read_bytes()
    result = run(tmp_path / "out", "--resume")
    assert result.exit_code == 2
    assert "line 5: not JSON" in result.output
    assert file.read_bytes() == before


def test_an_implementation_that_no_longer_starts_costs_nothing(whole: Path, tmp_path: Path) -> None:
    program, out = tmp_path / "program.py", tmp_path / "out"
    fake = FAKES / "numpy_layers.py"
    program.write_text(
        f"import runpy, sys; sys.path.insert(0, {str(FAKES)!r}); runpy.run_path({str(fake)!r}, run_name='__main__')",
        encoding="utf-8",
    )
    name = f"cmd:{sys.executable} {program} torch"
    assert run(out, "--max-cases", "9", name=name).exit_code == 0
    before = (out / "results.jsonl").read_bytes()
    program.write_text("raise SystemExit(1)", encoding="utf-8")
    result = run(out, "--resume", name=name)
    assert result.exit_code == 3
    assert "is broken; " in result.output.splitlines()[-1]
    assert (out / "results.jsonl").read_bytes() == before
