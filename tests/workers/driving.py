"""Helpers for the tests of workers: what to start, and the requests that an engine sends."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.engine.implementations import Launch, resolve
from conformance.engine.worker import Limits, Message, Worker
from conformance.spec import Array, LayerConfig, Sizes, Tensors, Value, initial_states, outputs, weights

FAKES = Path(__file__).parent / "fakes"
QUICK = Limits(seconds=20, start_seconds=20)
SIZES = Sizes(batch=2, timesteps=4, features=3, units=5)
FRAMEWORKS = {
    "keras:tensorflow": ("RNN_CONFORMANCE_TEST_PYTHON_TENSORFLOW", ("tensorflow", "keras")),
    "keras:torch": ("RNN_CONFORMANCE_TEST_PYTHON_KERAS_TORCH", ("torch", "keras")),
    "keras:jax": ("RNN_CONFORMANCE_TEST_PYTHON_JAX", ("jax", "keras")),
    "torch": ("RNN_CONFORMANCE_TEST_PYTHON_TORCH", ("torch",)),
}
"""Implementation -> the variable that names an interpreter to test it with, and the modules that it needs."""


def fake(script: str, *arguments: str) -> Launch:
    """A script of tests/workers/fakes, with this interpreter."""
    return Launch(f"fake:{script}", (sys.executable, str(FAKES / script), *arguments))


def faulty(name: str, limits: Limits = QUICK) -> Worker:
    """The NumPy implementation of Keras with a planted fault."""
    return Worker(fake("faults.py", "keras", "--fault", name), limits)


def framework(name: str) -> Launch:
    """An implementation with the interpreter that the environment names, or this one; else the test is skipped."""
    variable, modules = FRAMEWORKS[name]
    if path := os.environ.get(variable):
        return resolve(name, {name: path})
    if missing := [module for module in modules if find_spec(module) is None]:
        pytest.skip(f"{' and '.join(missing)} not installed here, and {variable} names no interpreter")
    return resolve(name)


def config(dialect: str = "keras", layer: str = "lstm", sizes: Sizes = SIZES, **options: Value) -> LayerConfig:
    return LayerConfig.of(dialect, layer, options, sizes)


def build(handle: int, wanted: LayerConfig, **arguments: Any) -> dict[str, Any]:
    """A request to build."""
    said = wanted.canonical()
    fields = {name: said[name] for name in ("layer", "options", "sizes")}
    return {"op": "build", "handle": handle, "arguments": arguments, **fields}


def call(handle: int, *, mode: str = "eager", keep: bool = False) -> dict[str, Any]:
    """A request to call."""
    return {"op": "call", "handle": handle, "mode": mode, "keep": keep}


def arrays(given: Tensors) -> dict[str, Array]:
    """Tensors by their names on the wire."""
    single = {"x": given.x, "mask": given.mask, "lengths": given.lengths}
    named = {name: array for name, array in single.items() if array is not None}
    for name, several in (("weights", given.weights), ("initial_state", given.initial_state or ())):
        named |= {f"{name}.{index}": array for index, array in enumerate(several)}
    return named


def some_tensors(wanted: LayerConfig, seed: int = 0) -> Tensors:
    """Ordinary tensors for a configuration; its mask or lengths leave out the end of the first row."""
    draw, sizes = np.random.default_rng(seed), wanted.sizes

    def normal(shape: tuple[int, ...]) -> Array:
        return draw.normal(scale=0.5, size=shape).astype(wanted.dtype)

    kind = wanted.get("input", "keras")
    shape = (sizes.batch, sizes.timesteps, sizes.features)
    if kind == "unbatched":
        shape = shape[1:]
    elif wanted.get("time_major") or (kind != "keras" and not wanted.get("batch_first")):
        shape = (sizes.timesteps, sizes.batch, sizes.features)
    mask = np.ones((sizes.batch, sizes.timesteps), bool)
    mask[0, -1] = False
    lengths = np.full(sizes.batch, sizes.timesteps)
    lengths[0 if kind == "packed_unsorted" else -1] -= 1
    return Tensors(
        weights=tuple(normal(weight.shape) for weight in weights(wanted)),
        x=normal(shape),
        mask=mask if wanted.get("mask", "none") != "none" else None,
        lengths=lengths if str(kind).startswith("packed") else None,
        initial_state=tuple(normal(state.shape) for state in initial_states(wanted)) if _states_given(wanted) else None,
    )


def ask(worker: Worker, request: Mapping[str, Any], given: Mapping[str, Array] | None = None) -> Message:
    """Send one request and wait for the answer."""
    worker.send(request, given)
    return worker.receive()


def results(answer: Message) -> list[Array]:
    """The outputs of a call."""
    assert answer.header["ok"], answer.header
    return [answer.arrays[f"outputs.{index}"] for index in range(len(answer.arrays))]


def promised(wanted: LayerConfig, given: Tensors) -> list[tuple[tuple[int, ...], str]]:
    """Shape and type of each output, as the specification promises them."""
    lengths = None if given.lengths is None else given.lengths.tolist()
    return [(output.shape, output.dtype) for output in outputs(wanted, lengths)]


def _states_given(wanted: LayerConfig) -> bool:
    return bool(wanted.get("initial_state") or wanted.get("hx"))
