"""A worker in one file: wraps any Python function as an LSTM that the suite can examine; uses nothing of ours.

    rnn-conformance doctor "cmd:python harness.py"
    rnn-conformance run "cmd:python harness.py" --only layer=lstm
    rnn-conformance run "cmd:python harness.py --fault swap-gates" --only layer=lstm   (a planted mistake, to be found)

To examine your own code, put it in place of `lstm` and claim in `OPTIONS` what it can do. The protocol is described in
docs/protocol.md. Needs NumPy.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, BinaryIO

import numpy as np

Arrays = dict[str, np.ndarray]
Answer = tuple[dict[str, Any], Arrays]

SWAP_GATES = sys.argv[1:] == ["--fault", "swap-gates"]

OPTIONS: dict[str, list[Any]] = {
    "dtype": ["float32", "float64"],
    "bidirectional": [False],
    "return_sequences": [False, True],
    "return_state": [False, True],
    "go_backwards": [False],
    "use_bias": [True, False],
    "activation": ["tanh"],
    "recurrent_activation": ["sigmoid"],
    "unit_forget_bias": [True, False],
    "unroll": [False],
    "zero_output_for_mask": [False],
    "mask": ["none"],
    "initial_state": [False, True],
}


# ---------------------------------------------------------------- what is examined


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x))."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def lstm(x: np.ndarray, weights: list[np.ndarray], h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, ...]:
    """A Keras LSTM: x is (batch, timesteps, features), h and c are (batch, units).

    Returns the outputs of all steps (batch, timesteps, units), and the last h and c.
    """
    kernel, recurrent_kernel, *bias = weights
    sequence = []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent_kernel + (bias[0] if bias else 0), 4, axis=1)
        if SWAP_GATES:
            g, o = o, g
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        sequence.append(h)
    return np.stack(sequence, axis=1), h, c


# ---------------------------------------------------------------- the layer around it


class Layer:
    """Options, weights and the last kept call."""

    def __init__(self, request: dict[str, Any]) -> None:
        given = {"units": request["sizes"]["units"], **request["options"], **request["arguments"]}
        self.units = given.pop("units")
        self.options = given
        self.kept: Arrays | None = None
        if self.units < 1:
            raise ValueError("units must be positive")
        for name, value in given.items():
            if value not in OPTIONS.get(name, []):
                raise ValueError(f"{name}={value!r} is not supported")
        features, width, dtype = request["sizes"]["features"], 4 * self.units, given["dtype"]
        self.weights = [np.zeros((features, width), dtype), np.zeros((self.units, width), dtype)]
        if given["use_bias"]:
            bias = np.zeros(width, dtype)
            bias[self.units : 2 * self.units] = given["unit_forget_bias"]
            self.weights.append(bias)

    def call(self, x: np.ndarray, states: list[np.ndarray]) -> list[np.ndarray]:
        """The outputs that the options ask for."""
        if x.ndim != 3:
            raise ValueError(f"expected an input of 3 axes, not {x.ndim}")
        h, c = states or [np.zeros((x.shape[0], self.units), x.dtype) for _ in range(2)]
        sequence, h, c = lstm(x, self.weights, h, c)
        output = sequence if self.options["return_sequences"] else h
        return [output, h, c] if self.options["return_state"] else [output]


# ---------------------------------------------------------------- requests


class Harness:
    """Answers requests; `stage` is where an error would be."""

    def __init__(self) -> None:
        self.layers: dict[int, Layer] = {}
        self.stage = "adapter"

    def hello(self, _request: dict[str, Any], _arrays: Arrays) -> Answer:
        """What can you do?"""
        capabilities = {"layers": ["lstm"], "options": OPTIONS, "modes": ["eager"]}
        versions = {"harness.py": "1", "numpy": np.__version__}
        environment = {"device": "cpu", "language": "Python"}
        said = {"protocol": 1, "dialect": "keras", "versions": versions, "environment": environment}
        return {**said, "capabilities": capabilities}, {}

    def build(self, request: dict[str, Any], _arrays: Arrays) -> Answer:
        """Make a layer."""
        self.stage = "construct"
        layer = self.layers[request["handle"]] = Layer(request)
        return {"weights": ["kernel", "recurrent_kernel", "bias"][: len(layer.weights)]}, named(
            "weights", layer.weights
        )

    def call(self, request: dict[str, Any], arrays: Arrays) -> Answer:
        """Call a layer."""
        layer = self.layers[request["handle"]]
        layer.weights = listed("weights", arrays) or layer.weights
        self.stage = "call"
        states = listed("initial_state", arrays)
        outputs = layer.call(arrays["x"], states)
        if request.get("keep"):
            layer.kept = {"x": arrays["x"], **named("initial_state", states), **named("outputs", outputs)}
        structure = {"tuple": list(range(len(outputs)))} if len(outputs) > 1 else 0
        return {"structure": structure, "seconds": 0}, named("outputs", outputs)

    def recall(self, request: dict[str, Any], _arrays: Arrays) -> Answer:
        """What did the last kept call get and give, as it is now?"""
        layer = self.layers[request["handle"]]
        if layer.kept is None:
            raise ValueError("no call was kept")
        return {}, {**layer.kept, **named("weights", layer.weights)}

    def release(self, request: dict[str, Any], _arrays: Arrays) -> Answer:
        """Forget a layer."""
        self.layers.pop(request["handle"], None)
        return {}, {}

    def answer(self, request: dict[str, Any], arrays: Arrays) -> Answer:
        """The answer to any request; errors become answers too."""
        self.stage = "adapter"
        operations = {f.__name__: f for f in (self.hello, self.build, self.call, self.recall, self.release)}
        try:
            fields, result = operations[request["op"]](request, arrays)
        except Exception as error:
            bases = [base.__name__ for base in type(error).__mro__ if base is not object]
            told = {"type": bases[0], "bases": bases, "message": str(error)}
            return {"id": request["id"], "ok": False, "stage": self.stage, "error": told}, {}
        return {"id": request["id"], "ok": True, **fields}, result


def named(name: str, arrays: list[np.ndarray]) -> Arrays:
    """Arrays under `name.0`, `name.1`, ...."""
    return {f"{name}.{index}": array for index, array in enumerate(arrays)}


def listed(name: str, arrays: Arrays) -> list[np.ndarray]:
    """The inverse of `named`."""
    return [arrays[key] for key in (f"{name}.{index}" for index in range(len(arrays))) if key in arrays]


# ---------------------------------------------------------------- messages: a line of JSON, then the bytes of arrays


def read(stream: BinaryIO) -> Answer | None:
    """The next request, or None at the end."""
    line = stream.readline()
    if not line:
        return None
    request = json.loads(line)
    arrays = {}
    for entry in request.pop("arrays", []):
        flat = np.frombuffer(bytearray(stream.read(entry["nbytes"])), entry["dtype"])
        arrays[entry["name"]] = flat.reshape(entry["shape"])
    return request, arrays


def write(stream: BinaryIO, fields: dict[str, Any], arrays: Arrays) -> None:
    """Send an answer."""
    entries = [
        {"name": name, "dtype": str(array.dtype), "shape": array.shape, "nbytes": array.nbytes}
        for name, array in arrays.items()
    ]
    stream.write(json.dumps({**fields, "arrays": entries}).encode() + b"\n")
    for array in arrays.values():
        stream.write(array.tobytes())
    stream.flush()


def main() -> None:
    """Answer until there are no more requests."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever the examined code prints goes to standard error
    harness = Harness()
    while (message := read(requests)) is not None and message[0]["op"] != "quit":
        write(answers, *harness.answer(*message))


if __name__ == "__main__":
    main()
