"""Names become commands, or one clear line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from conformance.engine.implementations import implementation_names, resolve
from conformance.errors import ConformanceError, SpecError
from conformance.spec import dialect_names


def test_the_names_that_come_with_the_project() -> None:
    assert implementation_names() == ("keras:tensorflow", "keras:torch", "keras:jax", "keras2:tensorflow", "torch")


@pytest.mark.parametrize("name", implementation_names())
def test_a_name_becomes_a_script_run_by_an_interpreter(name: str) -> None:
    launch = resolve(name)
    assert launch.name == name
    assert launch.command[0] == sys.executable
    assert Path(launch.command[1]).is_file()
    assert launch.environment["OMP_NUM_THREADS"] == "1"
    assert "pip install" in launch.install
    assert f"--python {name}=PATH" in launch.install


def test_every_dialect_has_an_implementation() -> None:
    assert {name.split(":")[0] for name in implementation_names()} == set(dialect_names())


def test_another_interpreter_can_be_named(tmp_path: Path) -> None:
    interpreter = tmp_path / "python"
    interpreter.symlink_to(sys.executable)
    assert resolve("torch", {"torch": str(interpreter)}).command[0] == str(interpreter)
    assert resolve("torch", {"keras:jax": str(interpreter)}).command[0] == sys.executable


def test_a_program_is_split_into_words_and_no_shell_is_involved() -> None:
    launch = resolve(f"cmd:{sys.executable} 'my layer.py' --units 3 ; $HOME")
    assert launch.command == (sys.executable, "my layer.py", "--units", "3", ";", "$HOME")


def test_a_class_can_be_replaced() -> None:
    launch = resolve("torch[LSTM=mine:Fast]")
    assert launch.command[-2:] == ("--replace", "LSTM=mine:Fast")
    assert launch.name == "torch[LSTM=mine:Fast]"


@pytest.mark.parametrize(
    ("name", "python", "kind", "complaint"),
    [
        ("keras", {}, SpecError, "choose one of keras:tensorflow, keras:torch, keras:jax, keras2:tensorflow, torch"),
        ("environment", {}, SpecError, "unknown implementation 'environment'"),
        ("torch", {"torch": "/no/python"}, ConformanceError, "torch: there is no Python interpreter '/no/python'"),
        ("torch", {"torch": "/"}, ConformanceError, "no Python interpreter '/'"),
        ("torch[LTSM=mine:Fast]", {}, SpecError, "torch has no 'LTSM'; there are RNN, LSTM, GRU, RNNCell"),
        ("cmd:", {}, ConformanceError, "names no program"),
        ("cmd:/no/program x", {}, ConformanceError, "there is no program '/no/program'"),
        ("cmd:'unclosed", {}, ConformanceError, "cannot be split"),
    ],
)
def test_what_does_not_exist_is_one_clear_line(
    name: str, python: dict[str, str], kind: type[ConformanceError], complaint: str
) -> None:
    with pytest.raises(kind) as caught:
        resolve(name, python)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
