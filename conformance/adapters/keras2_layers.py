"""The worker for the recurrent layers of Keras 2: tf-keras, or Keras 2 itself, on TensorFlow.

Run by path: `python keras2_layers.py`. What differs from Keras 3 is told here; the rest is keras_layers.py.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Dict, List

if TYPE_CHECKING or __package__:
    from conformance.adapters import (
        keras_backends,
        keras_layers,
        keras_replaced,
        keras_routes,
        keras_scene,
        serve,
        terms,
    )
else:
    import keras_backends
    import keras_layers
    import keras_replaced
    import keras_routes
    import keras_scene
    import serve
    import terms

OPTIONS: Dict[str, List[Any]] = {**keras_layers.OPTIONS, "time_major": [False, True]}


class TensorFlow(keras_backends.TensorFlow):
    """The backend of Keras 2, whose weights are variables of TensorFlow."""

    def values(self, layer: Any) -> List[Any]:
        return list(layer.weights)

    def free_axes(self, unroll: bool) -> int:
        return 0 if unroll else 2  # the first axis may be that of time, which must be known to be unrolled


class Keras2Layer(keras_layers.KerasLayer):
    """A layer of Keras 2."""

    def build(self) -> None:
        batch, timesteps, features = self.input_shape
        self.layer.build((timesteps, batch, features) if self.time_major else self.input_shape)

    @property
    def time_major(self) -> bool:
        inner = getattr(self.layer, "forward_layer", self.layer)
        return bool(inner.time_major)

    def call(self, mode: str, inputs: terms.Inputs) -> Any:
        if mode in ROUTES:
            return ROUTES[mode].run(self.scene(inputs))
        if mode not in self.backend.modes:
            raise ValueError("there is no mode %r" % mode)
        return super().call(mode, inputs)

    def reset(self) -> None:
        self.layer.reset_states()

    def _name(self, variable: Any) -> str:
        """The last part of `forward_lstm/lstm_cell/kernel:0`, with the direction."""
        *path, last = str(variable.name).split(":")[0].split("/")
        directions = [d for d in ("forward_", "backward_") if any(part.startswith(d) for part in path)]
        return directions[0] + last if self.bidirectional and directions else last


class Keras2(keras_layers.Keras):
    """Keras 2 on TensorFlow."""

    dialect = "keras2"
    # the seed of its dropout is TensorFlow's; keras_training.py is written for Keras 3
    features = tuple(feature for feature in keras_layers.FEATURES if feature not in ("dropout", "train", "targets"))
    constructor = (*keras_layers.CONSTRUCTOR, "time_major")
    living = Keras2Layer

    def describe(self) -> Dict[str, Any]:
        described = super().describe()
        described["versions"][self.keras.__name__] = self.keras.__version__
        if self.keras.__name__ != "keras":
            del described["versions"]["keras"]
        return described

    def custom_objects(self) -> Any:
        return self.keras.utils.custom_object_scope(self.source.classes)


# ---------------------------------------------------------------- other ways to call a layer


def states_after_input(scene: keras_scene.Scene) -> Any:
    """`layer([x, h, c])`: initial states as further inputs."""
    given = keras_backends.keywords(scene.inputs._replace(initial_state=None))
    return scene.layer([scene.inputs.x, *(scene.inputs.initial_state or [])], **given)


def from_config(scene: keras_scene.Scene) -> Any:
    """A layer made from the configuration of the living one."""
    return _weighted(scene, type(scene.layer).from_config(scene.layer.get_config()))


def implementation_1(scene: keras_scene.Scene) -> Any:
    """One product for each gate."""
    return _weighted(scene, scene.wrap(scene.inner(implementation=1)))


def functional(scene: keras_scene.Scene) -> Any:
    """A functional model of the layer, called."""
    return _model(scene)(keras_scene.flat(scene.inputs))


def predict(scene: keras_scene.Scene) -> Any:
    """`predict` of a functional model, in one batch."""
    rows = max(scene.shape[:2])
    return _tensors(scene, _model(scene).predict(keras_scene.flat(scene.inputs), batch_size=rows, verbose=0))


def _weighted(scene: keras_scene.Scene, layer: Any) -> Any:
    """What another layer gives with the weights of the living one."""
    layer.build(scene.shape)
    layer.set_weights(scene.layer.get_weights())
    return layer(scene.inputs.x, **keras_backends.keywords(scene.inputs))


def _model(scene: keras_scene.Scene) -> Any:
    def like(argument: Any) -> Any:
        return scene.keras.Input(batch_shape=tuple(argument.shape), dtype=argument.dtype.name)

    x, mask, _, states = scene.inputs
    symbols = terms.Inputs(like(x), mask if mask is None else like(mask), None, states and [like(s) for s in states])
    return scene.keras.Model(keras_scene.flat(symbols), scene.layer(symbols.x, **keras_backends.keywords(symbols)))


def _tensors(scene: keras_scene.Scene, result: Any) -> Any:
    """Arrays as tensors, in their nesting."""
    if isinstance(result, (list, tuple)):
        return type(result)(_tensors(scene, part) for part in result)
    return scene.backend.tensor(result)


ROUTES: Dict[str, keras_scene.Route] = {
    "training_false": keras_scene.Route(keras_routes.training_false),
    "states_after_input": keras_scene.Route(states_after_input, {"initial_state": [True]}),
    # "The value of `initial_state` should be a tensor or list of tensors" (documentation of RNN)
    "numpy_arguments": keras_scene.Route(keras_routes.numpy_arguments, {"initial_state": [False]}),
    "from_config": keras_scene.Route(from_config),
    "implementation_1": keras_scene.Route(
        implementation_1, {"recurrent_activation": ["sigmoid", "tanh", "relu", "linear", "hard_sigmoid"]}
    ),
    "functional": keras_scene.Route(functional),
    # `predict` cuts every input along its first axis, which is the batch
    "predict": keras_scene.Route(predict, {"time_major": [False]}),
}


def load() -> Keras2:
    """Import tf-keras, or Keras if it is of version 2."""
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    backend = TensorFlow()
    keras = _keras()
    if not keras.__version__.startswith("2."):
        raise ValueError("there is Keras %s, not 2; install tf-keras, or keras<3" % keras.__version__)
    return Keras2(
        keras, backend, keras_replaced.own(keras, OPTIONS), {name: dict(r.needs) for name, r in ROUTES.items()}
    )


def _keras() -> Any:
    """tf-keras where it is, which is Keras 2 beside Keras 3; or else Keras."""
    for name in ("tf_keras", "keras"):
        try:
            return __import__(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
    raise ValueError("neither tf_keras nor keras can be imported")


if __name__ == "__main__":
    serve.without_siblings()
    sys.exit(serve.serve(load))
