"""The version matrix: what `tox -m matrix` runs in every environment, and that tox.ini and it agree."""

from __future__ import annotations

import configparser
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "reports" / "matrix.py"

FOOTER = {"type": "footer", "reason": "finished"}


class Matrix:
    """The script with a folder of its own; its functions see `sys.prefix` and `RESULTS` there."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "prefix", str(place / "env"))
        (place / "env").mkdir()
        self.names: dict[str, Any] = runpy.run_path(str(SCRIPT))
        self.results = place / "results"
        self.suite = place / "controller" / "bin" / "rnn-conformance"
        self.names["run"].__globals__["RESULTS"] = self.results

    def run(self, name: str, *arguments: str) -> int:
        return int(self.names["run"](name, *arguments))

    def install(self, *packages: str) -> int:
        return int(self.names["install"](list(packages)))

    def offer_suite(self, footer: dict[str, str]) -> None:
        """A suite that notes how it was called, and ends so."""
        self.suite.parent.mkdir(parents=True)
        self.suite.write_text(
            f"#!{sys.executable}\nimport json, pathlib, sys\n"
            "out = pathlib.Path(sys.argv[sys.argv.index('--out') + 1])\nout.mkdir(parents=True)\n"
            f"(out / 'results.jsonl').write_text(json.dumps(sys.argv) + '\\n' + {json.dumps(footer)!r} + '\\n')\n"
        )
        self.suite.chmod(0o755)


@pytest.fixture
def matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Matrix:
    return Matrix(tmp_path, monkeypatch)


def sections() -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None)
    found.read(ROOT / "tox.ini", encoding="utf-8")
    return found


def versions() -> list[str]:
    """The environments of the matrix, but for the one of the suite itself."""
    (section,) = [name for name in sections().sections() if "keras3.15" in name]
    return [name.strip() for name in section.partition("{")[2].rpartition("}")[0].split(",")]


# ---------------------------------------------------------------- tox.ini


@pytest.mark.parametrize("name", versions())
def test_every_environment_has_one_implementation_and_its_packages(name: str, matrix: Matrix) -> None:
    fitting = [what for start, part, what in matrix.names["IMPLEMENTATIONS"] if name.startswith(start) and part in name]
    assert len(fitting) == 1
    (section,) = [text for text in sections().sections() if "keras3.15" in text]
    known = {line.partition(":")[0].strip() for line in sections()[section]["deps"].splitlines() if line.strip()}
    assert set(name.split("-")) <= known


def test_only_the_matrix_names_interpreters_so_nothing_else_is_skipped_for_want_of_one() -> None:
    named = [name for name in sections().sections() if "base_python" in sections()[name]]
    assert [sections()[name].get("labels") for name in named] == ["matrix"]


# ---------------------------------------------------------------- one environment


def test_results_that_are_whole_are_kept(matrix: Matrix, capsys: pytest.CaptureFixture[str]) -> None:
    matrix.results.mkdir()
    (matrix.results / "torch2.13.jsonl").write_text(json.dumps(FOOTER) + "\n")
    assert matrix.run("torch2.13") == 0  # there is no suite that it could start
    assert "torch2.13: kept, results are in " in capsys.readouterr().out


@pytest.mark.parametrize(
    "content", ["", '{"type": "footer", "rea', "[]\n", json.dumps(FOOTER | {"reason": "interrupted"})]
)
def test_what_is_not_whole_is_run_again(matrix: Matrix, content: str) -> None:
    matrix.results.mkdir()
    (matrix.results / "torch2.13.jsonl").write_text(content)
    matrix.offer_suite(FOOTER)
    assert matrix.run("torch2.13", "--seed", "2") == 0
    command, last = map(json.loads, (matrix.results / "torch2.13.jsonl").read_text().splitlines())
    assert command[1:4] == ["run", "torch", "--python"]
    assert ROOT / command[4].removeprefix("torch=") == Path(sys.executable)  # relative where it is one of tox's
    assert command[-2:] == ["--seed", "2"]
    assert last == FOOTER
    assert [path.name for path in matrix.results.iterdir()] == ["torch2.13.jsonl"]


def test_a_run_that_was_interrupted_is_no_result(matrix: Matrix) -> None:
    matrix.offer_suite(FOOTER | {"reason": "interrupted"})
    matrix.run("keras3.6-tf2.21")
    assert not (matrix.results / "keras3.6-tf2.21.jsonl").exists()
    assert (matrix.results / "keras3.6-tf2.21" / "results.jsonl").exists()


def test_without_the_suite_it_says_what_to_run(matrix: Matrix, capsys: pytest.CaptureFixture[str]) -> None:
    assert matrix.run("torch2.13") == 1
    assert "the suite is not installed; run `tox run -e controller` first" in capsys.readouterr().out


def test_what_cannot_be_had_is_told_in_one_line_and_tried_again_the_next_time(
    matrix: Matrix, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "Looking\nERROR: Cannot install torch==0.1 and numpy\nERROR: ResolutionImpossible: for help visit a page\n"
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=1, stdout=said))
    assert matrix.install("torch==0.1") == 1  # for tox it is not installed
    assert capsys.readouterr().out == "cannot be had on this machine: Cannot install torch==0.1 and numpy\n"


def test_keras_is_installed_after_what_asks_for_another_one(matrix: Matrix, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[list[str]] = []

    def pip(command: list[str], **_: Any) -> SimpleNamespace:
        steps.append(command[command.index("install") + 2 :])
        return SimpleNamespace(returncode=0, stdout="")

    monkeypatch.setattr(subprocess, "run", pip)
    assert matrix.install("dm-tree", "keras==3.0.*", "tensorflow-cpu==2.21.*") == 0
    assert matrix.install("torch==2.13.*") == 0
    assert steps == [["dm-tree", "tensorflow-cpu==2.21.*"], ["keras==3.0.*"], ["torch==2.13.*"]]


def test_what_is_published_does_not_say_where_the_project_lies(matrix: Matrix, tmp_path: Path) -> None:
    from_root = matrix.names["from_root"]
    assert from_root(ROOT / ".tox" / "torch2.13" / "bin" / "python") == ".tox/torch2.13/bin/python"
    assert from_root(tmp_path / "python") == str(tmp_path / "python")


def test_called_wrongly_it_says_how() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert re.match(r"usage: matrix.py install PACKAGE... \| run NAME", done.stderr)
