"""The example of docs/custom.md is run as it stands: wrong first, told why, then right."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.adapters.python_layers import CLAIMS
from conformance.cli import main

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "custom.md").read_text(encoding="utf-8")
PROGRAM, MENDED, PYTEST = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
MISTAKE = "            i, f, o, g = np.split(z, 4, axis=1)\n"


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


def test_the_commands_exist() -> None:
    lines = re.findall(r"^rnn-conformance (\w+) ", DOCUMENT, re.MULTILINE)
    assert set(lines) == {"doctor", "run"}
    assert set(lines) <= set(main.commands)


def test_every_claim_is_documented() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", DOCUMENT.partition("## What a layer claims")[2], re.MULTILINE)) == set(
        CLAIMS
    )
