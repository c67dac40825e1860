"""A small LSTM in NumPy that follows the Keras dialect, with one planted mistake: what `rnn-conformance demo` examines.

Run by path: `python demo_layers.py`. The mistake is in `DemoLSTM.step`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

if TYPE_CHECKING:
    from conformance.adapters import serve, terms
else:
    import serve
    import terms

Array = np.ndarray

OPTIONS: Dict[str, List[Any]] = {
    "dtype": ["float32", "float64"],
    "bidirectional": [False],
    "return_sequences": [False, True],
    "return_state": [False, True],
    "go_backwards": [False, True],
    "use_bias": [True, False],
    "activation": ["tanh"],
    "recurrent_activation": ["sigmoid"],
    "unit_forget_bias": [True, False],
    "unroll": [False],
    "zero_output_for_mask": [False],
    "mask": ["none"],
    "initial_state": [False, True],
}


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), in the type of x."""
    with np.errstate(over="ignore"):
        one: Array = x.dtype.type(1) / (1 + np.exp(-x))
        return one


class DemoLSTM:
    """An LSTM; weights are kernel (features, 4 units), recurrent kernel (units, 4 units) and bias (4 units)."""

    def __init__(self, options: Dict[str, Any], sizes: Dict[str, int]) -> None:
        self.options = options
        self.units = sizes["units"]
        self.features = sizes["features"]
        self.arrays: List[Array] = []

    def build(self) -> None:
        dtype = np.dtype(self.options["dtype"])
        self.arrays = [np.zeros((rows, 4 * self.units), dtype) for rows in (self.features, self.units)]
        if self.options["use_bias"]:
            bias = np.zeros(4 * self.units, dtype)
            if self.options["unit_forget_bias"]:
                bias[self.units : 2 * self.units] = 1
            self.arrays.append(bias)

    def weights(self) -> terms.Named:
        return list(zip(("kernel", "recurrent_kernel", "bias"), self.arrays))

    def set_weights(self, arrays: Sequence[Array]) -> None:
        self.arrays = list(arrays)

    def step(self, x: Array, h: Array, c: Array) -> Tuple[Array, Array]:
        """The next h and c, each (batch, units)."""
        kernel, recurrent_kernel, *bias = self.arrays
        blocks = x @ kernel + h @ recurrent_kernel + (bias[0] if bias else 0)
        i, f, o, g = np.split(blocks, 4, axis=1)  # the mistake: the blocks of Keras are i, f, g, o
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    def call(self, _mode: str, inputs: terms.Inputs) -> Any:
        x = inputs.x
        if x.ndim != 3:
            raise ValueError("expected an input of 3 dimensions, not %d" % x.ndim)
        zeros = np.zeros((x.shape[0], self.units), x.dtype)
        h, c = inputs.initial_state or (zeros, zeros)
        steps = range(x.shape[1])
        sequence = []
        for t in reversed(steps) if self.options["go_backwards"] else steps:
            h, c = self.step(x[:, t], h, c)
            sequence.append(h)
        output = np.stack(sequence, axis=1) if self.options["return_sequences"] else h
        return (output, h, c) if self.options["return_state"] else output

    def reset(self) -> None:
        raise ValueError("it keeps no states")

    def unpack(self, _value: Any) -> Optional[List[Any]]:
        return None


class Demo:
    """The adapter."""

    def describe(self) -> Dict[str, Any]:
        return {
            "dialect": "keras",
            "versions": {"demo": "1", "numpy": np.__version__},
            "environment": {**serve.common_environment(), "device": "cpu"},
            "capabilities": {"layers": ["lstm"], "options": OPTIONS, "modes": ["eager"]},
        }

    def construct(
        self, layer: str, options: Dict[str, Any], sizes: Dict[str, int], arguments: Dict[str, Any]
    ) -> DemoLSTM:
        if layer != "lstm":
            raise ValueError("there is no layer %r" % layer)
        given = {"units": sizes["units"], **options, **arguments}
        if given.pop("units") < 1:
            raise ValueError("units must be positive")
        for name, value in given.items():
            if value not in OPTIONS.get(name, []):
                raise ValueError("%s=%r is not supported" % (name, value))
        return DemoLSTM(options, sizes)

    def tensor(self, array: Array) -> Array:
        return array

    def array(self, value: Any) -> Optional[Array]:
        return value if isinstance(value, np.ndarray) else None


if __name__ == "__main__":
    serve.without_siblings()
    sys.exit(serve.serve(Demo))
