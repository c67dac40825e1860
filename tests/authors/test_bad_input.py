"""Whatever an author hands over by mistake is one clear line that names the implementation and the step."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import authored
import numpy as np
import pytest
from tiny import TINY

from conformance import DeviationError, check_layer
from conformance.errors import BrokenImplementationError, ConformanceError


def complaint(implementation: Any, **asked: Any) -> str:
    """What `check_layer` raises, in one line."""
    with pytest.raises((ConformanceError, DeviationError)) as caught:
        check_layer(implementation, **{"dialect": "keras", "layer": "lstm", "profile": TINY, **asked})
    text = str(caught.value)
    assert "Traceback" not in text
    if isinstance(caught.value, DeviationError):
        (text,) = (line.strip() for line in text.splitlines() if line.strip().startswith("message"))
    assert "\n" not in text
    return text


# ---------------------------------------------------------------- what cannot be called


class NeedsUnits:
    def __init__(self, config: Any, weights: Any, units: int) -> None: ...
    def __call__(self, x: Any) -> Any: ...


class NoCall:
    def __init__(self, config: Any, weights: Any) -> None: ...


class CallWithoutX:
    def __init__(self, config: Any, weights: Any) -> None: ...
    def __call__(self) -> Any: ...


@pytest.mark.parametrize(
    ("implementation", "said"),
    [
        (NeedsUnits, "NeedsUnits: TypeError: it cannot be called as NeedsUnits(config, weights): missing a required"),
        (NoCall, "NoCall: TypeError: its objects cannot be called as layer(x): it has no __call__"),
        (CallWithoutX, "CallWithoutX: TypeError: it cannot be called as layer(x): too many positional arguments"),
        (lambda x: x, "<lambda>: TypeError: it cannot be called as f(config, weights, x): too many positional"),
        (authored.RightLSTM({"units": 1}, [0, 0]), "RightLSTM: TypeError: it is RightLSTM, neither a class nor a fun"),
        (np, "module: TypeError: it is module, neither a class nor a function"),
        (None, "NoneType: TypeError: it is NoneType, neither a class nor a function"),
    ],
)
def test_what_cannot_be_called_is_broken(implementation: Any, said: str) -> None:
    assert complaint(implementation).startswith(said)


# ---------------------------------------------------------------- what cannot be imported


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import no_such_module", "ImportError: cannot import {file}: ModuleNotFoundError: No module named 'no_such"),
        ("1 / 0", "ImportError: cannot import {file}: ZeroDivisionError: division by zero"),
        ("def f(:", "ImportError: cannot import {file}: SyntaxError: invalid syntax"),
        ("import sys; sys.exit('gone')", "ImportError: cannot import {file}: SystemExit: gone"),
        ("import os; os._exit(3)", "it did not say hello: the process died with exit status 3"),
        ("MyLSTN = None", "ImportError: {file} has no MyLSTM"),
        ("MyLSTM = 'text'", "TypeError: it is str, neither a class nor a function"),
    ],
)
def test_what_cannot_be_imported_is_broken(program: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "my_rnn.py"
    file.write_text(program)
    assert complaint(f"{file}:MyLSTM").startswith(f"{file}:MyLSTM: {said.format(file=file)}")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("no_such_package.module:MyLSTM", "ImportError: cannot import no_such_package.module: ModuleNotFoundError"),
        ("./nothing.py:MyLSTM", "there is no file ./nothing.py"),
        ("MyLSTM", "unknown implementation 'MyLSTM'"),
    ],
)
def test_a_place_that_does_not_exist(place: str, said: str) -> None:
    assert said in complaint(place)


# ---------------------------------------------------------------- what goes wrong while it works


def raising() -> Any:
    raise RuntimeError("first line\nsecond line")


def leaving() -> Any:
    sys.exit(4)


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (lambda: None, "returned NoneType, expected output"),
        (lambda: "text", "returned str, expected output"),
        (lambda: [[0.1, 0.2], [0.3]], "returned [[float, float], [float]], expected output"),
        (lambda: (x for x in [1.0]), "returned generator, expected output"),
        (lambda: np.array([[1.0], ["a"]], object), "returned ndarray of object, expected output"),
        (lambda: np.array(["a"]), "returned ndarray of <U1, expected output"),
        (lambda: 0.5, "returned float, expected output"),
        (lambda: {"output": np.zeros(1)}, "returned {output: output 0}, expected output"),
        (lambda: np.float32(1), "output has shape (), expected"),
        (lambda: [np.zeros((1, 1))] * 2, "returned [output 0, output 1], expected output"),
        (raising, "RuntimeError at call: first line second line"),
        (leaving, "SystemExit at call: 4"),
    ],
)
def test_what_is_returned_in_place_of_an_array(result: Callable[[], Any], said: str) -> None:
    def layer(config: Any, weights: Any, x: Any) -> Any:
        return result()

    assert said in complaint(layer, options={})


def test_complex_numbers_are_of_the_wrong_type() -> None:
    def layer(config: Any, weights: Any, x: Any) -> Any:
        return np.zeros((len(x), config["units"]), complex)

    results = check_layer(layer, dialect="keras", layer="lstm", profile=TINY, options={}, raise_errors=False)
    assert ("dtype", "output is complex128, expected float32") in {(g.check, g.message) for g in results.groups}


def test_a_list_that_contains_itself_ends() -> None:
    def layer(config: Any, weights: Any, x: Any) -> Any:
        endless: list[Any] = []
        endless.append(endless)
        return endless

    assert "returned [[[[" in complaint(layer, options={})


def test_an_error_of_the_constructor_tells_its_step() -> None:
    class Unfinished(authored.RightLSTM):
        def __init__(self, config: Any, weights: Any) -> None:
            raise NotImplementedError("to do")

    assert "NotImplementedError at weights: to do" in complaint(Unfinished)


@pytest.mark.parametrize("told", [["a", "b", "c"], [None] * 3, [np.array([{}])] * 3])
def test_weights_that_are_no_arrays(told: list[Any]) -> None:
    class Odd(authored.OwnWeights):
        def get_weights(self) -> Any:
            return told

    assert "TypeError at build: get_weights gives" in complaint(Odd)


def test_an_error_without_a_message_of_its_own() -> None:
    class SilentError(Exception):
        def __str__(self) -> str:
            raise ValueError

    def layer(config: Any, weights: Any, x: Any) -> Any:
        raise SilentError

    assert "SilentError at call: (its message cannot be had: ValueError)" in complaint(layer, options={})


def test_a_broken_implementation_raises_nothing_where_results_are_wanted() -> None:
    results = check_layer(NoCall, dialect="keras", layer="lstm", profile=TINY, raise_errors=False)
    assert [(said.state, said.message) for said in results.implementations] == [
        ("broken", "TypeError: its objects cannot be called as layer(x): it has no __call__")
    ]
    assert results.cases == ()
    with pytest.raises(BrokenImplementationError):
        check_layer(NoCall, dialect="keras", layer="lstm")
