"""The loop of a worker: reads requests, drives living layers, answers. Knows no framework.

An adapter describes a framework by `terms.Adapter` and `terms.Layer` and calls `serve`. The protocol is described in
docs/protocol.md.
"""

from __future__ import annotations

import functools
import os
import platform
import shutil
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
    Optional,
    Sequence,
    Tuple,
    cast,
)

import numpy as np

if TYPE_CHECKING or __package__:
    from conformance.adapters import manners, terms, wire
else:
    import manners
    import terms
    import wire

PROTOCOL = 1
MAX_MESSAGE = 8000
MAX_DEPTH = 20

Reply = Tuple[Dict[str, Any], terms.Named]


class Living:
    """A layer, with the tensors and the result of the last call that was to be kept, and the last call's outputs."""

    def __init__(self, layer: terms.Layer) -> None:
        self.layer = layer
        self.inputs: Optional[terms.Inputs] = None
        self.result: Any = None
        self.outputs: List[Any] = []

    def kept(self) -> terms.Inputs:
        """The tensors of the kept call."""
        if self.inputs is None:
            raise ValueError("no call with keep=true was made on this handle")
        return self.inputs


class Session:
    """Answers requests, one after the other."""

    def __init__(self, adapter: terms.Adapter) -> None:
        self.adapter = adapter
        self.living: Dict[int, Living] = {}
        self.stage = "adapter"
        self.operations: Dict[str, Callable[[Dict[str, Any], wire.Arrays], Reply]] = {
            "hello": self._hello,
            "build": self._build,
            "call": self._call,
            "declare": self._declare,
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
        construct = cast(terms.Starter, self.adapter).fresh if request.get("fresh") else self.adapter.construct
        layer = construct(name, options, sizes, arguments)
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
        inputs = self._arguments(living, request, arrays)
        if weights:
            self.stage = "weights"
            living.layer.set_weights(weights)
        self.stage = "call"
        if request.get("reset"):
            living.layer.reset()
        if request.get("steps"):
            return self._trained(living, request, inputs, arrays)
        if any(name.startswith("cotangents.") for name in arrays):
            return self._along_the_slope(living, request, inputs, arrays)
        started = time.process_time()
        if request.get("penalty"):
            counted = np.array(cast(terms.Penalized, living.layer).penalty(inputs), np.float64)
            return {"seconds": time.process_time() - started}, [("penalty.0", counted)]
        if request.get("training") is None:
            result = self._result(living, mode, inputs, int(request.get("threads") or 0))
        else:
            dropping, seed = cast(terms.Dropping, living.layer), request.get("seed")
            result = dropping.call_in(bool(request["training"]), seed, inputs)
        seconds = time.process_time() - started
        structure, outputs = self._flat(living, result)
        self.stage = "adapter"
        if request.get("keep"):
            living.inputs, living.result = inputs, result
        if request.get("scribble"):
            outputs = self._scribbled(living, outputs)
        return {"structure": structure, "seconds": seconds}, _numbered("outputs", outputs)

    def _along_the_slope(
        self, living: Living, request: Dict[str, Any], inputs: terms.Inputs, arrays: wire.Arrays
    ) -> Reply:
        """Gradients of the loss in which `cotangents.K` weighs output K."""
        layer = living.layer
        _, weighed = self._beside(layer, arrays, "cotangents.")
        started = time.process_time()
        if "directions.x" in arrays:
            along = self._directions(arrays)
            found = cast(terms.TwiceDifferentiable, layer).curvature(str(request["mode"]), inputs, weighed, along)
        else:
            found = cast(terms.Differentiable, layer).gradients(str(request["mode"]), inputs, weighed)
        x, weights, states = found
        seconds = time.process_time() - started
        named = [("gradients.x", self._now(x))]
        named += _numbered("gradients.weights", [self._now(one) for one in weights])
        named += _numbered("gradients.initial_state", [self._now(one) for one in states])
        return {"seconds": seconds}, named

    def _trained(self, living: Living, request: Dict[str, Any], inputs: terms.Inputs, arrays: wire.Arrays) -> Reply:
        """All weights after steps along the slope of a loss that sets `cotangents.K` or `targets.K` beside output K."""
        squared = any(name.startswith("targets.") for name in arrays)
        beside, paired = self._beside(living.layer, arrays, "targets." if squared else "cotangents.")
        frozen = [int(number) for number in request.get("frozen") or []]
        descent = terms.Descent(int(request["steps"]), float(request["rate"]), frozen, squared, beside, paired)
        started = time.process_time()
        steps = [list(weights) for weights in cast(terms.Trained, living.layer).descend(inputs, descent)]
        trained = [weight for weights in steps for weight in weights]
        return {"seconds": time.process_time() - started}, _numbered("trained", trained)

    def _beside(self, layer: terms.Layer, arrays: wire.Arrays, prefix: str) -> Tuple[Dict[int, Any], terms.Paired]:
        """What there is for some outputs, by their numbers; and what finds these outputs in a result."""
        named = {name: int(name[len(prefix) :]) for name in arrays if name.startswith(prefix)}
        beside = {number: self.adapter.tensor(arrays[name]) for name, number in named.items()}

        def paired(result: Any) -> List[Tuple[Any, Any]]:
            leaves: List[Tuple[Any, np.ndarray[Any, Any]]] = []
            self._tree(layer, result, leaves)
            return [(leaves[number][0], tensor) for number, tensor in beside.items()]

        return beside, paired

    def _directions(self, arrays: wire.Arrays) -> terms.Gradients:
        """Of input, weights and initial states, as tensors."""
        weights, states = (_list(arrays, "directions." + name) for name in ("weights", "initial_state"))
        tensor = self.adapter.tensor
        return terms.Gradients(tensor(arrays["directions.x"]), [*map(tensor, weights)], [*map(tensor, states)])

    def _declare(self, request: Dict[str, Any], arrays: wire.Arrays) -> Reply:
        """What the layer says beforehand of a call with these arguments; values of a mask come with it."""
        living, inputs = self._find(request), self._inputs(arrays, manners.LAYOUTS["plain"])
        self.stage = "call"
        result = cast(terms.Declaring, living.layer).declare(str(request["way"]), inputs)
        leaves: List[Tuple[terms.Spec, Optional[terms.Array]]] = []
        tree = self._declared_tree(result, leaves)
        self.stage = "adapter"
        values = [("values.%d" % number, value) for number, (_, value) in enumerate(leaves) if value is not None]
        return {"structure": tree, "declared": [spec._asdict() for spec, _ in leaves]}, values

    def _declared_tree(self, value: Any, leaves: List[Tuple[terms.Spec, Optional[terms.Array]]], depth: int = 0) -> Any:
        array = None if isinstance(value, terms.Spec) else self.adapter.array(value)
        if array is not None and wire.sendable(array):
            leaves.append((terms.Spec(array.shape, str(array.dtype)), array))
            return len(leaves) - 1
        if isinstance(value, terms.Spec):
            leaves.append((value, None))
            return len(leaves) - 1
        if isinstance(value, (tuple, list)) and depth < MAX_DEPTH:
            parts = [self._declared_tree(part, leaves, depth + 1) for part in value]
            return {"tuple" if isinstance(value, tuple) else "list": parts}
        return {"other": _describe(value)}

    def _arguments(self, living: Living, request: Dict[str, Any], arrays: wire.Arrays) -> terms.Inputs:
        """The arguments of a call: new ones, or those of the kept call; perhaps with states of the last call."""
        if request.get("kept_inputs"):
            return living.kept()
        inputs = self._inputs(arrays, manners.LAYOUTS[str(request.get("layout", "plain"))])
        carried = [living.outputs[int(number)] for number in request.get("carry") or []]
        return inputs._replace(initial_state=carried) if carried else inputs

    def _result(self, living: Living, mode: str, inputs: terms.Inputs, threads: int) -> Any:
        """What the layer returns; with threads a list: of that many calls, and of as many with the kept arguments."""
        if not threads:
            return living.layer.call(mode, inputs)
        return manners.at_once(
            [functools.partial(living.layer.call, mode, it) for it in (inputs, living.kept())], threads
        )

    def _scribbled(self, living: Living, outputs: List[np.ndarray[Any, Any]]) -> List[np.ndarray[Any, Any]]:
        """Copies of the outputs; the outputs themselves are overwritten where that is possible."""
        copies = [np.array(output) for output in outputs]
        for output in living.outputs:
            array = self.adapter.array(output)
            if array is not None and array.flags.writeable:
                wire.overwrite(array)
        return copies

    def _recall(self, request: Dict[str, Any], _arrays: wire.Arrays) -> Reply:
        living = self._find(request)
        x, mask, lengths, states = living.kept()
        single = [("x", x), ("mask", mask), ("lengths", lengths)]
        named = [(name, self._now(tensor)) for name, tensor in single if tensor is not None]
        named += _numbered("initial_state", [self._now(tensor) for tensor in states or []])
        named += _numbered("weights", [array for _, array in living.layer.weights() or []])
        named += _numbered("outputs", self._flat(living, living.result)[1])
        return {}, named

    def _release(self, request: Dict[str, Any], _arrays: wire.Arrays) -> Reply:
        self.living.pop(int(request["handle"]), None)
        return {}, []

    def _find(self, request: Dict[str, Any]) -> Living:
        handle = request["handle"]
        if handle not in self.living:
            raise ValueError("handle %r was never built, or was released" % (handle,))
        return self.living[handle]

    def _inputs(self, arrays: wire.Arrays, layout: Callable[[terms.Array], terms.Array]) -> terms.Inputs:
        placed = {name: array if name == "lengths" else layout(array) for name, array in arrays.items()}
        tensors = {name: self.adapter.tensor(placed[name]) for name in ("x", "mask", "lengths") if name in placed}
        states = [self.adapter.tensor(array) for array in _list(placed, "initial_state")]
        return terms.Inputs(tensors["x"], tensors.get("mask"), tensors.get("lengths"), states or None)

    def _now(self, tensor: Any) -> np.ndarray[Any, Any]:
        array = self.adapter.array(tensor)
        if array is None:
            raise TypeError("%s is not a tensor" % _describe(tensor))
        return array

    def _flat(self, living: Living, result: Any) -> Tuple[Any, List[np.ndarray[Any, Any]]]:
        """The nesting of a result and its arrays; its own tensors are remembered as the last call's outputs."""
        leaves: List[Tuple[Any, np.ndarray[Any, Any]]] = []
        tree = self._tree(living.layer, result, leaves)
        living.outputs = [tensor for tensor, _ in leaves]
        return tree, [array for _, array in leaves]

    def _tree(
        self, layer: terms.Layer, value: Any, leaves: List[Tuple[Any, np.ndarray[Any, Any]]], depth: int = 0
    ) -> Any:
        """The nesting of a result; its tensors go to `leaves`, with their arrays just as they are."""

        def branches(parts: Iterable[Any]) -> List[Any]:
            return [self._tree(layer, part, leaves, depth + 1) for part in parts]

        array = self.adapter.array(value)
        if array is not None and wire.sendable(array):
            leaves.append((value, array))
            return len(leaves) - 1
        packed = layer.unpack(value)
        if packed is not None:
            return {"packed": branches(packed)}
        if isinstance(value, (tuple, list)) and depth < MAX_DEPTH:
            return {"tuple" if isinstance(value, tuple) else "list": branches(value)}
        if isinstance(value, dict) and depth < MAX_DEPTH:
            return {"dict": dict(zip(map(str, value), branches(value.values())))}
        return {"other": _describe(value)}


def _numbered(name: str, arrays: Sequence[np.ndarray[Any, Any]]) -> terms.Named:
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


def private_pipes() -> Tuple[BinaryIO, BinaryIO]:
    """Standard input and output for the protocol alone; stray prints go to standard error, stray reads find nothing."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return requests, answers


def serve(load: Callable[[], terms.Adapter]) -> int:
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
            if message is None:
                _remove(wire.SHARED)  # who started this process is gone without a word
                return 0
            if message[0].get("op") == "quit":
                return 0
            wire.write(answers, *answer(*message))
    except wire.WireError as error:
        print("not a request: %s" % error, file=sys.stderr)
        return 2
    except BrokenPipeError:
        _remove(wire.SHARED)
        return 0
    finally:
        _remove(wire.SCRATCH)  # who started this process removes it, too, if it still can


def _remove(variable: str) -> None:
    """The directory that a variable names."""
    if variable in os.environ:
        shutil.rmtree(os.environ[variable], ignore_errors=True)


def _loaded(load: Callable[[], terms.Adapter]) -> Callable[[Dict[str, Any], wire.Arrays], Reply]:
    try:
        return Session(load()).answer
    except Exception as error:
        problem = error
        return lambda request, _arrays: (failure(request.get("id"), "adapter", problem), [])
