"""Training of a layer of Keras: the steps that `fit` takes, with the whole batch in each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Sequence

import numpy as np

if TYPE_CHECKING or __package__:
    from conformance.adapters import terms
    from conformance.adapters.keras_backends import keywords
    from conformance.adapters.keras_scene import Scene, arrays, as_floatx
else:
    import terms
    from keras_backends import keywords
    from keras_scene import Scene, arrays, as_floatx


def by_fit(scene: Scene, descent: terms.Descent) -> Iterator[List[np.ndarray[Any, Any]]]:
    """All weights of the layer after each step.

    The model around the layer only hands its arguments over, and weighs what it gives with `compute_loss`, so that
    Keras does not apply the mask to the loss a second time. `fit` casts to `floatx`, which users of another type set.
    """
    keras, layer = scene.keras, scene.layer
    _freeze(layer, descent.frozen)
    try:
        with as_floatx(scene):
            model = _model(keras, layer, scene.options["dtype"], descent)
            x, y = _named(arrays(scene)), [scene.backend.array(it) for it in descent.beside.values()]
            for _ in range(descent.steps):
                model.fit(x, y, batch_size=len(x["x"]), epochs=1, shuffle=False, verbose=0)
                yield [np.array(weight) for weight in layer.get_weights()]
    finally:
        _thaw(layer)


def _freeze(layer: Any, frozen: Sequence[int]) -> None:
    """Weights of these numbers are not trained; if that is all of them, the whole layer is frozen, as users do it."""
    if len(frozen) == len(layer.weights):
        layer.trainable = False
    for number in frozen:
        layer.weights[number].trainable = False


def _thaw(layer: Any) -> None:
    """All is trained again."""
    layer.trainable = True
    for weight in layer.weights:  # on TensorFlow these stay frozen: specs/deviations/keras_tensorflow_thaw.py
        weight.trainable = True


def _model(keras: Any, layer: Any, dtype: str, descent: terms.Descent) -> Any:
    """A compiled model of what the layer gives that enters into the loss."""

    class Model(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(dtype=dtype)
            self.layer = layer

        def build(self, _shape: Any) -> None:
            """The layer is built."""

        def call(self, given: Dict[str, Any]) -> Any:
            states = [given[name] for name in sorted(given) if name.startswith("state")]
            handed = terms.Inputs(given["x"], given.get("mask"), None, states or None)
            leaves = _leaves(self.layer(handed.x, **keywords(handed)))
            return [leaves[number] for number in descent.beside]

    class Weighed(Model):
        def compute_loss(self, x: Any, y: Any, y_pred: Any, *_: Any, **__: Any) -> Any:  # noqa: ARG002 - called by name, too
            return sum([keras.ops.sum(one * weight) for one, weight in zip(y_pred, y)] + self.losses)

    model = Model() if descent.squared else Weighed()
    losses = {"loss": ["mean_squared_error"] * len(descent.beside)} if descent.squared else {}
    model.compile(keras.optimizers.SGD(descent.rate), jit_compile=keras.backend.backend() == "jax", **losses)
    return model


def _leaves(result: Any) -> List[Any]:
    """The tensors of what a layer gives, in order."""
    return [leaf for part in result for leaf in _leaves(part)] if isinstance(result, (tuple, list)) else [result]


def _named(inputs: terms.Inputs) -> Dict[str, Any]:
    """The arguments by names, as a model takes them."""
    given = {"x": inputs.x, "mask": inputs.mask}
    given.update(("state%d" % number, state) for number, state in enumerate(inputs.initial_state or []))
    return {name: value for name, value in given.items() if value is not None}
