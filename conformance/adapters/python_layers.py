"""The worker for layers in plain Python: a class `MyLSTM(config, weights)`, or a function `f(config, weights, x)`.

Run by path: `python python_layers.py PLACE DIALECT CLAIMS`. PLACE is `package.module:MyLSTM` or `my_rnn.py:MyLSTM`,
CLAIMS a JSON object with the names in `CLAIMS`. docs/custom.md says how such a layer is written.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

if TYPE_CHECKING or __package__:
    from conformance.adapters import keras_layers, serve, torch_layers, wire
else:
    import keras_layers
    import serve
    import torch_layers
    import wire

Array = np.ndarray
Options = Dict[str, List[Any]]

CLAIMS = ("layers", "options", "dtypes", "sizes", "rejections", "initial_weights")
"""What an implementation can say of itself, as attributes or in words that take their place."""

LAYERS = ("simple_rnn", "lstm", "gru")
SIZES = ("batch", "timesteps", "features", "units")


class Contract(NamedTuple):
    """The words of a dialect.

    Attributes:
        options: option -> its values, the default first.
        sizes: size of a layer -> the dialect's name for it.
        arguments: argument of a call -> the option that decides on it, and the values with which it is not given.
    """

    options: Options
    sizes: Dict[str, str]
    arguments: Dict[str, Tuple[str, List[Any]]]


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


class Claims(NamedTuple):
    """What an implementation says it can do.

    Attributes:
        layers: kinds of layer.
        options: every option -> the supported values.
        sizes: size -> the supported values; a size that is not named may have any.
        rejections: whether it refuses what the dialect says must be refused.
        initial_weights: whether it makes its own weights when it is given None, and tells them by `get_weights`.
    """

    layers: List[str]
    options: Options
    sizes: Dict[str, List[int]]
    rejections: bool
    initial_weights: bool


def claims_of(implementation: Any, contract: Contract, given: Mapping[str, Any]) -> Claims:
    """What `given` says, or else the attributes of the implementation; an error if it makes no sense."""
    unknown = [name for name in given if name not in CLAIMS]
    if unknown:
        raise ValueError("there is no claim %r; there are %s" % (unknown[0], ", ".join(CLAIMS)))
    said = {name: given.get(name, getattr(implementation, name, None)) for name in CLAIMS}
    layers = _list("layers", said["layers"] or [])
    if not layers or any(layer not in LAYERS for layer in layers):
        raise ValueError("it claims layers=%r; name one or more of %s" % (layers, ", ".join(LAYERS)))
    return Claims(
        layers,
        _options(implementation, contract, said["options"], said["dtypes"]),
        _sizes(said["sizes"]),
        bool(said["rejections"]),
        bool(said["initial_weights"]),
    )


def _options(implementation: Any, contract: Contract, claimed: Any, dtypes: Any) -> Options:
    """Every option with its claimed values: all that the signature allows, unless the implementation says which."""
    if claimed is None:
        options = dict(contract.options)
        for argument, (option, without) in contract.arguments.items():
            if not _takes(implementation, argument):
                options[option] = without
    else:
        table = _table("options", claimed, contract.options)
        options = {name: table.get(name, values[:1]) for name, values in contract.options.items()}
    if dtypes is not None:
        options["dtype"] = _list("dtypes", dtypes)
    for name, values in options.items():
        for value in values:
            if not _among(value, contract.options[name]):
                known = ", ".join(map(repr, contract.options[name]))
                raise ValueError("it claims %s=%r; the values of %s are %s" % (name, value, name, known))
    return options


def _sizes(claimed: Any) -> Dict[str, List[int]]:
    sizes = _table("sizes", {} if claimed is None else claimed, SIZES)
    for name, values in sizes.items():
        if not values or not all(type(value) is int and value > 0 for value in values):
            raise ValueError("it claims the sizes %s=%r; sizes are whole numbers from 1" % (name, values))
    return sizes


def _table(what: str, claimed: Any, known: Any) -> Dict[str, List[Any]]:
    if not isinstance(claimed, Mapping):
        raise TypeError("its %s are %s, not a dictionary of lists" % (what, type(claimed).__name__))
    for name in claimed:
        if name not in known:
            raise ValueError("its %s name %r; there are %s" % (what, name, ", ".join(known)))
    return {name: _list(name, values) for name, values in claimed.items()}


def _list(name: str, values: Any) -> List[Any]:
    if isinstance(values, str) or not isinstance(values, (list, tuple, set, frozenset)):
        raise TypeError("it claims %s=%r; a list of values is meant" % (name, values))
    return list(values)


def _among(value: Any, known: Sequence[Any]) -> bool:
    return any(value == other and type(value) is type(other) for other in known)


# ---------------------------------------------------------------- what can be called


def check_signature(implementation: Any) -> None:
    """`TypeError` for something that cannot be called as a layer or function of this kind."""
    if inspect.isclass(implementation):
        _check_bind("%s(config, weights)" % implementation.__name__, implementation, {}, [])
        if not any("__call__" in vars(base) for base in implementation.__mro__):
            raise TypeError("its objects cannot be called as layer(x): it has no __call__")
        _check_bind("layer(x)", implementation.__call__, None, None)
    elif inspect.isroutine(implementation) or hasattr(implementation, "__wrapped__"):
        _check_bind("f(config, weights, x)", implementation, {}, [], None)
    else:
        raise TypeError("it is %s, neither a class nor a function" % type(implementation).__name__)


def _check_bind(form: str, function: Any, *arguments: Any) -> None:
    try:
        inspect.signature(function).bind(*arguments)
    except ValueError:  # no signature is known, as for some compiled functions
        return
    except TypeError as error:
        raise TypeError("it cannot be called as %s: %s" % (form, error)) from None


def _takes(implementation: Any, argument: str) -> bool:
    """Whether a call can have this argument, as far as the signature tells."""
    try:
        called = implementation.__call__ if inspect.isclass(implementation) else implementation
        parameters = inspect.signature(called).parameters
    except (TypeError, ValueError):
        return True
    return argument in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


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

    def weights(self) -> Optional[serve.Named]:
        told = self.layer.get_weights() if hasattr(self.layer, "get_weights") else self.arrays
        return None if told is None else [(str(index), _weight(index, array)) for index, array in enumerate(told)]

    def set_weights(self, arrays: Sequence[Array]) -> None:
        self.arrays = list(arrays)
        if hasattr(self.layer, "set_weights"):
            self.layer.set_weights(list(arrays))
        else:
            self.layer = self.make(dict(self.config), list(arrays))

    def call(self, mode: str, inputs: serve.Inputs) -> Any:
        if mode != "eager":
            raise ValueError("there is no mode %r" % mode)
        optional = {"mask": inputs.mask, "lengths": inputs.lengths, "initial_state": inputs.initial_state}
        given = {name: value for name, value in optional.items() if value is not None}
        lengths = None if inputs.lengths is None else inputs.lengths.copy()
        result = self.layer(inputs.x, **given)
        return result if lengths is None else self._marked(result, lengths)

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
        self.claims = claims_of(implementation, self.contract, given)
        if self.claims.initial_weights and not hasattr(implementation, "get_weights"):
            raise TypeError("it claims initial_weights, but has no get_weights")
        is_class = inspect.isclass(implementation)
        self.make = implementation if is_class else functools.partial(functools.partial, implementation)

    def describe(self) -> Dict[str, Any]:
        claims = self.claims
        return {
            "dialect": self.dialect,
            "versions": {"numpy": np.__version__},
            "environment": {**serve.common_environment(), "device": "cpu"},
            "capabilities": {
                "layers": claims.layers,
                "options": claims.options,
                "modes": ["eager"],
                "sizes": claims.sizes,
                "rejections": claims.rejections,
            },
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
            if not _among(value, claimed):
                raise ValueError("it does not claim %s=%s" % (name, value))


# ---------------------------------------------------------------- finding it


def find(place: str) -> Any:
    """The object of that name, from `package.module:Name` or `path/to/file.py:Name`.

    Modules are looked for in the working directory too, and beside a file that is named, as Python itself does.
    """
    source, _, attribute = place.rpartition(":")
    try:
        module = _from_file(Path(source)) if source.endswith(".py") else _from_path(source)
    except (Exception, SystemExit) as error:
        raise ImportError("cannot import %s: %s: %s" % (source, type(error).__name__, error)) from None
    try:
        return functools.reduce(getattr, attribute.split("."), module)
    except AttributeError:
        raise ImportError("%s has no %s" % (source, attribute)) from None


def _from_path(name: str) -> Any:
    sys.path.insert(0, str(Path.cwd()))
    return importlib.import_module(name)


def _from_file(path: Path) -> Any:
    sys.path.insert(0, str(path.resolve().parent))
    specification = importlib.util.spec_from_file_location(path.stem, str(path))
    if specification is None or specification.loader is None:
        raise ImportError("it is no Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    specification.loader.exec_module(module)
    return module


def load() -> PythonLayers:
    """Import what the command line names."""
    place, dialect, given = sys.argv[1:]
    return PythonLayers(find(place), dialect, json.loads(given))


if __name__ == "__main__":
    serve.without_siblings()
    sys.exit(serve.serve(load))
