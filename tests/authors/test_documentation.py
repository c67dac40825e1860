"""The examples of docs/custom.md are run as they stand: wrong first, told why, then right."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from driving import framework

from conformance.adapters.claims import CLAIMS
from conformance.cli import main
from conformance.engine.implementations import replaceable

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "custom.md").read_text(encoding="utf-8")
PROGRAM, MENDED, PYTEST, FAST, CELL, CELL_MENDED = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
MISTAKE = "            i, f, o, g = np.split(z, 4, axis=1)\n"
CELL_MISTAKE = "        z = ops.matmul(inputs, self.kernel) + ops.matmul(h, self.recurrent_kernel)\n"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("right")
    (folder / "my_rnn.py").write_text(PROGRAM.replace(MISTAKE, MENDED))
    (folder / "test_my_rnn.py").write_text(PYTEST)
    return folder


def test_the_example_is_short() -> None:
    assert len([line for line in PROGRAM.splitlines() if line.strip()]) <= 40
    assert PROGRAM.count(MISTAKE) == 1


def test_the_mistake_is_found_and_explained(tmp_path: Path) -> None:
    (tmp_path / "my_rnn.py").write_text(PROGRAM)
    said = run(tmp_path, "my_rnn.py")
    assert said.returncode == 1
    shown = DOCUMENT.partition("ends with\n\n```\n")[2].partition("\n```")[0]
    for line in shown.splitlines():
        assert line.partition("...")[0] in said.stderr


def test_once_mended_it_is_right(right: Path) -> None:
    said = run(right, "my_rnn.py")
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_the_pytest_example(right: Path) -> None:
    said = run(right, "-m", "pytest", "-q", "-p", "conformance.pytest_plugin", "-k", "values or shape")
    assert said.returncode == 0, said.stdout
    assert "2 passed" in said.stdout


def checked(name: str, class_: str, only: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A quick run with a class in the place of a framework's own."""
    python = f"{name}={framework(name).command[0]}"
    flags = ("--profile", "quick", "--phases", "random", "--seed", "0", "--only", only, "--python", python)
    return run(folder, "-m", "conformance", "run", name, "--replace", class_, *flags)


@pytest.mark.framework
def test_the_drop_in_is_wrong_and_once_mended_right(tmp_path: Path) -> None:
    (tmp_path / "fast.py").write_text(FAST)
    said = checked("torch", "LSTM=./fast.py:FastLSTM", "num_layers=1 hx=false", tmp_path)
    assert said.returncode == 1, said.stderr
    shown = DOCUMENT.partition("1  fail  values  torch[")[2].partition("\n```")[0].splitlines()
    assert "1  fail  values  torch[" + shown[0] in said.stdout
    assert shown[-1] in said.stdout
    (tmp_path / "fast.py").write_text(FAST.replace("i, f, o, g =", "i, f, g, o ="))
    assert checked("torch", "LSTM=./fast.py:FastLSTM", "num_layers=1 hx=false", tmp_path).returncode == 0


@pytest.mark.framework
def test_the_cell_is_wrong_and_once_mended_right(tmp_path: Path) -> None:
    assert CELL.count(CELL_MISTAKE) == 1
    only = "dtype=float32 unroll=false go_backwards=false"  # elsewhere Keras deviates, see specs/deviations
    (tmp_path / "my_cell.py").write_text(CELL)
    said = checked("keras:torch", "LSTMCell=./my_cell.py:MyCell", only, tmp_path)
    assert said.returncode == 1, said.stderr
    shown = DOCUMENT.partition("It has a mistake, too:\n\n```\n")[2].partition("\n```")[0]
    assert shown.startswith("   looks like ")
    assert shown in said.stdout
    (tmp_path / "my_cell.py").write_text(CELL.replace(CELL_MISTAKE, CELL_MENDED))
    said = checked("keras:torch", "LSTMCell=./my_cell.py:MyCell", only, tmp_path)
    assert said.returncode == 0, said.stdout


def test_the_commands_exist() -> None:
    lines = re.findall(r"^rnn-conformance (\w+) ", DOCUMENT, re.MULTILINE)
    assert set(lines) == {"doctor", "run", "replay"}
    assert set(lines) <= set(main.commands)


@pytest.mark.parametrize("name", ["torch", "keras:jax"])
def test_every_class_that_can_be_replaced_is_documented(name: str) -> None:
    section = DOCUMENT.partition("## A drop-in")[2].partition("## In which process")[0]
    assert {class_ for class_ in replaceable(name) if f"`{class_}`" not in section} == set()


def test_every_claim_is_documented() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", DOCUMENT.partition("## What a layer claims")[2], re.MULTILINE)) == set(
        CLAIMS
    )
