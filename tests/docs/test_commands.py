"""Every command that a page shows is one of this program; what a page shows of `explain` comes out so."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from pages import Command, assert_shown, commands, run

from conformance.cli import main

COMMANDS = list(commands())
EXPLAINED = [command for command in COMMANDS if command.words[1] == "explain"]


def named(command: Command) -> str:
    return f"{command.page}: {command.text}"


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 20
    assert len(EXPLAINED) >= 4


@pytest.mark.parametrize("command", COMMANDS, ids=named)
def test_a_command_can_be_given_so(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name, *words = command.words[1:]
    for word in words:
        if word.endswith((".jsonl", ".toml", ".keras", ".py")):
            Path(word).parent.mkdir(parents=True, exist_ok=True)
            Path(word).touch()
    assert name in main.commands
    try:
        main.commands[name].make_context(name, words)
    except click.ClickException as error:
        raise AssertionError(error.format_message()) from None


@pytest.mark.parametrize("command", EXPLAINED, ids=named)
def test_what_is_shown_of_explain_comes_out(command: Command, tmp_path: Path) -> None:
    said = run(tmp_path, command.words)
    assert said.returncode == 0, said.stderr
    assert_shown(said.stdout, command.shown)
