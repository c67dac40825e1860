"""Classes and cells in the place of a framework's own: named, run, replayed, exported; and bad input."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from driving import framework
from tiny import TINY

from conformance import check_layer
from conformance.cli import main
from conformance.engine.events import DEVIATIONS
from conformance.engine.implementations import replaceable, resolve, with_replacements
from conformance.engine.run import RunOptions
from conformance.engine.run import run as run_suite
from conformance.errors import ConformanceError
from conformance.generate.phases import Profile
from conformance.results import Results, read_results

HERE = Path(__file__).parent
NO_CAUSES = replace(TINY, experiments=0, laws=1)
SMALL = ("--profile", "quick", "--phases", "random", "--seed", "0")
TORCH, KERAS = HERE / "torch_classes.py", HERE / "keras_classes.py"


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def with_python(name: str) -> tuple[str, str]:
    """The flag that names an interpreter with this framework; else the test is skipped."""
    return ("--python", f"{name}={framework(name).command[0]}")


def check(name: str, only: Mapping[str, str] | None = None, profile: Profile = TINY, **contract: Any) -> Results:
    """A tiny run of an implementation with a replaced class."""
    base = name.partition("[")[0]
    launch = resolve(name, {base: framework(base).command[0]}, **contract)
    return Results.of(run_suite(RunOptions((launch,), profile=profile, only=only or {})))


def judged(results: Results) -> list[dict[str, Any]]:
    """Layer, sizes and options of the configurations that were run."""
    return [
        {"layer": case.case["config"]["layer"], **case.case["config"]["sizes"], **case.case["config"]["options"]}
        for case in results.cases
        if case.outcomes.get("accepted") and case.outcomes["accepted"].outcome != "unsupported"
    ]


def deviating(results: Results) -> list[dict[str, Any]]:
    """The options of the configurations that failed."""
    return [
        case.case["config"]["options"]
        for case in results.cases
        if any(verdict.outcome in DEVIATIONS for verdict in case.outcomes.values())
    ]


def looks_like(results: Results) -> set[str]:
    return {group.looks_like for group in results.groups if group.check == "values" and group.looks_like}


# ---------------------------------------------------------------- names


def test_every_framework_offers_its_layers_and_cells() -> None:
    assert replaceable("torch") == ("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell")
    cells = ("SimpleRNNCell", "LSTMCell", "GRUCell")
    for backend in ("tensorflow", "torch", "jax"):
        assert replaceable(f"keras:{backend}") == ("SimpleRNN", "LSTM", "GRU", *cells)


def test_every_implementation_that_has_the_class_is_run_with_the_other_one() -> None:
    names = ("torch", "cmd:./mine", "keras:jax")
    assert with_replacements(names, [("LSTM", "mine:A")]) == (
        "torch[LSTM=mine:A]",
        "cmd:./mine",
        "keras:jax[LSTM=mine:A]",
    )
    assert with_replacements(names, [("RNN", "mine:A")]) == ("torch[RNN=mine:A]", "cmd:./mine", "keras:jax")
    assert with_replacements(names, []) == names


def test_every_class_is_an_implementation_of_its_own() -> None:
    classes = [("LSTM", "mine:A"), ("LSTM", "mine:B"), ("GRU", "mine:C")]
    expected = ("torch[LSTM=mine:A]", "torch[LSTM=mine:B]", "torch[GRU=mine:C]")
    assert with_replacements(["torch"], classes) == expected


def test_the_interpreter_of_the_framework_is_that_of_the_class_unless_it_has_its_own() -> None:
    name = "torch[LSTM=mine:A]"
    assert resolve(name, {"torch": "/bin/sh"}).command[0] == "/bin/sh"
    assert resolve(name, {"torch": "/bin/sh", name: "/bin/true"}).command[0] == "/bin/true"
    assert resolve(name).command[-2:] == ("--replace", "LSTM=mine:A")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ("torch", "--replace", "LTSM=mine:A"),
            "no implementation of this run has a class 'LTSM'; torch has RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell",
        ),
        (("cmd:/bin/true", "--replace", "LSTM=mine:A"), "no implementation of this run has a class 'LSTM'"),
        (("torch", "--replace", "LSTM"), "write CLASS=package.module:Class"),
        (("torch", "--replace", "LSTM=mine"), "write LSTM=package.module:Class"),
        (("torch", "--replace", "LSTM=./nothing.py:A"), "there is no file ./nothing.py"),
        (("torch[LTSM=mine:A]",), "torch has no 'LTSM'; there are RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell"),
        (("pytorch[LSTM=mine:A]",), "no class can be replaced in 'pytorch'; choose one of keras:tensorflow"),
        (("torch[LSTM=mine:A]", "--python", "keras:jax=/bin/sh"), "'keras:jax' is not among the implementations"),
        (("torch[LSTM=mine:A]", "torch", "--replace", "LSTM=mine:A"), "is named twice"),
        (("torch", "--claim", "input=batched"), "--claim input=batched needs --dialect"),
    ],
)
def test_mistakes_are_one_line(arguments: tuple[str, ...], complaint: str) -> None:
    result = invoke("doctor", *arguments)
    assert result.exit_code == 2
    (line,) = result.output.splitlines()
    assert complaint in line


# ---------------------------------------------------------------- a drop-in for a module


@pytest.mark.framework
def test_a_right_module_beside_a_wrong_one_and_the_frameworks_own(tmp_path: Path) -> None:
    wrong = f"torch[LSTM={TORCH}:SwappedGates]"
    flags = (*SMALL, "--only", "layer=lstm dtype=float32 num_layers=1", "--out", str(tmp_path), *with_python("torch"))
    result = invoke("run", "torch", wrong, f"torch[LSTM={TORCH}:FastLSTM]", *flags)
    assert result.exit_code == 1, result.output
    results = read_results(tmp_path / "results.jsonl")
    assert {group.implementation for group in results.groups} == {wrong}
    assert looks_like(results) == {"the gate blocks i, f, g, o are read as i, f, o, g"}
    said = {implementation.name: implementation.capabilities["layers"] for implementation in results.implementations}
    assert sorted(said.values()) == [["lstm"], ["lstm"], ["simple_rnn", "lstm", "gru"]]
    assert "SwappedGates" in (tmp_path / "index.html").read_text(encoding="utf-8")

    case, file = results.groups[0].smallest_id, ("--results", str(tmp_path / "results.jsonl"))
    replayed = invoke("replay", case, *file, *with_python("torch"))
    assert (replayed.exit_code, f"{wrong}:" in replayed.output) == (1, True), replayed.output
    flags = ("--on", "torch", "--replace", f"LSTM={TORCH}:FastLSTM", *with_python("torch"))
    assert invoke("replay", case, *file, *flags).exit_code == 0
    assert said_by_script(invoke("export", case, *file).stdout, "torch") == "deviates"
    fine = invoke("export", case, *file, "--on", f"torch[LSTM={TORCH}:FastLSTM]").stdout
    assert said_by_script(fine, "torch") == "conforms"


def said_by_script(script: str, name: str) -> str:
    """The last line that an exported script prints."""
    command = [framework(name).command[0], "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.framework
def test_only_what_the_class_claims_is_judged() -> None:
    results = check(f"torch[LSTM={TORCH}:OneByOne]")
    options = judged(results)
    assert {case["layer"] for case in options} == {"lstm"}
    assert {case["input"] for case in options} == {"batched"}
    assert {case["dtype"] for case in options} == {"float32", "float64"}
    assert {case["batch"] for case in options} == {1}
    assert results.groups == ()


@pytest.mark.framework
def test_what_it_can_do_can_be_said_on_the_command_line(tmp_path: Path) -> None:
    flags = ("--claim", "batch_first=false,true", "--claim", "units=4,8", "--out", str(tmp_path))
    flags += (*SMALL, "--only", "layer=lstm num_layers=1", *with_python("torch"))
    result = invoke("run", "torch", "--replace", f"LSTM={TORCH}:FastLSTM", *flags)
    assert result.exit_code == 0, result.output
    (said,) = read_results(tmp_path / "results.jsonl").implementations
    assert said.capabilities["options"]["batch_first"] == [False, True]
    assert said.capabilities["options"]["hx"] == [False]
    assert said.capabilities["sizes"] == {"units": [4, 8]}


@pytest.mark.framework
def test_refusals_and_initial_weights_are_judged_where_they_are_claimed() -> None:
    assert check(f"torch[LSTM={TORCH}:Derived]").groups == ()
    results = check(f"torch[LSTM={TORCH}:OwnStart]")
    (group,) = results.groups
    assert group.check == "initial_weights"
    assert "outside ±1/sqrt" in group.message
    rejected = [case for case in results.cases if case.case.get("rejection")]
    assert {case.outcomes["rejection"].outcome for case in rejected if "lstm" in str(case.case)} == {"pass"}


@pytest.mark.framework
def test_check_layer_takes_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", framework("torch").command[0])
    name = f"torch[LSTM={TORCH}:FastLSTM]"
    assert check_layer(name, dialect="torch", layer="lstm", profile=TINY, dtypes=["float32"]).groups == ()
    with pytest.raises(ConformanceError, match="nothing could be judged: does not claim layer=lstm"):
        check_layer(f"torch[GRUCell={TORCH}:PlainGRUCell]", dialect="torch", layer="lstm", profile=TINY)


# ---------------------------------------------------------------- a drop-in for a Keras layer


@pytest.mark.framework
def test_a_keras_layer_claims_what_its_signatures_say() -> None:
    results = check(f"keras:torch[LSTM={KERAS}:MyKerasLSTM]", {"dtype": "float32"})
    (said,) = results.implementations
    claimed = {name for name, values in said.capabilities["options"].items() if len(values) > 1}
    assert claimed == {"dtype", "return_sequences", "return_state", "initial_state"}
    assert len(judged(results)) > 10
    assert results.groups == ()


@pytest.mark.framework
@pytest.mark.parametrize("bidirectional", ["false", "true"])
def test_a_keras_layer_with_a_fault_also_in_bidirectional(bidirectional: str) -> None:
    only = {"dtype": "float32", "unroll": "false", "go_backwards": "false", "bidirectional": bidirectional}
    results = check(f"keras:torch[LSTM={KERAS}:IgnoresMask]", only)
    assert looks_like(results) == {"the mask is ignored"}
    assert all("mask" in str(group.when) for group in results.groups if group.check == "values")


# ---------------------------------------------------------------- cells


@pytest.mark.framework
@pytest.mark.parametrize("name", ["RNNCell", "LSTMCell", "GRUCell"])
def test_the_cells_of_pytorch_conform(name: str) -> None:
    results = check(f"torch[{name}=torch.nn:{name}]")
    options = judged(results)
    assert results.groups == ()
    assert {case["bidirectional"] for case in options} == {False, True}
    assert {case["input"] for case in options} == {"batched", "unbatched"}
    assert {case["num_layers"] for case in options} == {1}


@pytest.mark.framework
@pytest.mark.parametrize(
    ("framework_name", "name"),
    [("keras:torch", "SimpleRNNCell"), ("keras:tensorflow", "LSTMCell"), ("keras:torch", "GRUCell")],
)
def test_the_cells_of_keras_deviate_only_where_its_layers_are_known_to(framework_name: str, name: str) -> None:
    """Every deviation here is one of `specs/deviations/`."""
    results = check(f"{framework_name}[{name}=keras.layers:{name}]", {"dtype": "float32"}, NO_CAUSES)
    for options in deviating(results):
        backwards = options["go_backwards"] and options["bidirectional"]
        assert backwards or options["unroll"], options
    assert len(judged(results)) - len(deviating(results)) > 10


@pytest.mark.framework
@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        (f"torch[GRUCell={TORCH}:PlainGRUCell]", None),
        (f"torch[GRUCell={TORCH}:InvertedUpdate]", "the update gate is inverted"),
        (f"keras:torch[LSTMCell={KERAS}:MyCell]", None),
        (f"keras:torch[LSTMCell={KERAS}:BareOutput]", "the activation of the output is missing"),
    ],
    ids=lambda value: str(value).rpartition(":")[2].strip("]"),
)
def test_a_cell_of_ones_own(cell: str, fault: str | None) -> None:
    only = {"dtype": "float32", "go_backwards": "false", "unroll": "false"} if cell.startswith("keras") else {}
    results = check(cell, only)
    assert {case["bidirectional"] for case in judged(results)} == {False, True}
    assert looks_like(results) == ({fault} if fault else set())
    assert bool(results.groups) == bool(fault)


# ---------------------------------------------------------------- bad input


def complaint(name: str, result: Result) -> str:
    """The one line of the doctor that tells what is wrong with an implementation."""
    assert "Traceback" not in result.output
    after = result.output.partition(f"{name}\n")[2].splitlines()
    return next(line for line in after if line.startswith("  broken"))


TORCH_MISTAKES = {
    "LSTM=no_such_module:A": "ImportError: cannot import no_such_module: ModuleNotFoundError",
    f"LSTM={TORCH}:Nothing": "has no Nothing",
    f"LSTM={TORCH}:not_a_class": "is str, not a class",
    f"LSTM={TORCH}:NeedsHeads": "cannot be called as NeedsHeads(input_size=..., hidden_size=...): missing a",
    f"LSTM={TORCH}:OddClaims": "ValueError: its options name 'bais'; there are dtype, num_layers",
    f"LSTM={TORCH}:RaisesWhenMade": "accepted: NotImplementedError at construct: to do",
    f"LSTM={TORCH}:NotAModule": "accepted: AttributeError at construct: 'NotAModule' object",
    f"LSTM={TORCH}:ThreeGates": "accepted: ValueError at weights: its parameters have shapes [(9, 4)], not [(12, 4)",
    f"LSTM={TORCH}:ReturnsNone": "structure: returned NoneType, expected (output, (h_n, c_n))",
    f"LSTM={TORCH}:ReturnsRagged": "structure: returned [[output 0], [float]], expected (output, (h_n, c_n))",
    f"LSTM={TORCH}:ReturnsOutputAlone": "structure: returned output 0, expected (output, (h_n, c_n))",
    f"LSTMCell={TORCH}:TextCell": "accepted: TypeError at call: the cell returned (str, str), not (h, c)",
    f"LSTMCell={TORCH}:BareCell": "accepted: TypeError at call: the cell returned (Tensor), not (h, c)",
}

KERAS_MISTAKES = {
    f"LSTM={KERAS}:ReturnsText": "returned str, expected output",
    f"LSTM={KERAS}:ReturnsGenerator": "returned generator, expected output",
    f"LSTM={KERAS}:ReturnsSymbol": "returned KerasTensor of float32, expected output",
    f"LSTMCell={KERAS}:NoStateSize": "ValueError at construct: The RNN cell should have a `state_size` attribute",
    "LSTM=keras.layers:Dropout": "cannot be called as Dropout(units=...): missing a required argument: 'rate'",
}


@pytest.mark.framework
@pytest.mark.parametrize(("name", "mistakes"), [("torch", TORCH_MISTAKES), ("keras:torch", KERAS_MISTAKES)])
def test_what_cannot_work_is_one_clear_line(name: str, mistakes: dict[str, str]) -> None:
    flags = [word for place in mistakes for word in ("--replace", place)]
    result = invoke("doctor", name, *flags, *with_python(name))
    assert result.exit_code == 3
    for place, expected in mistakes.items():
        assert expected in complaint(f"{name}[{place}]", result), place
