"""A layer in plain Python by name, on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from conformance.cli import main
from conformance.results import read_results

HERE = Path(__file__).parent
RNN = ("--dialect", "torch", "--layer", "simple_rnn")
LSTM = ("--dialect", "keras", "--layer", "lstm")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def run(place: str, contract: tuple[str, ...], out: Path) -> Result:
    small = ("--profile", "quick", "--phases", "random", "--only", "dtype=float32", "--seed", "0")
    return invoke("run", place, *contract, *small, "--out", str(out))


def test_a_file(tmp_path: Path) -> None:
    result = run(f"{HERE / 'authored.py'}:TorchRNN", RNN, tmp_path)
    assert result.exit_code == 0, result.output
    assert "TorchRNN: no deviation" in result.output


def test_a_module_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)
    result = run("authored:TorchRNN", RNN, tmp_path)
    assert result.exit_code == 0, result.output


def test_a_failure_can_be_replayed_without_naming_the_contract_again(tmp_path: Path) -> None:
    place = f"{HERE / 'authored.py'}:IgnoresMask"
    result = run(place, LSTM, tmp_path)
    assert result.exit_code == 1, result.output
    assert "the mask is ignored" in result.output
    file = tmp_path / "results.jsonl"
    replayed = invoke("replay", read_results(file).groups[0].smallest_id, "--results", str(file))
    assert replayed.exit_code == 1, replayed.output
    assert "fail         values" in replayed.output


def test_the_doctor_examines_it_step_by_step() -> None:
    result = invoke("doctor", f"{HERE / 'authored.py'}:RightLSTM", *LSTM)
    assert result.exit_code == 0, result.output
    assert "lstm        default options pass" in result.output


@pytest.mark.parametrize("contract", [LSTM[:2], LSTM])
def test_the_layers_can_be_an_attribute(contract: tuple[str, ...]) -> None:
    assert invoke("doctor", f"{HERE / 'authored.py'}:RightLSTM", *contract).exit_code == 0


def test_what_it_can_do_can_be_said_here(tmp_path: Path) -> None:
    claims = ("--claim", "mask=none,right", "--claim", "units=4,8", "--claim", "return_state=false,TRUE")
    run(f"{HERE / 'authored.py'}:RightLSTM", (*LSTM, *claims), tmp_path)
    (said,) = read_results(tmp_path / "results.jsonl").implementations
    assert said.capabilities["options"]["mask"] == ["none", "right"]
    assert said.capabilities["options"]["return_state"] == [False, True]
    assert said.capabilities["options"]["return_sequences"] == [False]
    assert said.capabilities["sizes"] == {"units": [4, 8]}


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("mine:MyLSTM",), 2, "say what it follows: --dialect NAME"),
        (("./nothing.py:MyLSTM", *LSTM), 2, "there is no file ./nothing.py"),
        (("torch", "--layer", "lstm"), 2, "--layer lstm needs --dialect"),
        (("mine:MyLSTM", "--dialect", "keras", "--layer", "lstn"), 2, "no layer 'lstn'"),
        (("torch", "--claim", "mask=none"), 2, "--claim mask=none needs --dialect"),
        (("mine:MyLSTM", *LSTM, "--claim", "mask"), 2, "--claim mask: write NAME=VALUE,..."),
        ((f"{HERE / 'authored.py'}:RightLSTM", *LSTM, "--claim", "mask=up"), 3, "it claims mask='up'"),
        ((f"{HERE / 'authored.py'}:RightLSTM", *LSTM, "--claim", "maks=up"), 3, "its sizes name 'maks'"),
        (("no_such_module:MyLSTM", *LSTM), 3, "cannot import no_such_module: ModuleNotFoundError"),
        ((f"{HERE / 'authored.py'}:Nothing", *LSTM), 3, "has no Nothing"),
        ((f"{HERE / 'authored.py'}:TorchRNN", "--dialect", "torch"), 3, "name one or more of simple_rnn, lstm, gru"),
    ],
)
def test_mistakes_are_one_line(arguments: tuple[str, ...], code: int, complaint: str) -> None:
    result = invoke("doctor", *arguments)
    assert result.exit_code == code
    assert complaint in result.output.splitlines()[-1]
    assert "Traceback" not in result.output
