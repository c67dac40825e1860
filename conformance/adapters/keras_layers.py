"""The worker for the recurrent layers of Keras 3.

Run by path: `python keras_layers.py tensorflow|torch|jax [--replace LSTM=package.module:Class ...]`.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence

import numpy as np

if TYPE_CHECKING or __package__:
    from conformance.adapters import keras_backends, serve
else:
    import keras_backends
    import serve

CLASSES = {"simple_rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}

ACTIVATIONS = ["tanh", "sigmoid", "relu", "linear", "hard_sigmoid"]

CONSTRUCTOR: Dict[str, List[Any]] = {
    "return_sequences": [False, True],
    "return_state": [False, True],
    "go_backwards": [False, True],
    "use_bias": [True, False],
    "activation": ACTIVATIONS,
    "recurrent_activation": ["sigmoid", "tanh", "relu", "linear", "hard_sigmoid"],
    "unit_forget_bias": [True, False],
    "reset_after": [True, False],
    "unroll": [False, True],
    "zero_output_for_mask": [False, True],
}

OPTIONS: Dict[str, List[Any]] = {
    "dtype": ["float32", "float64"],
    "bidirectional": [False, True],
    "merge_mode": ["concat", "sum", "mul", "ave", "None"],
    **CONSTRUCTOR,
    "mask": ["none", "right", "left", "gaps", "full_rows"],
    "initial_state": [False, True],
}

# The values of the kernels are always set before they count, and zeros need no random generator to be compiled.
# The bias keeps its default, so that its initial value can be seen.
INITIALIZERS = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}


class KerasLayer:
    """A layer, possibly in `Bidirectional`, called the way its options say."""

    def __init__(
        self, backend: keras_backends.Backend, layer: Any, options: Dict[str, Any], sizes: Dict[str, int]
    ) -> None:
        self.backend = backend
        self.layer = layer
        self.bidirectional = options["bidirectional"]
        self.unroll = options["unroll"]
        self.input_shape = (sizes["batch"], sizes["timesteps"], sizes["features"])
        self.compiled: Dict[Any, Callable[[serve.Inputs], Any]] = {}

    def build(self) -> None:
        self.layer.build(self.input_shape)

    def weights(self) -> serve.Named:
        names = [self._name(variable) for variable in self.layer.weights]
        return list(zip(names, self.layer.get_weights()))

    def set_weights(self, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
        self.layer.set_weights(list(arrays))

    def call(self, mode: str, inputs: serve.Inputs) -> Any:
        if mode == "eager":
            return self.backend.eager(self.layer, inputs)
        if mode not in self.backend.modes:
            raise ValueError("there is no mode %r" % mode)
        key = self.backend.key(inputs, self.unroll)
        if key not in self.compiled:
            self.compiled[key] = self.backend.graph(self.layer, inputs, self.unroll)
        return self.compiled[key](inputs)

    def unpack(self, _value: Any) -> Optional[List[Any]]:
        return None

    def _name(self, variable: Any) -> str:
        """The variable's name, with the direction that its path tells."""
        name = str(variable.name)
        path = str(variable.path).split("/")
        directions = [d for d in ("forward_", "backward_") if any(part.startswith(d) for part in path)]
        return directions[0] + name if self.bidirectional and directions else name


class Keras:
    """The framework on one of its backends.

    Args:
        replacements: class name -> class to use in its place.
    """

    def __init__(self, keras: Any, backend: keras_backends.Backend, replacements: Dict[str, Any]) -> None:
        self.keras = keras
        self.backend = backend
        self.classes = {layer: replacements.get(name, getattr(keras.layers, name)) for layer, name in CLASSES.items()}

    def describe(self) -> Dict[str, Any]:
        return {
            "dialect": "keras",
            "versions": {"keras": self.keras.__version__, **self.backend.versions(), "numpy": np.__version__},
            "environment": {**serve.common_environment(), "device": "cpu", "threads": "1"},
            "capabilities": {"layers": list(CLASSES), "options": OPTIONS, "modes": list(self.backend.modes)},
        }

    def construct(
        self, layer: str, options: Dict[str, Any], sizes: Dict[str, int], arguments: Dict[str, Any]
    ) -> KerasLayer:
        dtype = {"dtype": options["dtype"]}
        given = {name: options[name] for name in CONSTRUCTOR if name in options}
        inner = {"units": sizes["units"], **INITIALIZERS, **dtype, **given}
        wrapper = {**dtype, "merge_mode": options.get("merge_mode")}
        for name, value in arguments.items():
            target = wrapper if options["bidirectional"] and name in wrapper else inner
            target[name] = value
        made = self.classes[layer](**inner)
        if options["bidirectional"]:
            mode = wrapper.pop("merge_mode")
            made = self.keras.layers.Bidirectional(made, merge_mode=None if mode == "None" else mode, **wrapper)
        return KerasLayer(self.backend, made, options, sizes)

    def tensor(self, array: np.ndarray[Any, Any]) -> Any:
        return self.backend.tensor(array)

    def array(self, value: Any) -> Optional[np.ndarray[Any, Any]]:
        return self.backend.array(value)


def load() -> Keras:
    """Import Keras on the backend that the first argument names."""
    if len(sys.argv) < 2 or sys.argv[1] not in keras_backends.BACKENDS:
        raise ValueError("the first argument must be one of " + ", ".join(keras_backends.BACKENDS))
    make = keras_backends.BACKENDS[sys.argv[1]]
    os.environ["KERAS_BACKEND"] = sys.argv[1]
    backend = make()
    import keras

    if keras.backend.backend() != sys.argv[1]:
        raise ValueError("Keras runs on %s, not on %s" % (keras.backend.backend(), sys.argv[1]))
    return Keras(keras, backend, serve.replacements(sys.argv[2:]))


if __name__ == "__main__":
    serve.without_siblings()
    sys.exit(serve.serve(load))
