"""Converted weights compute the same function in Keras, PyTorch and ONNX Runtime, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from converting import SIZES, given
from driving import arrays, ask, build, call, framework, results

from conformance import convert
from conformance.engine.worker import Limits, Worker
from conformance.reference import ELSEWHERE, Accuracy, Expected, evaluate, precision
from conformance.spec import Array, LayerConfig, Tensors

pytestmark = pytest.mark.framework

KERAS: list[tuple[str, dict[str, Any]]] = [
    ("simple_rnn", {"activation": "relu"}),
    ("simple_rnn", {"bidirectional": True, "use_bias": False}),
    ("lstm", {}),
    ("lstm", {"bidirectional": True}),
    ("lstm", {"use_bias": False}),
    ("gru", {}),
    ("gru", {"bidirectional": True}),
    ("gru", {"bidirectional": True, "use_bias": False}),
]
ONNX_ONLY: list[tuple[str, dict[str, Any]]] = [
    ("gru", {"reset_after": False, "bidirectional": True}),
    ("gru", {"recurrent_activation": "hard_sigmoid", "bidirectional": True}),
    ("lstm", {"recurrent_activation": "hard_sigmoid", "activation": "linear"}),
    ("lstm", {"go_backwards": True}),
    ("simple_rnn", {"activation": "sigmoid", "go_backwards": True}),
]


@pytest.fixture(scope="module")
def workers() -> Iterator[dict[str, Worker]]:
    """Started workers by name; filled by `outputs_of`."""
    running: dict[str, Worker] = {}
    yield running
    for worker in running.values():
        worker.close()


def outputs_of(workers: dict[str, Worker], name: str, config: LayerConfig, tensors: Tensors) -> list[Array]:
    """What a framework returns."""
    if name not in workers:
        workers[name] = Worker(framework(name), Limits(seconds=120))
        workers[name].start()
    assert ask(workers[name], build(1, config)).header["ok"]
    return results(ask(workers[name], call(1), arrays(tensors)))


def the_layer(dialect: str, layer: str, options: Any) -> LayerConfig:
    return LayerConfig.of(dialect, layer, {k: v for k, v in options.items() if k != "num_layers"}, SIZES)


def expected(config: LayerConfig, tensors: Tensors, accuracy: Accuracy | None = None) -> tuple[Expected, ...]:
    return evaluate(config, [tensors], precision("float32", accuracy), "signed")[0]


def agree(one: list[Array], other: list[Array], bounds: tuple[Expected, ...]) -> None:
    """Two results that may each be off by the bound."""
    for a, b, bound in zip(one, other, bounds, strict=True):
        assert a.shape == b.shape
        assert (np.abs(a - b.astype(np.float64)) <= 2 * bound.allowed).all(), (bound.name, np.abs(a - b).max())


def random_input(seed: int = 3) -> Array:
    shape = (SIZES.batch, SIZES.timesteps, SIZES.features)
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize(("layer", "options"), KERAS)
def test_keras_to_torch_and_back(layer: str, options: dict[str, Any], workers: dict[str, Worker]) -> None:
    x, shown = random_input(), {**options, "return_sequences": True, "return_state": True}
    source = given("keras", layer, shown, dtype="float32")
    config, tensors = the_layer("keras", layer, shown), Tensors(tuple(source.arrays), x)
    by_keras = outputs_of(workers, "keras:tensorflow", config, tensors)

    counterpart = convert.options(layer, source="keras", target="torch", **shown)
    parameters = convert.weights(layer, source.arrays, source="keras", target="torch", **shown)
    module = LayerConfig.of("torch", layer, dict(counterpart.options), SIZES)
    output, *final = outputs_of(workers, "torch", module, Tensors(tuple(parameters), x))

    states = convert.states(
        layer, final, source="torch", target="keras", bidirectional=bool(options.get("bidirectional"))
    )
    agree(by_keras, [output, *states], expected(config, tensors))


@pytest.mark.parametrize("layer", ["simple_rnn", "lstm", "gru"])
def test_torch_to_keras(layer: str, workers: dict[str, Worker]) -> None:
    """With the two biases of PyTorch."""
    x, options = random_input(), {"bidirectional": True, "batch_first": True}
    source = given("torch", layer, options, dtype="float32")
    module, tensors = LayerConfig.of("torch", layer, options, SIZES), Tensors(tuple(source.arrays), x)
    by_torch = outputs_of(workers, "torch", module, tensors)

    wanted = the_layer("keras", layer, convert.options(layer, source="torch", target="keras", **options).options)
    weights = convert.weights(layer, source.arrays, source="torch", target="keras", **options)
    output, *states = outputs_of(workers, "keras:tensorflow", wanted, Tensors(tuple(weights), x))

    final = convert.states(layer, states, source="keras", target="torch", bidirectional=True)
    agree(by_torch, [output, *final], expected(module, tensors))


# ---------------------------------------------------------------- ONNX Runtime


def onnx_runtime() -> str:
    """The interpreter that the environment names, or this one; else the test is skipped."""
    if path := os.environ.get("RNN_CONFORMANCE_TEST_PYTHON_ONNX"):
        return path
    if any(find_spec(module) is None for module in ("onnx", "onnxruntime")):
        pytest.skip(
            "onnx and onnxruntime not installed here, and RNN_CONFORMANCE_TEST_PYTHON_ONNX names no interpreter"
        )
    return sys.executable


def written(folder: Path, layer: str, options: dict[str, Any]) -> tuple[LayerConfig, Tensors]:
    """A case for ONNX Runtime in a folder; and the same for the reference."""
    shown = {**options, "return_sequences": True, "return_state": True}
    source, x = given("keras", layer, shown, dtype="float32"), random_input()
    attributes = convert.options(layer, source="keras", target="onnx", **shown).arguments
    node = convert.weights(layer, source.arrays, source="keras", target="onnx", **shown)
    folder.mkdir()
    case = {"layer": layer, "arrays": len(node), "attributes": {**attributes, "hidden_size": SIZES.units}}
    (folder / "case.json").write_text(json.dumps(case))
    np.save(folder / "x.npy", x.swapaxes(0, 1))
    for k, array in enumerate(node):
        np.save(folder / f"{k}.npy", array)
    return the_layer("keras", layer, shown), Tensors(tuple(source.arrays), x)


def test_keras_to_onnx(tmp_path: Path) -> None:
    """ONNX Runtime on converted weights returns what Keras must, within the bound of float32."""
    interpreter, cases = onnx_runtime(), KERAS + ONNX_ONLY
    wanted = [written(tmp_path / f"{k:02}", *case) for k, case in enumerate(cases)]
    script = Path(__file__).parent / "onnx_runtime_worker.py"
    subprocess.run([interpreter, str(script), str(tmp_path)], check=True, timeout=120)
    for k, ((config, tensors), (layer, options)) in enumerate(zip(wanted, cases, strict=True)):
        Y, *finals = (
            np.load(tmp_path / f"{k:02}" / f"{name}.npy") for name in ("Y", "Y_h", "Y_c")[: 2 + (layer == "lstm")]
        )
        sequence = Y.transpose(2, 0, 1, 3).reshape(SIZES.batch, SIZES.timesteps, -1)
        sequence = sequence[:, ::-1] if options.get("go_backwards") else sequence
        attributes = convert.options(layer, source="keras", target="onnx", **options).options
        states = convert.states(layer, finals, source="onnx", target="keras", **attributes)
        for got, output in zip([sequence, *states], expected(config, tensors, ELSEWHERE), strict=True):
            assert output.value is not None
            assert (np.abs(got - output.value) <= output.allowed).all(), (layer, options, output.name)
