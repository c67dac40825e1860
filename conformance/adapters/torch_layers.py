"""The worker for torch.nn.RNN, GRU and LSTM.

Run by path: `python torch_layers.py [--replace LSTM=package.module:Class ...]`.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence

import numpy as np

if TYPE_CHECKING or __package__:
    from conformance.adapters import serve
else:
    import serve

CLASSES = {"simple_rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}

CONSTRUCTOR = ("num_layers", "bidirectional", "batch_first", "bias", "nonlinearity", "proj_size")

OPTIONS: Dict[str, List[Any]] = {
    "dtype": ["float32", "float64"],
    "num_layers": [1, 2, 3],
    "bidirectional": [False, True],
    "batch_first": [False, True],
    "bias": [True, False],
    "nonlinearity": ["tanh", "relu"],
    "proj_size": [0, 1, 2, 3],
    "input": ["batched", "unbatched", "packed", "packed_unsorted"],
    "hx": [False, True],
}


class TorchLayer:
    """A module, called the way its options say."""

    def __init__(self, torch: Any, module: Any, options: Dict[str, Any]) -> None:
        self.torch = torch
        self.module = module.eval()
        self.packing = options["input"] in ("packed", "packed_unsorted")
        self.sorted = options["input"] == "packed"
        self.batch_first = options["batch_first"]

    def build(self) -> None:
        """Nothing: a module has its parameters from the start."""

    def weights(self) -> serve.Named:
        return [(name, parameter.detach().numpy()) for name, parameter in self.module.named_parameters()]

    def set_weights(self, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
        parameters = list(self.module.parameters())
        shapes = [tuple(parameter.shape) for parameter in parameters]
        if shapes != [array.shape for array in arrays]:
            raise ValueError("its parameters have shapes %s, not %s" % (shapes, [array.shape for array in arrays]))
        with self.torch.no_grad():
            for parameter, array in zip(parameters, arrays):
                parameter.copy_(self.torch.from_numpy(array))

    def call(self, mode: str, inputs: serve.Inputs) -> Any:
        if mode != "eager":
            raise ValueError("there is no mode %r" % mode)
        with self.torch.no_grad():
            x = self._pack(inputs) if self.packing else inputs.x
            if inputs.initial_state is None:
                return self.module(x)
            states = inputs.initial_state
            return self.module(x, states[0] if len(states) == 1 else tuple(states))

    def unpack(self, value: Any) -> Optional[List[Any]]:
        utilities = self.torch.nn.utils.rnn
        if not isinstance(value, utilities.PackedSequence):
            return None
        padded, lengths = utilities.pad_packed_sequence(value, batch_first=self.batch_first)
        return [value.data, value.batch_sizes, padded, lengths]

    def _pack(self, inputs: serve.Inputs) -> Any:
        return self.torch.nn.utils.rnn.pack_padded_sequence(
            inputs.x, inputs.lengths, batch_first=self.batch_first, enforce_sorted=self.sorted
        )


class Torch:
    """The framework.

    Args:
        replacements: class name -> class to use in its place.
    """

    def __init__(self, torch: Any, replacements: Dict[str, Any]) -> None:
        self.torch = torch
        self.classes = {layer: replacements.get(name, getattr(torch.nn, name)) for layer, name in CLASSES.items()}

    def describe(self) -> Dict[str, Any]:
        return {
            "dialect": "torch",
            "versions": {"torch": self.torch.__version__, "numpy": np.__version__},
            "environment": {
                **serve.common_environment(),
                "device": "cpu",
                "threads": str(self.torch.get_num_threads()),
            },
            "capabilities": {"layers": list(CLASSES), "options": OPTIONS, "modes": ["eager"]},
        }

    def construct(
        self, layer: str, options: Dict[str, Any], sizes: Dict[str, int], arguments: Dict[str, Any]
    ) -> TorchLayer:
        given = {name: options[name] for name in CONSTRUCTOR if name in options}
        given.update(
            input_size=sizes["features"], hidden_size=sizes["units"], dtype=getattr(self.torch, options["dtype"])
        )
        given.update(arguments)
        return TorchLayer(self.torch, self.classes[layer](**given), options)

    def tensor(self, array: np.ndarray[Any, Any]) -> Any:
        return self.torch.from_numpy(array)

    def array(self, value: Any) -> Optional[np.ndarray[Any, Any]]:
        if not isinstance(value, self.torch.Tensor):
            return None
        try:
            return np.asarray(value.detach().cpu().resolve_conj().resolve_neg().numpy())
        except TypeError:  # a type that NumPy does not have
            return None


def load() -> Torch:
    """Import PyTorch, on one CPU thread."""
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    import torch

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    return Torch(torch, serve.replacements(sys.argv[1:]))


if __name__ == "__main__":
    serve.without_siblings()
    sys.exit(serve.serve(load))
