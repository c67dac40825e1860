"""The suite as pytest tests: one for every check, with ids that stay, options and a report."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from conformance.checks import CHECKS
from conformance.results import read_results

ROOT = Path(__file__).parents[2]

TESTS = """
import authored
from tiny import TINY
from conformance import check_layer, parametrize_with_checks

@parametrize_with_checks(authored.{layer}, dialect="keras", layer="lstm", profile=TINY)
def test_my_lstm(check):
    check()

def test_in_one_go():
    check_layer(authored.RightLSTM, dialect="keras", layer="lstm", profile=TINY)
"""


def run(folder: Path, *arguments: str, layer: str = "RightLSTM") -> tuple[int, str]:
    """Exit code and output of pytest, in a process of its own, with this plugin and no other."""
    (folder / "test_mine.py").write_text(TESTS.format(layer=layer))
    environment = {
        **os.environ,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent)]),
    }
    command = [sys.executable, "-m", "pytest", "-p", "conformance.pytest_plugin", "-p", "no:cacheprovider", "-rA"]
    done = subprocess.run(
        [*command, *arguments, "test_mine.py"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout


def test_one_test_for_every_check(tmp_path: Path) -> None:
    code, output = run(tmp_path, "--collect-only", "-q")
    assert code == 0
    for check in CHECKS:
        assert f"test_mine.py::test_my_lstm[RightLSTM-{check}]" in output


def test_a_right_layer_passes_and_what_could_not_be_judged_is_skipped(tmp_path: Path) -> None:
    code, output = run(tmp_path)
    assert code == 0
    assert "PASSED test_mine.py::test_my_lstm[RightLSTM-values]" in output
    assert "RightLSTM-rejection: no case could be judged: does not claim rejections" in output


def test_only_the_check_that_failed_fails(tmp_path: Path) -> None:
    code, output = run(tmp_path, "-k", "my_lstm and (values or shape)", layer="IgnoresMask")
    assert code == 1
    assert "FAILED test_mine.py::test_my_lstm[IgnoresMask-values]" in output
    assert "PASSED test_mine.py::test_my_lstm[IgnoresMask-shape]" in output
    assert "looks like     the mask is ignored" in output
    assert "1 failed, 1 passed" in output


def test_the_suite_is_run_once_for_all_its_tests(tmp_path: Path) -> None:
    run(tmp_path, "--conformance-report", "out")
    results = read_results(tmp_path / "out" / "results.jsonl")
    assert [said.name for said in results.implementations] == ["RightLSTM", "RightLSTM (2)"]


def test_the_report_holds_everything_that_was_run(tmp_path: Path) -> None:
    code, output = run(tmp_path, "--conformance-report", "out", "--conformance-seed", "5", layer="SwappedGates")
    assert code == 1
    assert f"conformance: {Path('out') / 'index.html'}" in output
    results = read_results(tmp_path / "out" / "results.jsonl")
    assert (results.header.seed, results.header.profile) == (5, "tiny")
    assert results.header.implementations == ("SwappedGates", "RightLSTM")
    assert {case.implementation for case in results.cases} == {"SwappedGates", "RightLSTM"}
    assert [group.number for group in results.groups] == list(range(1, len(results.groups) + 1))
    assert results.footer is not None
    assert results.footer.complete
    assert "the gate blocks i, f, g, o are read as i, f, o, g" in (tmp_path / "out" / "index.html").read_text()


def test_the_profile_of_the_command_line_prevails(tmp_path: Path) -> None:
    run(tmp_path, "-k", "in_one_go", "--conformance-profile", "quick", "--conformance-report", "out")
    results = read_results(tmp_path / "out" / "results.jsonl")
    assert (results.header.profile, results.header.seed) == ("quick", 0)
    assert len(results.cases) > 500


def test_nothing_checked_no_report(tmp_path: Path) -> None:
    code, output = run(tmp_path, "-k", "nothing", "--conformance-report", "out")
    assert code == 5
    assert "conformance: no layer was checked, no report was written" in output


@pytest.mark.parametrize(("option", "value"), [("profile", "slow"), ("seed", "x")])
def test_a_wrong_option_is_one_line(option: str, value: str, tmp_path: Path) -> None:
    code, _ = run(tmp_path, f"--conformance-{option}", value)
    assert code == 4


def test_the_plugin_is_found_by_its_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["pytest11"] == {"conformance": "conformance.pytest_plugin"}
