"""The worker for layers in plain Python: a class `MyLSTM(config, weights)`, or a function `f(config, weights, x)`.

Run by path: `python python_layers.py PLACE DIALECT CLAIMS`. PLACE is `package.module:MyLSTM` or `my_rnn.py:MyLSTM`,
CLAIMS a JSON object with the names in `claims.CLAIMS`. docs/custom.md says how such a layer is written.
"""

from __future__ import annotations

import functools
import inspect
import json
import sys
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

if TYPE_CHECKING or __package__:
    from conformance.adapters import claims, keras_layers, serve, sources, terms, torch_layers, wire
else:
    import claims
    import keras_layers
    import serve
    import sources
    import terms
    import torch_layers
    import wire

Array = np.ndarray


class Contract(NamedTuple):
    """The words of a dialect.

    Attributes:
        options: option -> its values, the default first.
        sizes: size of a layer -> the dialect's name for it.
        arguments: argument of a call -> the option that decides on it, and the values with which it is not given.
    """

    options: claims.Options
    sizes: Dict[str, str]
    arguments: Dict[str, Tuple[str, List[Any]]]


FEATURES = ("carry", "layouts", "threads", "ownership", "stateful", "initial_weights")

CONTRACTS = {
    "keras": Contract(
        keras_layers.OPTIONS,
        {"units": "units", "features": "features"},
        {"mask": ("mask", ["none"]), "initial_state": ("initial_state", [False])},
    ),
    "torch": Contract(
        torch_layers.OPTIONS,
        {"units": "hidden_size", "features": "input_size"},
        {"lengths": ("input", ["batched", "unbatched"]), "initial_state": ("hx", [False])},
    ),
}


# ---------------------------------------------------------------- what can be called


def check_signature(implementation: Any) -> None:
    """`TypeError` for something that cannot be called as a layer or function of this kind."""
    if inspect.isclass(implementation):
        claims.check_bind("%s(config, weights)" % implementation.__name__, implementation, {}, [])
        if not any("__call__" in vars(base) for base in implementation.__mro__):
            raise TypeError("its objects cannot be called as layer(x): it has no __call__")
        claims.check_bind("layer(x)", implementation.__call__, None, None)
    elif inspect.isroutine(implementation) or hasattr(implementation, "__wrapped__"):
        claims.check_bind("f(config, weights, x)", implementation, {}, [], None)
    else:
        raise TypeError("it is %s, neither a class nor a function" % type(implementation).__name__)


def possible(implementation: Any, contract: Contract) -> claims.Options:
    """Every option with all values that the signature of a call allows."""
    called = implementation.__call__ if inspect.isclass(implementation) else implementation
    options = dict(contract.options)
    for argument, (option, without) in contract.arguments.items():
        if not claims.takes(called, argument):
            options[option] = without
    return options


# ---------------------------------------------------------------- the layer


class Padded:
    """The output of packed input as it was returned, with the lengths that belong to it."""

    def __init__(self, output: Array, lengths: Array, steps: int) -> None:
        self.output = output
        self.lengths = lengths
        self.steps = steps

    def packed(self) -> List[Array]:
        """Data, batch sizes, padded form and lengths. Only data is made here: of the padded form, which is judged."""
        output = np.moveaxis(self.output, self.steps, 0)
        longest, batch = int(self.lengths.max()), len(self.lengths)
        if output.shape[:2] != (longest, batch):
            promised = (batch, longest) if self.steps else (longest, batch)
            raise ValueError(
                "the output of packed input has the shape %s; padded to the longest sequence it begins with %s"
                % (self.output.shape, promised)
            )
        order = np.argsort(-self.lengths, kind="stable")
        running = np.array([int((self.lengths > step).sum()) for step in range(longest)], np.int64)
        data = np.concatenate([output[step, order[:count]] for step, count in enumerate(running)])
        return [data, running, self.output, self.lengths]


class PythonLayer:
    """A layer, made anew for new weights unless it has `set_weights`.

    Args:
        make: gives a living layer for a configuration and weights.
        config: the dialect's own names -> values.
        own_weights: whether it makes its own weights.
        steps: the axis of time.
    """

    def __init__(self, make: Callable[..., Any], config: Dict[str, Any], own_weights: bool, steps: int) -> None:
        self.make = make
        self.config = config
        self.own_weights = own_weights
        self.steps = steps
        self.layer: Any = None
        self.arrays: Optional[List[Array]] = None

    def build(self) -> None:
        if self.own_weights:
            self.layer = self.make(dict(self.config), None)

    def weights(self) -> Optional[terms.Named]:
        told = self.layer.get_weights() if hasattr(self.layer, "get_weights") else self.arrays
        return None if told is None else [(str(index), _weight(index, array)) for index, array in enumerate(told)]

    def set_weights(self, arrays: Sequence[Array]) -> None:
        self.arrays = list(arrays)
        if hasattr(self.layer, "set_weights"):
            self.layer.set_weights(list(arrays))
        else:
            self.layer = self.make(dict(self.config), list(arrays))

    def call(self, mode: str, inputs: terms.Inputs) -> Any:
        if mode != "eager":
            raise ValueError("there is no mode %r" % mode)
        optional = {"mask": inputs.mask, "lengths": inputs.lengths, "initial_state": inputs.initial_state}
        given = {name: value for name, value in optional.items() if value is not None}
        lengths = None if inputs.lengths is None else inputs.lengths.copy()
        result = self.layer(inputs.x, **given)
        return result if lengths is None else self._marked(result, lengths)

    def reset(self) -> None:
        self.layer.reset_state()

    def unpack(self, value: Any) -> Optional[List[Any]]:
        return value.packed() if isinstance(value, Padded) else None

    def _marked(self, result: Any, lengths: Array) -> Any:
        """The result with its first array marked as the padded form of a packed sequence."""
        if isinstance(result, (tuple, list)) and result:
            parts = [self._marked(result[0], lengths), *result[1:]]
            return parts if isinstance(result, list) else tuple(parts)
        output = as_array(result)
        return result if output is None or output.ndim < 2 else Padded(output, lengths, self.steps)


def _weight(index: int, value: Any) -> Array:
    array = as_array(value)
    if array is None or not wire.sendable(array):
        raise TypeError("get_weights gives %s as weight %d, not an array of numbers" % (type(value).__name__, index))
    return array


def as_array(value: Any) -> Optional[Array]:
    """The array behind a value, neither copied nor cast; None for what is not an array."""
    if not hasattr(type(value), "__array__"):
        return None
    try:
        return np.asarray(value)
    except Exception:  # such as a symbolic tensor, which has no values
        return None


class PythonLayers:
    """The adapter.

    Args:
        implementation: the class or function.
        dialect: the contract that it follows.
        given: what is claimed for it, in place of what it says itself.
    """

    def __init__(self, implementation: Any, dialect: str, given: Mapping[str, Any]) -> None:
        check_signature(implementation)
        self.dialect = dialect
        self.contract = CONTRACTS[dialect]
        allowed = possible(implementation, self.contract)
        self.claims = claims.claims_of(implementation, self.contract.options, allowed, given)
        if self.claims.initial_weights and not hasattr(implementation, "get_weights"):
            raise TypeError("it claims initial_weights, but has no get_weights")
        is_class = inspect.isclass(implementation)
        self.make = implementation if is_class else functools.partial(functools.partial, implementation)

    def describe(self) -> Dict[str, Any]:
        return {
            "dialect": self.dialect,
            "versions": {"numpy": np.__version__},
            "environment": {**serve.common_environment(), "device": "cpu"},
            "capabilities": self.claims.capabilities(["eager"], FEATURES),
        }

    def construct(
        self, layer: str, options: Dict[str, Any], sizes: Dict[str, int], arguments: Dict[str, Any]
    ) -> PythonLayer:
        self._check_claimed(layer, options, sizes)
        called = {option for option, _ in self.contract.arguments.values()}
        config = {name: None if value == "None" else value for name, value in options.items() if name not in called}
        config.update({name: sizes[size] for size, name in self.contract.sizes.items()}, layer=layer)
        config.update(arguments)
        steps = 1 if options.get("batch_first", False) else 0
        return PythonLayer(self.make, config, self.claims.initial_weights, steps)

    fresh = construct

    def tensor(self, array: Array) -> Array:
        return array

    def array(self, value: Any) -> Optional[Array]:
        return as_array(value)

    def _check_claimed(self, layer: str, options: Dict[str, Any], sizes: Dict[str, int]) -> None:
        """`ValueError` for what is not claimed: it is never tried."""
        wanted: List[Tuple[str, Any, Sequence[Any]]] = [("layer", layer, self.claims.layers)]
        wanted += [(name, value, self.claims.options.get(name, [])) for name, value in options.items()]
        wanted += [(name, value, self.claims.sizes.get(name, [value])) for name, value in sizes.items()]
        for name, value, claimed in wanted:
            if not claims.among(value, claimed):
                raise ValueError("it does not claim %s=%s" % (name, value))


def load() -> PythonLayers:
    """Import what the command line names."""
    place, dialect, given = sys.argv[1:]
    return PythonLayers(sources.find(place), dialect, json.loads(given))


if __name__ == "__main__":
    serve.without_siblings()
    sys.exit(serve.serve(load))
