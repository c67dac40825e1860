"""Ways in which a layer of Keras says beforehand what a call gives: shapes, symbolic tensors, the mask handed on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, NamedTuple, Tuple

if TYPE_CHECKING or __package__:
    from conformance.adapters import keras_backends, terms
    from conformance.adapters.keras_scene import BATCH, BATCH_AND_TIME, Scene, symbolic
else:
    import keras_backends
    import terms
    from keras_scene import BATCH, BATCH_AND_TIME, Scene, symbolic

AXES = ("batch", "timesteps")


def output_shape(scene: Scene, free: int) -> Any:
    """`compute_output_shape`, which says nothing of types."""
    return _shapes(scene.layer.compute_output_shape((None,) * free + scene.shape[free:]))


def _shapes(value: Any) -> Any:
    """Shapes are tuples or lists of numbers; so is their nesting, but for what is in it."""
    if isinstance(value, (tuple, list)) and all(size is None or isinstance(size, int) for size in value):
        return terms.Spec(tuple(value), None)
    if isinstance(value, (tuple, list)):
        return type(value)([_shapes(part) for part in value])
    return value


def output_spec(scene: Scene, free: int) -> Any:
    """`compute_output_spec`."""
    symbols = symbolic(scene, scene.inputs, free)
    return _specs(scene, scene.layer.compute_output_spec(symbols.x, **keras_backends.keywords(symbols)))


def symbolic_call(scene: Scene, free: int) -> Any:
    """A call on `keras.Input`, as functional models are made of."""
    symbols = symbolic(scene, scene.inputs, free)
    return _specs(scene, scene.layer(symbols.x, **keras_backends.keywords(symbols)))


def _specs(scene: Scene, value: Any) -> Any:
    if isinstance(value, scene.keras.KerasTensor):
        return terms.Spec(tuple(value.shape), str(scene.keras.backend.standardize_dtype(value.dtype)))
    if isinstance(value, (tuple, list)):
        return type(value)([_specs(scene, part) for part in value])
    return value


def mask(scene: Scene, _free: int) -> Any:
    """`compute_mask`."""
    return scene.layer.compute_mask(scene.inputs.x, scene.inputs.mask)


def stateful(declared: Callable[[Scene, int], Any]) -> Callable[[Scene, int], Any]:
    """The same of a layer with `stateful=True`, whose first call gives what any other gives."""

    def by_another(scene: Scene, free: int) -> Any:
        layer = scene.wrap(scene.inner(stateful=True))
        layer.build(scene.shape)
        return declared(scene._replace(layer=layer), free)

    return by_another


class Way(NamedTuple):
    """A way to declare.

    Attributes:
        run: does it, with so many axes unknown.
        of: what it declares.
        free: how many of the first axes are unknown.
        needs: option -> the values with which there is this way.
    """

    run: Callable[[Scene, int], Any]
    of: str = "outputs"
    free: int = 0
    needs: Mapping[str, List[Any]] = {}


# "Cannot unroll a RNN if the time dimension is undefined": the ValueError of RNN.call.
FREE_TIME: Mapping[str, List[Any]] = {"unroll": [False]}

# Another layer is made for them, of the type that the options say: not for layers of mixed precision.
OWN_TYPE: Mapping[str, List[Any]] = {"dtype": ["float32", "float64"]}

WAYS: Dict[str, Way] = {
    "compute_output_shape": Way(output_shape),
    "compute_output_shape_unknown": Way(output_shape, free=BATCH_AND_TIME, needs=FREE_TIME),
    "compute_output_spec": Way(output_spec),
    "symbolic": Way(symbolic_call),
    "symbolic_unknown_batch": Way(symbolic_call, free=BATCH),
    "symbolic_unknown": Way(symbolic_call, free=BATCH_AND_TIME, needs=FREE_TIME),
    "compute_mask": Way(mask, of="mask"),
    "stateful_compute_output_shape": Way(stateful(output_shape), needs=OWN_TYPE),
    "stateful_compute_output_spec": Way(stateful(output_spec), needs=OWN_TYPE),
    "stateful_symbolic": Way(stateful(symbolic_call), needs=OWN_TYPE),
    "stateful_compute_mask": Way(stateful(mask), of="mask", needs=OWN_TYPE),
}


def offered(kinds: Tuple[str, ...]) -> Dict[str, Any]:
    """The ways of layers of these kinds (`keras_scene.Route.of`), as `hello` tells them: those of Keras itself only."""
    if "own" not in kinds:
        return {}
    return {
        name: {"of": way.of, "unknown": list(AXES[: way.free]), "needs": dict(way.needs)} for name, way in WAYS.items()
    }


def declare(name: str, scene: Scene) -> Any:
    """What a way declares; `ValueError` if there is none of that name."""
    if name not in WAYS:
        raise ValueError("there is no way %r to declare; there are %s" % (name, ", ".join(WAYS)))
    return WAYS[name].run(scene, WAYS[name].free)
