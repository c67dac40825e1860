"""A run in parts and against a baseline, with an implementation that needs no framework."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from conformance.cli import main
from conformance.results import Results, compare, read_results

FAKES = Path(__file__).parents[1] / "workers" / "fakes"
HONEST = f"cmd:{sys.executable} {FAKES / 'numpy_layers.py'} torch"
WRONG = f"cmd:{sys.executable} {FAKES / 'faults.py'} torch --fault returns_nan"
FEW = ("--profile", "quick", "--phases", "pinned,covering", "--only", "layer=gru bidirectional=true")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def run(out: Path, *arguments: str, name: str = HONEST) -> Result:
    return invoke("run", name, *FEW, "--out", str(out), *arguments)


def results_in(out: Path) -> Results:
    return read_results(out / "results.jsonl")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a whole run."""
    out = tmp_path_factory.mktemp("whole")
    assert run(out, "--seed", "1").exit_code == 0
    return out


# ---------------------------------------------------------------- shards


def test_shards_merged_are_the_whole_run(whole: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        assert run(tmp_path / str(number), "--seed", "1", "--shard", f"{number}/2").exit_code == 0
    parts = [str(tmp_path / str(number) / "results.jsonl") for number in (1, 2)]
    merged = tmp_path / "merged.jsonl"
    result = invoke("merge", *parts, "--out", str(merged))
    assert result.exit_code == 0, result.output
    comparison = compare(results_in(whole), read_results(merged))
    assert comparison.implementations[0].cases == len(results_in(whole).cases)
    assert set(comparison.kinds) <= {"slower", "faster"}
    assert [read_results(part).header.shard for part in parts] == ["1/2", "2/2"]


def test_a_shard_says_that_it_is_a_part(tmp_path: Path) -> None:
    assert "This is shard 1/3 of a run" in run(tmp_path, "--seed", "1", "--shard", "1/3").output
    result = invoke("merge", str(tmp_path / "results.jsonl"), "--out", str(tmp_path / "merged.jsonl"))
    assert result.exit_code == 2
    assert "shard 2/3, 3/3 of cmd:" in result.output
    assert not (tmp_path / "merged.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--shard", "1/2"), "--shard 1/2 needs --seed: all shards must draw the same random cases"),
        (("--shard", "3/2", "--seed", "1"), "'3/2' is no shard; write NUMBER/OF with NUMBER from 1 to OF, such as 2/4"),
        (("--baseline", "/no/such/file"), "cannot read results from /no/such/file"),
    ],
)
def test_wrong_parts_are_one_line_and_nothing_is_written(
    arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    result = run(tmp_path / "out", *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------- limits


def test_a_run_that_stops_after_so_many_cases_says_so_and_can_be_compared(whole: Path, tmp_path: Path) -> None:
    result = run(tmp_path, "--seed", "1", "--max-cases", "9")
    found = results_in(tmp_path)
    assert result.exit_code == 0
    assert "The run is not complete: --max-cases 9." in result.output
    assert [record.id for record in found.cases] == [record.id for record in results_in(whole).cases[:9]]
    assert found.footer is not None
    assert (found.footer.complete, found.footer.reason) == (False, "--max-cases 9")
    assert compare(results_in(whole), found).implementations[0].cases == 9


def test_a_limit_that_is_not_reached_leaves_the_run_complete(whole: Path, tmp_path: Path) -> None:
    run(tmp_path, "--seed", "1", "--max-cases", "100000", "--max-time", "1000")
    found = results_in(tmp_path)
    assert found.footer is not None
    assert found.footer.complete
    assert len(found.cases) == len(results_in(whole).cases)


def test_a_run_that_stops_after_some_time_says_so(tmp_path: Path) -> None:
    result = invoke("run", HONEST, "--profile", "thorough", "--seed", "1", "--max-time", "2", "--out", str(tmp_path))
    found = results_in(tmp_path)
    assert result.exit_code in (0, 2)  # 2: the machine was so slow that no case was judged
    assert found.footer is not None
    assert found.footer.reason == "--max-time 2"
    assert "The run is not complete: --max-time 2." in result.output


# ---------------------------------------------------------------- baseline


def test_against_a_baseline_the_same_passes_with_the_seed_of_the_baseline(whole: Path, tmp_path: Path) -> None:
    result = run(tmp_path, "--baseline", str(whole / "results.jsonl"))
    assert result.exit_code == 0, result.output
    found = results_in(tmp_path)
    assert found.header.seed == 1
    assert set(compare(results_in(whole), found).kinds) <= {"slower", "faster"}  # times are those of this machine
    assert f"{len(found.cases)} cases compared" in result.output
    assert (tmp_path / "changes.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_against_a_baseline_only_regressions_fail(whole: Path, tmp_path: Path) -> None:
    github = ("--format", "github", "--baseline")
    first = run(tmp_path / "bad", *github, str(whole / "results.jsonl"), name=WRONG)
    assert first.exit_code == 1
    assert "regressed" in first.output
    assert re.search(r"^::error title=cmd%3A.* regressed::pass -> fail in \d+ cases", first.output, re.MULTILINE)
    again = run(tmp_path / "still", *github, str(tmp_path / "bad" / "results.jsonl"), name=WRONG)
    assert again.exit_code == 0, again.output  # it deviates as before
    assert "::error" not in again.output
    assert (
        json.loads(
            invoke(
                "compare",
                str(tmp_path / "bad" / "results.jsonl"),
                str(tmp_path / "still" / "results.jsonl"),
                "--format",
                "json",
            ).output
        )["counts"]["regressed"]
        == 0
    )


def test_a_run_does_not_overwrite_its_baseline(whole: Path) -> None:
    before = (whole / "results.jsonl").read_bytes()
    result = run(whole, "--baseline", str(whole / "results.jsonl"))
    assert result.exit_code == 2
    assert "is the file that this run writes; choose another place with --out" in result.output
    assert (whole / "results.jsonl").read_bytes() == before


def test_a_baseline_of_other_implementations_is_refused_before_anything_is_run(whole: Path, tmp_path: Path) -> None:
    result = invoke(
        "run", HONEST + " x", WRONG, *FEW, "--baseline", str(whole / "results.jsonl"), "--out", str(tmp_path / "out")
    )
    assert result.exit_code == 2
    assert "no implementation is in both files" in result.output
    assert not (tmp_path / "out").exists()
