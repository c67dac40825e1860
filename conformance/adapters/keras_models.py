"""Ways to call a layer of Keras that go through models: functional, sequential, in batches, after other layers, saved.

They are routes, see keras_routes.py.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, List, Sequence, Tuple

import numpy as np

if TYPE_CHECKING or __package__:
    from conformance.adapters import keras_backends
    from conformance.adapters.keras_scene import (
        BATCH,
        BATCH_AND_TIME,
        Scene,
        arrays,
        as_floatx,
        built,
        called,
        flat,
        functional_model,
        symbolic,
        weighted,
    )
else:
    import keras_backends
    from keras_scene import (
        BATCH,
        BATCH_AND_TIME,
        Scene,
        arrays,
        as_floatx,
        built,
        called,
        flat,
        functional_model,
        symbolic,
        weighted,
    )

# ---------------------------------------------------------------- models


def functional(scene: Scene) -> Any:
    """A functional model with free batch and time axes; mask and initial states are inputs of their own."""
    return called(scene, functional_model(scene, scene.layer, BATCH_AND_TIME))


def functional_fixed(scene: Scene) -> Any:
    """A functional model that knows batch and time."""
    return called(scene, functional_model(scene, scene.layer))


def sequential(scene: Scene) -> Any:
    """A Sequential model with an Input."""
    keras = scene.keras
    shape = scene.shape[1:] if scene.options["unroll"] else (None, scene.shape[-1])
    return keras.Sequential([keras.Input(shape, dtype=scene.dtype), scene.layer])(scene.inputs.x)


def sequential_without_input(scene: Scene) -> Any:
    """A Sequential model that is built by its first call."""
    return scene.keras.Sequential([scene.layer])(scene.inputs.x)


def predict(scene: Scene) -> Any:
    """`predict`, in batches of which the last is smaller where that can be."""
    size = max(1, scene.shape[0] // 2 + scene.shape[0] % 2)
    made = functional_model(scene, scene.layer, BATCH if scene.options["unroll"] else BATCH_AND_TIME)
    return _predicted(scene, made, size)


def predict_at_once(scene: Scene) -> Any:
    """`predict` of a model that knows batch and time, in one batch."""
    return _predicted(scene, functional_model(scene, scene.layer), scene.shape[0])


def _predicted(scene: Scene, made: Any, batch_size: int) -> Any:
    return _tensors(scene, made.predict(flat(arrays(scene)), batch_size=batch_size, verbose=0))


def _tensors(scene: Scene, value: Any) -> Any:
    """`predict` gives arrays of NumPy where a call gives tensors."""
    if isinstance(value, (tuple, list)):
        return type(value)(_tensors(scene, part) for part in value)
    return scene.backend.tensor(value) if isinstance(value, np.ndarray) else value


def reused(scene: Scene) -> Any:
    """A layer that is called twice in one model; the second result."""
    inputs, outputs, first = [], [], scene.inputs._replace(x=-scene.inputs.x)
    for _ in range(2):
        symbols = symbolic(scene, scene.inputs)
        inputs += flat(symbols)
        outputs.append(scene.layer(symbols.x, **keras_backends.keywords(symbols)))
    return scene.keras.Model(inputs, outputs)(flat(first) + flat(scene.inputs))[1]


def cloned_model(scene: Scene) -> Any:
    """`clone_model` of a functional model."""
    with scene.keras.saving.custom_object_scope(scene.classes):
        return called(scene, weighted(scene, scene.keras.models.clone_model(functional_model(scene, scene.layer))))


def encoder_decoder(scene: Scene) -> Any:
    """One layer reads the first steps; another goes on with the rest, from the states that it is handed in a model."""
    steps, symbols = scene.shape[1], symbolic(scene, scene.inputs)
    if steps < 2:
        return functional_fixed(scene)
    if scene.options["go_backwards"]:
        first, second = symbols.x[:, steps // 2 :], symbols.x[:, : steps // 2]
    else:
        first, second = symbols.x[:, : steps // 2], symbols.x[:, steps // 2 :]
    encoder = built(scene, scene.inner(return_state=True))
    begun, *states = encoder(first, initial_state=symbols.initial_state)
    outputs = scene.layer(second, initial_state=states)
    if scene.options["return_sequences"]:
        outputs = outputs if isinstance(outputs, (tuple, list)) else [outputs]
        outputs = (scene.keras.ops.concatenate([begun, outputs[0]], axis=1), *outputs[1:])
        outputs = outputs if len(outputs) > 1 else outputs[0]
    return called(scene, scene.keras.Model(flat(symbols), outputs))


def encoder_of_nothing(scene: Scene) -> Any:
    """The layer gets its initial states, in a model, from a layer of both directions all of whose steps are masked."""
    symbols = symbolic(scene, scene.inputs)
    encoder = built(scene, scene.wrap(scene.inner(return_state=True, unroll=False)))
    nothing = scene.keras.ops.zeros_like(symbols.x[:, :, 0], dtype="bool")
    halves = 2 if scene.options["merge_mode"] == "None" else 1
    states = encoder(symbols.x, mask=nothing, initial_state=symbols.initial_state)[halves:]
    outputs = scene.layer(symbols.x, initial_state=list(states))
    return called(scene, scene.keras.Model(flat(symbols), outputs))


def stateful_stack(scene: Scene) -> Any:
    """A model of two stateful layers, the lower of which hands on what it reads, called with the steps in two parts."""
    steps = scene.shape[1]
    if steps < 2:
        return functional_fixed(scene)
    upper = built(scene, scene.inner(stateful=True))
    symbol = scene.keras.Input(batch_shape=(scene.shape[0], None, scene.shape[2]), dtype=scene.dtype)
    stack = scene.keras.Model(symbol, upper(_identity(scene, stateful=True)(symbol)))
    early, late = scene.inputs.x[:, : steps // 2], scene.inputs.x[:, steps // 2 :]
    first, second = (stack(part) for part in ((late, early) if scene.options["go_backwards"] else (early, late)))
    return scene.keras.ops.concatenate([first, second], axis=1) if scene.options["return_sequences"] else second


def fit(scene: Scene) -> Tuple[()]:
    """One epoch of `fit` with one batch; it gives nothing back, and leaves the states that the batch ended with."""
    _read_in_training(scene, 0.125, 1)
    return ()


def evaluate(scene: Scene) -> Tuple[()]:
    """`evaluate` with one batch."""
    with as_floatx(scene):
        _compiled(scene, 0.0).evaluate(*_batch(scene), batch_size=scene.shape[0], verbose=0)
    return ()


def after_two_epochs(scene: Scene) -> Any:
    """A plain call after two epochs of `fit`, in each of which the layer reads the batch; no weight is moved."""
    _read_in_training(scene, 0.0, 2)
    return scene.layer(scene.inputs.x, **keras_backends.keywords(scene.inputs))


def _read_in_training(scene: Scene, rate: float, epochs: int) -> None:
    with as_floatx(scene):
        model = _compiled(scene, rate)
        model.fit(*_batch(scene), batch_size=scene.shape[0], epochs=epochs, shuffle=False, verbose=0)


def _compiled(scene: Scene, rate: float) -> Any:
    """A model that knows batch and time, with mean squared errors for its loss."""
    model = functional_model(scene, scene.layer)
    model.compile(scene.keras.optimizers.SGD(rate), "mse", jit_compile=scene.keras.backend.backend() == "jax")
    return model


def _batch(scene: Scene) -> Tuple[List[Any], List[Any]]:
    """The arguments, and zeros for what the layer is to give."""
    outputs = scene.layer.compute_output_shape(scene.shape)
    shapes = [outputs] if isinstance(outputs[0], int) else outputs
    return flat(arrays(scene)), [np.zeros(shape, scene.options["dtype"]) for shape in shapes]


def time_distributed(scene: Scene) -> Any:
    """`TimeDistributed` around the layer, over two sequences for each sample; what it gives for the second."""
    x = scene.keras.ops.stack([-scene.inputs.x, scene.inputs.x], axis=1)
    # a wrapper casts its input to a type of its own
    return scene.keras.layers.TimeDistributed(scene.layer, dtype=scene.layer.dtype_policy)(x)[:, 1]


# ---------------------------------------------------------------- masks that layers make


def mask_of_masking(scene: Scene) -> Any:
    """A `Masking` layer makes the mask, of steps that have its value in all features."""
    return _masked(scene, [])


def mask_of_embedding(scene: Scene) -> Any:
    """An `Embedding` with `mask_zero` makes the input, whose steps are its vectors, and the mask."""
    keras, given = scene.keras, arrays(scene)
    batch, steps, features = scene.shape
    table = np.concatenate([np.zeros((1, features), given.x.dtype), given.x.reshape(-1, features)])
    numbers = np.where(given.mask, 1 + np.arange(batch * steps).reshape(batch, steps), 0)
    embedding = keras.layers.Embedding(len(table), features, mask_zero=True, dtype=scene.options["dtype"])
    embedding.build()
    embedding.set_weights([table])
    symbols = symbolic(scene, scene.inputs._replace(x=numbers.astype("int32"), mask=None))
    outputs = scene.layer(embedding(symbols.x), initial_state=symbols.initial_state)
    tensors = flat(scene.inputs._replace(x=scene.backend.tensor(numbers.astype("int32")), mask=None))
    return keras.Model(flat(symbols), outputs)(tensors)


def mask_through_layer(scene: Scene) -> Any:
    """The mask of a `Masking` layer reaches the layer through a recurrent one that changes nothing."""
    return _masked(scene, [_identity(scene)])


def mask_through_two_layers(scene: Scene) -> Any:
    """The same through two, one of them bidirectional."""
    both = scene.keras.layers.Bidirectional(_identity(scene), merge_mode="ave", dtype=scene.options["dtype"])
    return _masked(scene, [both, _identity(scene)])


def mask_through_go_backwards(scene: Scene) -> Any:
    """The same through two that change nothing but the order of the steps, which the second restores."""
    return _masked(scene, [_identity(scene, go_backwards=True) for _ in range(2)])


def _masked(scene: Scene, before: Sequence[Any]) -> Any:
    """The layer in a model after a `Masking` layer and others, without a mask of its own."""
    given = arrays(scene)
    sentinel = -1024.0
    while (given.x == sentinel).any():
        sentinel *= 2
    x = np.where(given.mask[:, :, None], given.x, np.asarray(sentinel, given.x.dtype))
    inputs = scene.inputs._replace(x=scene.backend.tensor(x), mask=None)
    symbols = symbolic(scene, inputs)
    passed = scene.keras.layers.Masking(sentinel, dtype=scene.options["dtype"])(symbols.x)
    for layer in before:
        passed = layer(passed)
    outputs = scene.layer(passed, **keras_backends.keywords(symbols._replace(mask=None)))
    return scene.keras.Model(flat(symbols), outputs)(flat(inputs))


def _identity(scene: Scene, **arguments: Any) -> Any:
    """A recurrent layer whose output at every step is its input, with nothing rounded."""
    fixed = {"kernel_initializer": scene.keras.initializers.Identity(), "recurrent_initializer": "zeros"}
    plain = {"activation": "linear", "use_bias": False, "return_sequences": True, "dtype": scene.options["dtype"]}
    return scene.keras.layers.SimpleRNN(scene.shape[-1], **fixed, **plain, **arguments)


# ---------------------------------------------------------------- saved and loaded


def json(scene: Scene) -> Any:
    """`to_json` and `model_from_json`."""
    text = functional_model(scene, scene.layer).to_json()
    return called(scene, weighted(scene, scene.keras.models.model_from_json(text, custom_objects=scene.classes)))


def keras_file(scene: Scene) -> Any:
    """A whole model in a `.keras` file. It gives a list: values are to be seen whatever becomes of tuples (`json`)."""
    symbols = symbolic(scene, scene.inputs)
    outputs = scene.layer(symbols.x, **keras_backends.keywords(symbols))
    model = scene.keras.Model(flat(symbols), list(outputs) if isinstance(outputs, tuple) else outputs)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "model.keras"))
        model.save(path)
        result = called(scene, scene.keras.models.load_model(path, custom_objects=scene.classes))
    return tuple(result) if isinstance(outputs, tuple) else result


def weights_file(scene: Scene) -> Any:
    """The weights of a model in a `.weights.h5` file, loaded into another."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "model.weights.h5"))
        functional_model(scene, scene.layer).save_weights(path)
        other = functional_model(scene, scene.wrap(scene.inner()))
        other.load_weights(path)
        return called(scene, other)
