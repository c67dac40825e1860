"""The worker for torch.nn.RNN, GRU and LSTM.

Run by path: `python torch_layers.py [--replace LSTM=PLACE [--claims JSON]]`. What is built, also where a class
takes the place of a module or cell of PyTorch, is told in torch_replaced.py.
"""

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Optional, Sequence

import numpy as np

if TYPE_CHECKING or __package__:
    from conformance.adapters import (
        serve,
        sources,
        terms,
        torch_arrays,
        torch_calls,
        torch_declared,
        torch_gradients,
        torch_onnx,
        torch_parts,
        torch_quantized,
        torch_replaced,
        torch_routes,
    )
else:
    import serve
    import sources
    import terms
    import torch_arrays
    import torch_calls
    import torch_declared
    import torch_gradients
    import torch_onnx
    import torch_parts
    import torch_quantized
    import torch_replaced
    import torch_routes

CONSTRUCTOR = ("num_layers", "bidirectional", "batch_first", "bias", "nonlinearity", "proj_size")

OPTIONS: Dict[str, List[Any]] = {
    "dtype": ["float32", "float64", "float16", "bfloat16"],
    "num_layers": [1, 2, 3],
    "bidirectional": [False, True],
    "batch_first": [False, True],
    "bias": [True, False],
    "nonlinearity": ["tanh", "relu"],
    "proj_size": [0, 1, 2, 3],
    "input": ["batched", "unbatched", "packed", "packed_unsorted"],
    "hx": [False, True],
}

FEATURES = (
    "carry",
    "layouts",
    "threads",
    "ownership",
    "mixed",
    "gradients",
    "initial_weights",
    "dropout",
    "train",
    "targets",
)

OWN_FEATURES = (*FEATURES, "curvature")
"""Those of PyTorch's layers: a function of somebody's own may have gradients without gradients of their own."""


class TorchLayer:
    """A module, called the way its options say.

    Args:
        torch: the framework.
        make: gives a module; keywords take the place of arguments of its constructor.
        options: all of them.
        told: whether its weights are told before they are set: what they start with is claimed to be as promised.
    """

    def __init__(self, torch: Any, make: Callable[..., Any], options: Dict[str, Any], told: bool) -> None:
        self.torch = torch
        self.make = make
        self.options = options
        self.told = told
        self.module = make().eval()

    def build(self) -> None:
        """Nothing: a module has its parameters from the start."""

    def weights(self) -> Optional[terms.Named]:
        if not self.told:
            return None
        named = self.module.named_parameters()
        return [(name, torch_arrays.numbers(self.torch, parameter)) for name, parameter in named]

    def set_weights(self, values: Sequence[np.ndarray[Any, Any]]) -> None:
        parameters = list(self.module.parameters())
        shapes = [tuple(parameter.shape) for parameter in parameters]
        if shapes != [value.shape for value in values]:
            raise ValueError("its parameters have shapes %s, not %s" % (shapes, [value.shape for value in values]))
        with self.torch.no_grad():
            for parameter, value in zip(parameters, values):
                parameter.copy_(torch_arrays.tensor_of(self.torch, value))
        self.told = True

    def call(self, mode: str, inputs: terms.Inputs) -> Any:
        with self.torch.no_grad():
            return self._run(mode, inputs)

    def call_in(self, training: bool, seed: Optional[int], inputs: terms.Inputs) -> Any:
        if seed is not None:
            self.torch.manual_seed(seed)
        self.module.train(training)
        try:
            return self.call("eager", inputs)
        finally:
            self.module.eval()

    def gradients(self, mode: str, inputs: terms.Inputs, weighed: terms.Weighed) -> terms.Gradients:
        run, parameters = functools.partial(self._run, mode), list(self.module.parameters())
        return torch_gradients.by_autograd(self.torch, run, inputs, parameters, weighed)

    def curvature(
        self, mode: str, inputs: terms.Inputs, weighed: terms.Weighed, directions: terms.Gradients
    ) -> terms.Gradients:
        run, parameters = functools.partial(self._run, mode), list(self.module.parameters())
        return torch_gradients.by_autograd_twice(self.torch, run, inputs, parameters, weighed, directions)

    def descend(self, inputs: terms.Inputs, descent: terms.Descent) -> Iterable[Sequence[np.ndarray[Any, Any]]]:
        run, parameters = functools.partial(self._run, "eager"), list(self.module.parameters())
        return torch_gradients.by_sgd(self.torch, run, inputs, parameters, descent)

    def declare(self, way: str, inputs: terms.Inputs) -> Any:
        with self.torch.no_grad():
            return torch_declared.declare(way, self._taken_apart(inputs))

    def _taken_apart(self, inputs: terms.Inputs) -> torch_calls.Call:
        x, _, lengths, states = inputs
        return torch_calls.Call(self.torch, self.module, self.make, self.options, x, lengths, states)

    def _run(self, mode: str, inputs: terms.Inputs) -> Any:
        call = self._taken_apart(inputs)
        return call.plain() if mode == "eager" else torch_routes.follow(mode, call)

    def reset(self) -> None:
        raise ValueError("it keeps no states")

    def unpack(self, value: Any) -> Optional[List[Any]]:
        utilities = self.torch.nn.utils.rnn
        if isinstance(value, torch_parts.Taken):
            return list(value)
        if not isinstance(value, utilities.PackedSequence):
            return None
        padded, lengths = utilities.pad_packed_sequence(value, batch_first=self.options["batch_first"])
        return [value.data, value.batch_sizes, padded, lengths]


class Torch:
    """The framework.

    Args:
        torch: the module.
        source: of the layers.
    """

    def __init__(self, torch: Any, source: sources.Source) -> None:
        self.torch = torch
        self.source = source

    def describe(self) -> Dict[str, Any]:
        lacking, version = torch_onnx.missing(), str(self.torch.__version__)
        return {
            "dialect": "torch",
            "versions": {"torch": version, "numpy": np.__version__, **torch_onnx.versions()},
            "environment": {
                **serve.common_environment(),
                "device": "cpu",
                "threads": str(self.torch.get_num_threads()),
                "onnx": "without %s: nothing is exported" % lacking if lacking else "exported, run by ONNX Runtime",
            },
            "capabilities": {
                **self.source.claims.capabilities(["eager"], FEATURES if self.source.classes else OWN_FEATURES),
                "routes": self.routes(),
                "declares": {} if self.source.classes else torch_declared.offered(version),
                "runtimes": {} if self.source.classes else torch_onnx.offered(version),
                "quantizes": {} if self.source.classes else torch_quantized.offered(version),
            },
        }

    def routes(self) -> Dict[str, Dict[str, List[Any]]]:
        """Other ways to call a layer: all for those of PyTorch, some for any module, none for cells in a loop."""
        if any(name in torch_replaced.CELLS.values() for name in self.source.classes):
            return {}
        return torch_routes.offered(str(self.torch.__version__), any_module=bool(self.source.classes))

    def construct(
        self, layer: str, options: Dict[str, Any], sizes: Dict[str, int], arguments: Dict[str, Any]
    ) -> TorchLayer:
        given = {name: options[name] for name in CONSTRUCTOR if name in options}
        given.update(input_size=sizes["features"], hidden_size=sizes["units"], dtype=options["dtype"])
        maker = self.source.makers[layer]

        def make(**changed: Any) -> Any:
            return maker(given, {**arguments, **changed})

        return TorchLayer(self.torch, make, options, self.source.claims.initial_weights)

    fresh = construct

    def tensor(self, array: np.ndarray[Any, Any]) -> Any:
        return torch_arrays.tensor_of(self.torch, array)

    def array(self, value: Any) -> Optional[np.ndarray[Any, Any]]:
        return torch_arrays.array_of(self.torch, value)


def load() -> Torch:
    """Import PyTorch, on one CPU thread."""
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    import torch

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    replacement = sources.replacement(sys.argv[1:], [*torch_replaced.CLASSES.values(), *torch_replaced.CELLS.values()])
    if replacement is None:
        return Torch(torch, torch_replaced.own(torch, OPTIONS))
    return Torch(torch, torch_replaced.replaced(torch, OPTIONS, replacement))


if __name__ == "__main__":
    serve.without_siblings()
    sys.exit(serve.serve(load))
