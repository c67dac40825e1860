"""Layers of PyTorch whose products are made of eight bits: dynamic quantization.

It is deprecated ("will be removed"), and there as long as PyTorch has it. A module alone is never replaced, only one
inside of another. Layers without bias, projections and unbatched input are refused, though nothing says so; see
specs/deviations/torch_quantized_layers.py.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from typing import TYPE_CHECKING, Any, Dict, List

if TYPE_CHECKING or __package__:
    from conformance.adapters.torch_calls import Call, Route, told
else:
    from torch_calls import Call, Route, told


def dynamic(call: Call) -> Any:
    """`torch.ao.quantization.quantize_dynamic` to int8, of a model that has the layer in it."""
    quantize = importlib.import_module("torch.ao.quantization").quantize_dynamic
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is deprecated
        model = quantize(call.torch.nn.Sequential(call.module), {type(call.module)}, dtype=call.torch.qint8)
    if type(model[0]) is type(call.module):
        raise ValueError("the layer was not quantized")
    return call.plain(model[0])


WAYS: Dict[str, Route] = {
    "quantize_dynamic": Route(
        dynamic,
        {
            "dtype": ["float32"],
            "bias": [True],
            "input": ["batched", "packed", "packed_unsorted"],
            "proj_size": [0, None],
            "nonlinearity": [None],  # there is no quantized RNN
        },
    )
}


def offered(version: str) -> Dict[str, Dict[str, List[Any]]]:
    """The ways of a version, as `hello` tells them; none where PyTorch has it no longer."""
    there = importlib.util.find_spec("torch.ao.quantization") is not None
    return told(WAYS, version) if there else {}
