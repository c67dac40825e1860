"""docs/convert.md is run as it stands."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
from pathlib import Path

import pytest
from driving import framework

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "convert.md").read_text(encoding="utf-8")


def test_the_short_examples() -> None:
    examples = "\n".join(re.findall(r"```pycon\n(.*?)```", PAGE, re.DOTALL))
    found = doctest.DocTestParser().get_doctest(examples, {}, "docs/convert.md", None, 0)
    said: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(found, out=said.append)
    assert runner.tries >= 10
    assert runner.failures == 0, "".join(said)


@pytest.mark.framework
def test_the_program(tmp_path: Path) -> None:
    """In an interpreter that has both Keras and PyTorch."""
    launch = framework("keras:torch")
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    shown = PAGE.partition("It prints\n\n```\n")[2].partition("```")[0]
    (tmp_path / "port.py").write_text(program, encoding="utf-8")
    environment = {**os.environ, **launch.environment, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "torch"}
    command = [launch.command[0], "port.py"]
    said = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert said.stdout == shown
