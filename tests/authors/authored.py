"""Layers as authors write them, right and wrong, for the tests of this folder. Needs NumPy alone."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np

Array = np.ndarray
PLAIN = {"return_sequences": [False, True], "return_state": [False, True], "go_backwards": [False, True]}
EVERY_MASK = ["none", "right", "left", "gaps", "full_rows"]


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


class RightLSTM:
    """A right LSTM of the Keras dialect in NumPy."""

    layers: ClassVar = ["lstm"]
    dtypes: ClassVar = ["float32", "float64"]
    options: ClassVar = {**PLAIN, "use_bias": [True, False], "mask": EVERY_MASK, "initial_state": [False, True]}

    def __init__(self, config: dict[str, Any], weights: list[Array]) -> None:
        self.config = config
        self.kernel, self.recurrent_kernel, *self.bias = weights

    def step(self, x: Array, h: Array, c: Array) -> tuple[Array, Array]:
        z = x @ self.kernel + h @ self.recurrent_kernel + (self.bias[0] if self.bias else 0)
        i, f, g, o = np.split(z, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    def __call__(self, x: Array, mask: Array | None = None, initial_state: list[Array] | None = None) -> Any:
        zeros = np.zeros((len(x), self.config["units"]), x.dtype)
        h, c = initial_state or (zeros, zeros)
        steps = range(x.shape[1])
        sequence = []
        for t in reversed(steps) if self.config["go_backwards"] else steps:
            new_h, new_c = self.step(x[:, t], h, c)
            if mask is not None:
                keep = mask[:, t, None]
                new_h, new_c = np.where(keep, new_h, h), np.where(keep, new_c, c)
            h, c = new_h, new_c
            sequence.append(h)
        output = np.stack(sequence, axis=1) if self.config["return_sequences"] else h
        return (output, h, c) if self.config["return_state"] else output


class SwappedGates(RightLSTM):
    """Reads the blocks i, f, g, o in the order i, f, o, g."""

    def __init__(self, config: dict[str, Any], weights: list[Array]) -> None:
        blocks = (np.split(weight, 4, axis=-1) for weight in weights)
        super().__init__(config, [np.concatenate([i, f, o, g], axis=-1) for i, f, g, o in blocks])


class IgnoresMask(RightLSTM):
    def __call__(self, x: Array, mask: Array | None = None, initial_state: list[Array] | None = None) -> Any:
        return super().__call__(x, None, initial_state)


class ReturnsList(RightLSTM):
    def __call__(self, x: Array, mask: Array | None = None, initial_state: list[Array] | None = None) -> Any:
        result = super().__call__(x, mask, initial_state)
        return list(result) if isinstance(result, tuple) else result


class KeepsBuffer(RightLSTM):
    """Gives the same memory away again and again."""

    buffers: ClassVar[dict[Any, Array]] = {}

    def __call__(self, x: Array, mask: Array | None = None, initial_state: list[Array] | None = None) -> Any:
        result = super().__call__(x, mask, initial_state)
        if isinstance(result, tuple):
            return result
        buffer = self.buffers.setdefault((result.shape, result.dtype), result)
        buffer[...] = result
        return buffer


class ScalesInput(RightLSTM):
    """Works in place, on what it was given."""

    def __call__(self, x: Array, mask: Array | None = None, initial_state: list[Array] | None = None) -> Any:
        result = super().__call__(x, mask, initial_state)
        x *= 2
        return result


GENERATOR = np.random.default_rng(1)


class OwnWeights(RightLSTM):
    """Makes its weights itself, and tells and takes them."""

    initial_weights: ClassVar = True

    def __init__(self, config: dict[str, Any], weights: list[Array] | None) -> None:
        units, features, dtype = config["units"], config["features"], config["dtype"]
        bias = np.zeros(4 * units, dtype)
        bias[units : 2 * units] = 1
        limit = np.sqrt(6 / (features + 4 * units))
        kernel = GENERATOR.uniform(-limit, limit, (features, 4 * units)).astype(dtype)
        orthogonal = np.linalg.qr(GENERATOR.standard_normal((4 * units, units)))[0].T.astype(dtype)
        own = [kernel, orthogonal, bias]
        super().__init__(config, (weights or own)[: 3 if config["use_bias"] else 2])

    def get_weights(self) -> list[Array]:
        return [self.kernel, self.recurrent_kernel, *self.bias]

    def set_weights(self, weights: list[Array]) -> None:
        self.kernel, self.recurrent_kernel, *self.bias = weights


class NoForgetBias(OwnWeights):
    def __init__(self, config: dict[str, Any], weights: list[Array] | None) -> None:
        super().__init__(config, weights)
        if weights is None and self.bias:
            self.bias = [np.zeros_like(self.bias[0])]


class Strict(RightLSTM):
    """Refuses what must be refused."""

    rejections: ClassVar = True
    known: ClassVar = {"layer", "units", "features", "dtype", "bidirectional", "unroll", "zero_output_for_mask"}
    known |= {*PLAIN, "use_bias", "activation", "recurrent_activation", "unit_forget_bias"}

    def __init__(self, config: dict[str, Any], weights: list[Array]) -> None:
        super().__init__(config, weights)
        if config["units"] < 1 or set(config) - self.known:
            raise ValueError("units below 1, or an unknown argument")
        if (config["activation"], config["recurrent_activation"]) != ("tanh", "sigmoid"):
            raise ValueError("an unknown activation")
        if config["dtype"] not in ("float32", "float64", "float16", "bfloat16"):
            raise ValueError("an unknown type")

    def __call__(self, x: Array, mask: Array | None = None, initial_state: list[Array] | None = None) -> Any:
        if x.ndim != 3:
            raise ValueError("an input of three axes is expected")
        return super().__call__(x, mask, initial_state)


class OneByOne(RightLSTM):
    """Takes one sequence at a time, no mask, single precision only."""

    dtypes: ClassVar = ["float32"]
    sizes: ClassVar = {"batch": [1]}
    options: ClassVar = {**PLAIN, "initial_state": [False, True]}

    def __call__(self, x: Array, initial_state: list[Array] | None = None) -> Any:
        if len(x) != 1 or x.dtype != np.float32:
            raise ValueError("one sequence of float32 is all that works")
        return super().__call__(x, None, initial_state)


def simple_rnn(config: dict[str, Any], weights: list[Array], x: Array) -> Array:
    """A Keras SimpleRNN as a function; takes neither mask nor states."""
    kernel, recurrent_kernel, bias = weights
    h = np.zeros((len(x), config["units"]), x.dtype)
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ kernel + h @ recurrent_kernel + bias)
    return h


class TorchRNN:
    """A one-layer RNN of the PyTorch dialect, with batched, unbatched and packed input."""

    options: ClassVar = {
        "batch_first": [False, True],
        "input": ["batched", "unbatched", "packed", "packed_unsorted"],
        "hx": [False, True],
    }
    pad_to_longest = True

    def __init__(self, config: dict[str, Any], weights: list[Array]) -> None:
        self.units, self.batch_first = config["hidden_size"], config["batch_first"]
        self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh = weights

    def __call__(self, x: Array, lengths: Array | None = None, initial_state: list[Array] | None = None) -> Any:
        if x.ndim == 2:
            states = None if initial_state is None else [initial_state[0][:, None]]
            output, h = self.run(x[:, None], None, states)
            return output[:, 0], h[:, 0]
        output, h = self.run(x.swapaxes(0, 1) if self.batch_first else x, lengths, initial_state)
        return (output.swapaxes(0, 1) if self.batch_first else output), h

    def run(self, x: Array, lengths: Array | None, initial_state: list[Array] | None) -> tuple[Array, Array]:
        """Output (time, batch, units) padded to the longest sequence, and h_n (1, batch, units)."""
        steps, batch, _ = x.shape
        lengths = np.full(batch, steps) if lengths is None else lengths
        h = np.zeros((batch, self.units), x.dtype) if initial_state is None else initial_state[0][0]
        output = np.zeros((lengths.max() if self.pad_to_longest else steps, batch, self.units), x.dtype)
        for t in range(lengths.max()):
            running = (t < lengths)[:, None]
            new = np.tanh(x[t] @ self.weight_ih.T + self.bias_ih + h @ self.weight_hh.T + self.bias_hh)
            h = np.where(running, new, h)
            output[t] = np.where(running, new, 0)
        return output, copy.copy(h[None])


class PadsTooFar(TorchRNN):
    pad_to_longest = False
