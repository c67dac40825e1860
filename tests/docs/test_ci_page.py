"""docs/ci.md: every snippet is valid, and every command in it exists with these options."""

from __future__ import annotations

import configparser
import itertools
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from conformance.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "ci.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"rnn-conformance (?:run|report|merge) [^\n`]+", PAGE)))


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 6


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_exists_with_its_options(command: str) -> None:
    name, *words = shlex.split(command.partition(" >>")[0])[1:]
    texts = CliRunner().invoke(main, [name, "--help"]).output
    options = [word for word in words if word.startswith("--")]
    for option in options:
        assert re.search(rf"{option}\b", texts), option
    shown = {"--format": "github|markdown", "--profile": "quick"}
    for option, value in itertools.pairwise(words):
        if option in shown:
            assert value in shown[option].split("|")


def test_the_snippets_of_services_are_yaml() -> None:
    yaml: Any = pytest.importorskip("yaml", reason="PyYAML is not installed here")
    github, gitlab = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
    runs = [step["run"] for step in github["jobs"]["conformance"]["steps"] if "run" in step]
    assert sum("rnn-conformance" in run for run in runs) == 3
    assert gitlab["conformance"]["artifacts"]["reports"]["junit"] == "reports/latest/junit.xml"


def test_the_snippet_of_tox_is_a_section_of_tox() -> None:
    parsed = configparser.ConfigParser(interpolation=None)
    (block,) = re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL)
    parsed.read_string(block)
    assert "rnn-conformance" in parsed["testenv:conformance"]["commands"]
