"""What routes (keras_routes.py) are given, and what several of them need: symbolic arguments, models, equal layers."""

from __future__ import annotations

import contextlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Tuple

if TYPE_CHECKING or __package__:
    from conformance.adapters import keras_backends, terms
else:
    import keras_backends
    import terms

BATCH, BATCH_AND_TIME = 1, 2
"""How many of the first axes of a symbolic tensor are unknown."""


class Scene(NamedTuple):
    """A call that is to be made another way.

    Attributes:
        keras: the framework.
        backend: what it runs on.
        layer: the living layer, with its weights.
        inner: gives a layer such as the living one without `Bidirectional`, for more constructor arguments.
        wrap: puts such a layer into `Bidirectional` if the living one is, for more arguments of it.
        kind: `simple_rnn`, `lstm` or `gru`.
        options: all of them.
        classes: name -> class that takes the place of one of Keras.
        inputs: the arguments of the call.
    """

    keras: Any
    backend: keras_backends.Backend
    layer: Any
    inner: Callable[..., Any]
    wrap: Callable[..., Any]
    kind: str
    options: Dict[str, Any]
    classes: Dict[str, Any]
    inputs: terms.Inputs

    @property
    def shape(self) -> Tuple[int, ...]:
        """Of the input: batch, timesteps, features."""
        return tuple(int(size) for size in self.inputs.x.shape)

    @property
    def dtype(self) -> str:
        """Of the input, by Keras's name for it; the layer's may be another."""
        return str(self.keras.backend.standardize_dtype(self.inputs.x.dtype))


Needs = Mapping[str, List[Any]]


class Route(NamedTuple):
    """A way to call a layer.

    Attributes:
        run: does it.
        needs: option -> the values with which there is this way; None: the layer has no such option.
        of: whose layers: `any`; `saved`: those that say how they are saved (`get_config`); `own`: those of Keras;
            `asked`: those, too, but the way is that of an open question alone and not offered.
        backends: those that have it.
        since: the first version of Keras that has what it needs.
    """

    run: Callable[[Scene], Any]
    needs: Needs = MappingProxyType({})
    of: str = "any"
    backends: Tuple[str, ...] = ("tensorflow", "torch", "jax")
    since: Tuple[int, int] = (3, 0)


def version(keras: Any) -> Tuple[int, int]:
    """Of Keras: the first two numbers."""
    major, minor = str(keras.__version__).split(".")[:2]
    return int(major), int(minor)


def arrays(scene: Scene) -> terms.Inputs:
    """The arguments as NumPy arrays."""
    x, mask, _, states = scene.inputs
    array = scene.backend.array
    return terms.Inputs(
        array(x), None if mask is None else array(mask), None, states and [array(state) for state in states]
    )


@contextlib.contextmanager
def as_floatx(scene: Scene) -> Iterator[None]:
    """`fit` and `evaluate` cast to `floatx`, which users of another type set."""
    config = scene.keras.config
    before = config.floatx()
    config.set_floatx(scene.options["dtype"])
    try:
        yield
    finally:
        config.set_floatx(before)


def flat(inputs: terms.Inputs) -> List[Any]:
    """The arguments in a row, as models take them."""
    return [inputs.x, *([] if inputs.mask is None else [inputs.mask]), *(inputs.initial_state or [])]


def symbolic(scene: Scene, inputs: terms.Inputs, free: int = 0) -> terms.Inputs:
    """Symbolic arguments with the sizes of these, but for the first axes: so many of them are unknown."""

    def like(argument: Any, unknown: int) -> Any:
        shape = (None,) * unknown + tuple(int(size) for size in argument.shape[unknown:])
        return scene.keras.Input(batch_shape=shape, dtype=scene.keras.backend.standardize_dtype(argument.dtype))

    x, mask, _, states = inputs
    states = states and [like(state, min(free, BATCH)) for state in states]
    return terms.Inputs(like(x, free), None if mask is None else like(mask, free), None, states)


def functional_model(scene: Scene, layer: Any, free: int = 0) -> Any:
    """A functional model of a layer."""
    symbols = symbolic(scene, scene.inputs, free)
    return scene.keras.Model(flat(symbols), layer(symbols.x, **keras_backends.keywords(symbols)))


def called(scene: Scene, model: Any) -> Any:
    """What a functional model gives for the arguments."""
    return model(flat(scene.inputs))


def weighted(scene: Scene, other: Any) -> Any:
    """A built layer or model with the weights of the living layer."""
    other.set_weights(scene.layer.get_weights())
    return other


def built(scene: Scene, layer: Any) -> Any:
    """A new layer, built, with the weights of the living layer."""
    layer.build(scene.shape)
    return weighted(scene, layer)


def plain_call(scene: Scene, layer: Any) -> Any:
    """A plain call of a new layer."""
    return built(scene, layer)(scene.inputs.x, **keras_backends.keywords(scene.inputs))


def configured(scene: Scene, layer: Any) -> Any:
    """The second of two layers that are made from the configuration of one."""
    config = layer.get_config()
    with scene.keras.saving.custom_object_scope(scene.classes):
        for _ in range(2):
            made = type(layer).from_config(config)
    return made
