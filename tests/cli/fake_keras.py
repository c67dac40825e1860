"""As much of Keras as exported scripts use, over the NumPy implementation of the tests.

SHIFTED=1 in the environment makes it wrong.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "workers" / "fakes"))
import numpy_layers
import terms

DEFAULTS = {
    "dtype": "float32",
    "bidirectional": False,
    "merge_mode": "concat",
    "return_sequences": False,
    "return_state": False,
    "go_backwards": False,
    "use_bias": True,
    "activation": "tanh",
    "unroll": False,
    "zero_output_for_mask": False,
}
OF_LAYER: dict[str, dict[str, Any]] = {
    "simple_rnn": {},
    "lstm": {"recurrent_activation": "sigmoid", "unit_forget_bias": True},
    "gru": {"recurrent_activation": "sigmoid", "reset_after": True},
}


class Layer:
    def __init__(self, name: str, units: int, **options: Any) -> None:
        known = {**DEFAULTS, **OF_LAYER[name]}
        numpy_layers.KerasDialect().check(name, known, {"units": units}, options)
        self.name, self.units, self.options = name, units, {**known, **options}

    def build(self, shape: tuple[int, ...]) -> None:
        sizes = {"features": shape[-1], "units": self.units}
        self.living = numpy_layers.KerasLayer(self.name, self.options, sizes)
        self.living.build()

    def set_weights(self, arrays: list[np.ndarray]) -> None:
        self.living.set_weights(arrays)

    def __call__(self, x: np.ndarray, mask: Any = None, initial_state: Any = None) -> Any:
        if x.ndim != 3:
            raise ValueError("expected ndim=3")
        result = flatten(self.living.call("eager", terms.Inputs(x, mask, None, initial_state)))
        shift = 0.5 if os.environ.get("SHIFTED") else 0
        return [(array + shift).astype(array.dtype) for array in result]


class Bidirectional(Layer):
    def __init__(self, layer: Layer, merge_mode: str | None = "concat", **options: Any) -> None:
        wrapped = {**layer.options, **options, "bidirectional": True, "merge_mode": str(merge_mode)}
        super().__init__(layer.name, layer.units, **wrapped)


def flatten(value: Any) -> list[np.ndarray]:
    return list(value) if isinstance(value, (tuple, list)) else [value]


layers = SimpleNamespace(
    SimpleRNN=lambda **options: Layer("simple_rnn", **options),
    LSTM=lambda **options: Layer("lstm", **options),
    GRU=lambda **options: Layer("gru", **options),
    Bidirectional=Bidirectional,
)
tree = SimpleNamespace(flatten=flatten)
ops = SimpleNamespace(convert_to_numpy=np.asarray, array=np.array)
