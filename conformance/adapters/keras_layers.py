"""The worker for the recurrent layers of Keras 3.

Run by path: `python keras_layers.py tensorflow|torch|jax [--replace LSTM=PLACE [--claims JSON]]`. What is built,
also where a class takes the place of a layer or cell of Keras, is told in keras_replaced.py.
"""

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence

import numpy as np

if TYPE_CHECKING or __package__:
    from conformance.adapters import (
        keras_backends,
        keras_declared,
        keras_replaced,
        keras_routes,
        keras_scene,
        keras_training,
        serve,
        sources,
        terms,
    )
else:
    import keras_backends
    import keras_declared
    import keras_replaced
    import keras_routes
    import keras_scene
    import keras_training
    import serve
    import sources
    import terms

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
    "dtype": ["float32", "float64", "float16", "bfloat16"],
    "bidirectional": [False, True],
    "merge_mode": ["concat", "sum", "mul", "ave", "None"],
    **CONSTRUCTOR,
    "mask": ["none", "right", "left", "gaps", "full_rows"],
    "initial_state": [False, True],
}

OWN_FEATURES = ("regularizers", "curvature")
"""Of layers of Keras itself, beside `FEATURES`: a class of somebody's own may have a backward pass without one."""

FEATURES = (
    "carry",
    "layouts",
    "threads",
    "stateful",
    "mixed",
    "gradients",
    "initial_weights",
    "dropout",
    "train",
    "targets",
)

SINCE = {"dropout": (3, 4)}
"""What came later than Keras 3.0: `implementation` of a GRU, which decides how many masks there are."""


class KerasLayer:
    """A layer, possibly in `Bidirectional`, called the way its options say.

    Args:
        backend: what it runs on.
        layer: the living layer.
        options: all of them.
        sizes: batch, timesteps, features and units.
        told: whether its weights are told before they are set: what they start with is claimed to be as promised.
        scene: what routes are given, for the arguments of a call.
    """

    def __init__(
        self,
        backend: keras_backends.Backend,
        layer: Any,
        options: Dict[str, Any],
        sizes: Dict[str, int],
        told: bool,
        scene: Callable[[terms.Inputs], keras_scene.Scene],
    ) -> None:
        self.backend = backend
        self.layer = layer
        self.told = told
        self.scene = scene
        self.bidirectional = options["bidirectional"]
        self.unroll = options["unroll"]
        self.input_shape = (sizes["batch"], sizes["timesteps"], sizes["features"])
        self.compiled: Dict[Any, Callable[[terms.Inputs], Any]] = {}

    def build(self) -> None:
        self.layer.build(self.input_shape)

    def weights(self) -> Optional[terms.Named]:
        if not self.told:
            return None
        names = [self._name(variable) for variable in self.layer.weights]
        return list(zip(names, self.layer.get_weights()))

    def set_weights(self, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
        self.layer.set_weights(list(arrays))
        self.told = True

    def call(self, mode: str, inputs: terms.Inputs) -> Any:
        if mode == "eager":
            return self.backend.eager(self.layer, inputs)
        if mode not in self.backend.modes:
            return keras_routes.follow(mode, self.scene(inputs))
        key = self.backend.key(inputs, self.unroll)
        if key not in self.compiled:
            self.compiled[key] = self.backend.graph(self.layer, inputs, self.unroll)
        return self.compiled[key](inputs)

    def call_in(self, training: bool, _seed: Optional[int], inputs: terms.Inputs) -> Any:
        return self.backend.eager(self.layer, inputs, training=training)

    def declare(self, way: str, inputs: terms.Inputs) -> Any:
        return keras_declared.declare(way, self.scene(inputs))

    def gradients(self, mode: str, inputs: terms.Inputs, weighed: terms.Weighed) -> terms.Gradients:
        return self.backend.gradients(self.layer, functools.partial(self.call, mode), inputs, weighed)

    def curvature(
        self, mode: str, inputs: terms.Inputs, weighed: terms.Weighed, directions: terms.Gradients
    ) -> terms.Gradients:
        return self.backend.curvature(self.layer, functools.partial(self.call, mode), inputs, weighed, directions)

    def descend(self, inputs: terms.Inputs, descent: terms.Descent) -> Iterable[Sequence[np.ndarray[Any, Any]]]:
        return keras_training.by_fit(self.scene(inputs), descent)

    def penalty(self, inputs: terms.Inputs) -> float:
        self.backend.eager(self.layer, inputs)
        return float(sum(np.asarray(self.backend.array(loss), np.float64) for loss in self.layer.losses))

    def reset(self) -> None:
        self.layer.reset_state()

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
        source: of the layers.
        routes: other ways to call them, with the options that each needs (`keras_routes.offered`).
        declares: ways to declare what they give (`keras_declared.offered`); none: no way.
        more: features beside those of every layer.
    """

    dialect = "keras"
    features: Sequence[str] = FEATURES
    constructor: Sequence[str] = tuple(CONSTRUCTOR)
    living = KerasLayer

    def __init__(
        self,
        keras: Any,
        backend: keras_backends.Backend,
        source: sources.Source,
        routes: Dict[str, Dict[str, List[Any]]],
        declares: Optional[Dict[str, Any]] = None,
        more: Sequence[str] = (),
    ) -> None:
        self.keras = keras
        self.backend = backend
        self.source = source
        self.routes = routes
        self.declares = declares or {}
        self.more = more

    def describe(self) -> Dict[str, Any]:
        present = keras_scene.version(self.keras)
        features = [feature for feature in self.features if present >= SINCE.get(feature, present)]
        return {
            "dialect": self.dialect,
            "versions": {"keras": self.keras.__version__, **self.backend.versions(), "numpy": np.__version__},
            "environment": {**serve.common_environment(), "device": "cpu", "threads": "1"},
            "capabilities": {
                **self.source.claims.capabilities(self.backend.modes, [*features, *self.more]),
                "routes": self.routes,
                "declares": self.declares,
            },
        }

    def construct(
        self, layer: str, options: Dict[str, Any], sizes: Dict[str, int], arguments: Dict[str, Any]
    ) -> KerasLayer:
        self.backend.relieve()
        inner = functools.partial(self._inner, layer, options, sizes)
        wrap = functools.partial(self._wrapped, options)
        both = ("dtype", "merge_mode") if options["bidirectional"] else ()
        outside = {name: value for name, value in arguments.items() if name in both}
        inside = {name: value for name, value in arguments.items() if name not in both or name == "dtype"}
        made = wrap(inner(**inside), **outside)
        scene = functools.partial(
            keras_scene.Scene, self.keras, self.backend, made, inner, wrap, layer, options, self.source.classes
        )
        return self.living(self.backend, made, options, sizes, self.source.claims.initial_weights, scene)

    def fresh(
        self, layer: str, options: Dict[str, Any], sizes: Dict[str, int], arguments: Dict[str, Any]
    ) -> KerasLayer:
        return self.construct(layer, options, sizes, {**keras_replaced.OWN_INITIALIZERS, **arguments})

    def _inner(self, layer: str, options: Mapping[str, Any], sizes: Mapping[str, int], **arguments: Any) -> Any:
        """A layer without `Bidirectional`."""
        chosen = {name: options[name] for name in ("dtype", *self.constructor) if name in options}
        return self.source.makers[layer]({"units": sizes["units"], **chosen}, arguments)

    def _wrapped(self, options: Mapping[str, Any], made: Any, **arguments: Any) -> Any:
        """The layer in `Bidirectional`, if the options say so."""
        if not options["bidirectional"]:
            return made
        mode = None if options["merge_mode"] == "None" else options["merge_mode"]
        with self.custom_objects():
            return self.keras.layers.Bidirectional(made, **{"merge_mode": mode, "dtype": options["dtype"], **arguments})

    def custom_objects(self) -> Any:
        """A context in which Keras knows the classes that take the place of its own."""
        return self.keras.saving.custom_object_scope(self.source.classes)

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
    replacement = sources.replacement(sys.argv[2:], [*keras_replaced.CLASSES.values(), *keras_replaced.CELLS.values()])
    if replacement is None:
        own = keras_routes.offered(keras, keras_routes.OWN)
        declares = keras_declared.offered(keras_routes.OWN)
        return Keras(keras, backend, keras_replaced.own(keras, OPTIONS), own, declares, OWN_FEATURES)
    routes = keras_routes.offered(keras, keras_routes.kinds_for(keras, replacement.name, replacement.kind))
    return Keras(keras, backend, keras_replaced.replaced(keras, OPTIONS, replacement), routes)


if __name__ == "__main__":
    serve.without_siblings()
    sys.exit(serve.serve(load))
