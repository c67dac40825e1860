"""The loop of a worker: reads requests, drives living layers, answers. Knows no framework.

An adapter describes a framework in the words of `Adapter` and `Layer` and calls `serve`. The protocol is described
in docs/protocol.md.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
import time
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    BinaryIO,
    Callable,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Protocol,
    Sequence,
    Tuple,
)

import numpy as np

if TYPE_CHECKING or __package__:
    from conformance.adapters import wire
else:
    import wire

PROTOCOL = 1
MAX_MESSAGE = 8000
MAX_DEPTH = 20

Named = List[Tuple[str, "np.ndarray[Any, Any]"]]
Reply = Tuple[Dict[str, Any], Named]


class Inputs(NamedTuple):
    """The arguments of a call, as the framework's own tensors; None: not handed over."""

    x: Any
    mask: Any
    lengths: Any
    initial_state: Optional[List[Any]]


class Layer(Protocol):
    """One living layer. Methods may raise anything; what they raise is reported with the stage."""

    def build(self) -> None:
        """Create the weights."""

    def weights(self) -> Optional[Named]:
        """Names and present values of the weights, in the API's own order; None: it has none until they are set."""

    def set_weights(self, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
        """Give all weights new values."""

    def call(self, mode: str, inputs: Inputs) -> Any:
        """What the layer returns, finished computing but otherwise untouched."""

    def unpack(self, value: Any) -> Optional[List[Any]]:
        """Data, batch sizes, padded form and lengths of a packed sequence; None for anything else."""


class Adapter(Protocol):
    """A framework."""

    def describe(self) -> Dict[str, Any]:
        """Dialect, versions, environment and capabilities, as `hello` answers them."""

    def construct(self, layer: str, options: Dict[str, Any], sizes: Dict[str, int], arguments: Dict[str, Any]) -> Layer:
        """Call the constructor; `arguments` replace or join those that follow from options and sizes."""

    def tensor(self, array: np.ndarray[Any, Any]) -> Any:
        """A tensor of the same type, shape and values."""

    def array(self, value: Any) -> Optional[np.ndarray[Any, Any]]:
        """The present values of a tensor, uncast and unsqueezed; None if it is not a tensor."""


class Living:
    """A layer, with the tensors and the result of the last call that was to be kept."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.inputs: Optional[Inputs] = None
        self.result: Any = None


class Session:
    """Answers requests, one after the other."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self.living: Dict[int, Living] = {}
        self.stage = "adapter"
        self.operations: Dict[str, Callable[[Dict[str, Any], wire.Arrays], Reply]] = {
            "hello": self._hello,
            "build": self._build,
            "call": self._call,
            "recall": self._recall,
            "release": self._release,
        }

    def answer(self, request: Dict[str, Any], arrays: wire.Arrays) -> Reply:
        """The answer to a request; an exception becomes an answer that says at which stage it came."""
        self.stage = "adapter"
        try:
            fields, named = self.operations.get(str(request.get("op")), self._unknown)(request, arrays)
        except BaseException as error:
            return failure(request.get("id"), self.stage, error), []
        return {"id": request.get("id"), "ok": True, **fields}, named

    def _unknown(self, request: Dict[str, Any], _arrays: wire.Arrays) -> Reply:
        raise ValueError("unknown op %r; there are %s" % (request.get("op"), ", ".join(self.operations)))

    def _hello(self, _request: Dict[str, Any], _arrays: wire.Arrays) -> Reply:
        return {"protocol": PROTOCOL, **self.adapter.describe()}, []

    def _build(self, request: Dict[str, Any], _arrays: wire.Arrays) -> Reply:
        handle, options, sizes = int(request["handle"]), dict(request["options"]), dict(request["sizes"])
        name, arguments = str(request["layer"]), dict(request.get("arguments") or {})
        self.living.pop(handle, None)
        self.stage = "construct"
        layer = self.adapter.construct(name, options, sizes, arguments)
        self.stage = "build"
        layer.build()
        weights = layer.weights()
        self.stage = "adapter"
        self.living[handle] = Living(layer)
        if weights is None:
            return {}, []
        return {"weights": [name for name, _ in weights]}, _numbered("weights", [array for _, array in weights])

    def _call(self, request: Dict[str, Any], arrays: wire.Arrays) -> Reply:
        living = self._find(request)
        mode, weights = str(request["mode"]), _list(arrays, "weights")
        inputs = self._inputs(arrays)
        if weights:
            self.stage = "weights"
            living.layer.set_weights(weights)
        self.stage = "call"
        started = time.process_time()
        result = living.layer.call(mode, inputs)
        seconds = time.process_time() - started
        structure, outputs = self._flat(living.layer, result)
        self.stage = "adapter"
        if request.get("keep"):
            living.inputs, living.result = inputs, result
        return {"structure": structure, "seconds": seconds}, _numbered("outputs", outputs)

    def _recall(self, request: Dict[str, Any], _arrays: wire.Arrays) -> Reply:
        living = self._find(request)
        if living.inputs is None:
            raise ValueError("no call with keep=true was made on this handle")
        x, mask, lengths, states = living.inputs
        single = [("x", x), ("mask", mask), ("lengths", lengths)]
        named = [(name, self._now(tensor)) for name, tensor in single if tensor is not None]
        named += _numbered("initial_state", [self._now(tensor) for tensor in states or []])
        named += _numbered("weights", [array for _, array in living.layer.weights() or []])
        named += _numbered("outputs", self._flat(living.layer, living.result)[1])
        return {}, named

    def _release(self, request: Dict[str, Any], _arrays: wire.Arrays) -> Reply:
        self.living.pop(int(request["handle"]), None)
        return {}, []

    def _find(self, request: Dict[str, Any]) -> Living:
        handle = request["handle"]
        if handle not in self.living:
            raise ValueError("handle %r was never built, or was released" % (handle,))
        return self.living[handle]

    def _inputs(self, arrays: wire.Arrays) -> Inputs:
        tensors = {name: self.adapter.tensor(arrays[name]) for name in ("x", "mask", "lengths") if name in arrays}
        states = [self.adapter.tensor(array) for array in _list(arrays, "initial_state")]
        return Inputs(tensors["x"], tensors.get("mask"), tensors.get("lengths"), states or None)

    def _now(self, tensor: Any) -> np.ndarray[Any, Any]:
        array = self.adapter.array(tensor)
        if array is None:
            raise TypeError("%s is not a tensor" % _describe(tensor))
        return array

    def _flat(self, layer: Layer, result: Any) -> Tuple[Any, List[np.ndarray[Any, Any]]]:
        leaves: List[np.ndarray[Any, Any]] = []
        return self._tree(layer, result, leaves), leaves

    def _tree(self, layer: Layer, value: Any, leaves: List[np.ndarray[Any, Any]], depth: int = 0) -> Any:
        """The nesting of a result; its arrays go to `leaves` just as they are."""

        def branches(parts: Iterable[Any]) -> List[Any]:
            return [self._tree(layer, part, leaves, depth + 1) for part in parts]

        array = self.adapter.array(value)
        if array is not None and wire.sendable(array):
            leaves.append(array)
            return len(leaves) - 1
        packed = layer.unpack(value)
        if packed is not None:
            return {"packed": branches(packed)}
        if isinstance(value, (tuple, list)) and depth < MAX_DEPTH:
            return {"tuple" if isinstance(value, tuple) else "list": branches(value)}
        if isinstance(value, dict) and depth < MAX_DEPTH:
            return {"dict": dict(zip(map(str, value), branches(value.values())))}
        return {"other": _describe(value)}


def _numbered(name: str, arrays: Sequence[np.ndarray[Any, Any]]) -> Named:
    return [("%s.%d" % (name, index), array) for index, array in enumerate(arrays)]


def _list(arrays: Mapping[str, np.ndarray[Any, Any]], name: str) -> List[np.ndarray[Any, Any]]:
    """The inverse of `_numbered`."""
    found: List[np.ndarray[Any, Any]] = []
    while "%s.%d" % (name, len(found)) in arrays:
        found.append(arrays["%s.%d" % (name, len(found))])
    return found


def _describe(value: Any) -> str:
    """The type of something that cannot be sent."""
    dtype = getattr(value, "dtype", None)
    return type(value).__name__ + ("" if dtype is None else " of " + str(dtype))


def failure(identity: Any, stage: str, error: BaseException) -> Dict[str, Any]:
    """The answer that reports an exception."""
    bases = [base.__name__ for base in type(error).__mro__ if base is not object]
    try:
        message = str(error)
    except Exception as second:
        message = "(its message cannot be had: %s)" % type(second).__name__
    description = {"type": type(error).__name__, "bases": bases, "message": message[:MAX_MESSAGE]}
    return {"id": identity, "ok": False, "stage": stage, "error": description}


def common_environment() -> Dict[str, str]:
    """What every adapter can say about where it runs."""
    return {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()}


def without_siblings() -> None:
    """Take this directory off the import path, so that no module here hides one of a framework's."""
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != here]


def replacements(arguments: Sequence[str]) -> Dict[str, Any]:
    """Classes to use in place of a framework's own, from `--replace LSTM=package.module:Class ...`.

    Modules are looked for in the working directory too, as `python -m` does.
    """
    found: Dict[str, Any] = {}
    for flag, value in zip(arguments[::2], arguments[1::2]):
        name, _, place = value.partition("=")
        module, _, attribute = place.partition(":")
        if flag != "--replace" or not (name and module and attribute):
            raise ValueError("--replace NAME=package.module:Class is meant, not %s %s" % (flag, value))
        if str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        found[name] = getattr(importlib.import_module(module), attribute)
    return found


def private_pipes() -> Tuple[BinaryIO, BinaryIO]:
    """Standard input and output for the protocol alone; stray prints go to standard error, stray reads find nothing."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return requests, answers


def serve(load: Callable[[], Adapter]) -> int:
    """Answer requests until `quit` or the end of input; returns the exit status.

    Args:
        load: imports the framework and returns its adapter. It is called after the pipes were taken out of the
            framework's way; if it fails, every request is answered with its error.
    """
    requests, answers = private_pipes()
    answer = _loaded(load)
    try:
        while True:
            message = wire.read(requests)
            if message is None or message[0].get("op") == "quit":
                return 0
            wire.write(answers, *answer(*message))
    except wire.WireError as error:
        print("not a request: %s" % error, file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0


def _loaded(load: Callable[[], Adapter]) -> Callable[[Dict[str, Any], wire.Arrays], Reply]:
    try:
        return Session(load()).answer
    except Exception as error:
        problem = error
        return lambda request, _arrays: (failure(request.get("id"), "adapter", problem), [])
