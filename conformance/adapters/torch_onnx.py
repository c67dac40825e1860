"""Layers of PyTorch as ONNX models, run by ONNX Runtime. There where onnx, onnxscript and onnxruntime are installed.

Models are exported with an example of zeros and run with the input of the call. ONNX Runtime computes tanh and sigmoid
by itself, so these are no routes: what PyTorch's activations were measured to be says nothing of them.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import io
import logging
import sys
import warnings
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional

if TYPE_CHECKING or __package__:
    from conformance.adapters.torch_calls import UNPACKED, Call, Route, returned, told
    from conformance.adapters.torch_exports import dynamic
else:
    from torch_calls import UNPACKED, Call, Route, returned, told
    from torch_exports import dynamic

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
"""What exporting and running needs beside PyTorch."""


def missing() -> Optional[str]:
    """The first package that is not installed; None: there are all."""
    return next((package for package in PACKAGES if importlib.util.find_spec(package) is None), None)


def versions() -> Dict[str, str]:
    """Of the packages, if all are there."""
    return {} if missing() else {package: importlib.metadata.version(package) for package in PACKAGES}


# ---------------------------------------------------------------- exporting and running


def exported(call: Call) -> Any:
    """`torch.onnx.export`, through torch.export."""
    return _run(call, _program(call, call.example()))


def exported_dynamic(call: Call) -> Any:
    """The same for any batch, with an example that has another."""
    return _run(call, _program(call, call.example(more=1), dynamic_shapes=dynamic(call)))


def traced(call: Call) -> Any:
    """`torch.onnx.export(dynamo=False)`, the older exporter, through TorchScript."""
    return _run(call, _traced(call, call.example()))


def traced_dynamic(call: Call) -> Any:
    """The same for any batch and number of steps, with an example that has others."""
    names = ["x", *["hx%d" % number for number in range(len(call.states or []))]]
    axes = {name: {1: "batch"} for name in names[1:] if call.several}
    axes["x"] = {call.time_axis: "timesteps", **({call.batch_axis: "batch"} if call.several else {})}
    return _run(call, _traced(call, call.example(more=1, steps=1), input_names=names, dynamic_axes=axes))


def _program(call: Call, example: Any, **more: Any) -> bytes:
    file = io.BytesIO()
    with _quiet():
        call.torch.onnx.export(call.module, example, dynamo=True, verbose=False, **more).save(file)
    return file.getvalue()


def _traced(call: Call, example: Any, **more: Any) -> bytes:
    file = io.BytesIO()
    with _quiet():
        call.torch.onnx.export(call.module, example, file, dynamo=False, verbose=False, **more)
    return file.getvalue()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what exporters say of packages that nobody asked for, and of their own future."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)


def _run(call: Call, model: bytes) -> Any:
    """What ONNX Runtime gives for the input of the call, as tensors, nested as a call nests them."""
    runtime = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    arrays = [tensor.detach().contiguous().numpy() for tensor in (call.x, *(call.states or []))]
    names = [place.name for place in session.get_inputs()]
    output, *states = map(call.torch.from_numpy, session.run(None, dict(zip(names, arrays))))
    return returned(output, states)


# ---------------------------------------------------------------- all of them

NEEDS: Dict[str, List[Any]] = {"input": UNPACKED, "dtype": ["float32"]}
"""A packed sequence is no tensor; the recurrent kernels of ONNX Runtime have no other type for all layers."""

SINCE = (2, 6)
"""Before, there was one exporter, and another one in preparation."""

RUNTIMES: Dict[str, Route] = {
    "onnx": Route(exported, NEEDS, since=SINCE),
    "onnx_dynamic": Route(exported_dynamic, NEEDS, since=SINCE),
}

if sys.version_info < (3, 14):  # for later ones, the documentation says that there is no TorchScript
    RUNTIMES.update(  # which says of projections that it does not have them
        onnx_traced=Route(traced, {**NEEDS, "proj_size": [0, None]}, since=SINCE),
        onnx_traced_dynamic=Route(traced_dynamic, {**NEEDS, "proj_size": [0, None]}, since=SINCE),
    )


def offered(version: str) -> Dict[str, Dict[str, List[Any]]]:
    """The ways of a version, as `hello` tells them; none where a package is missing."""
    return {} if missing() else told(RUNTIMES, version)
