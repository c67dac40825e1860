"""Ways to call a layer of Keras that must give what a plain call gives.

A route gets a scene (a living layer, the arguments of a call, and the means to make such layers anew) and gives what a
plain call would: the same tensors in the same nesting. Layers that a route makes get the weights of the living layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Sequence

import numpy as np

if TYPE_CHECKING or __package__:
    from conformance.adapters import keras_backends, keras_cells, keras_models, keras_replaced
    from conformance.adapters.keras_scene import Needs, Route, Scene, arrays, built, configured, plain_call, version
else:
    import keras_backends
    import keras_cells
    import keras_models
    import keras_replaced
    from keras_scene import Needs, Route, Scene, arrays, built, configured, plain_call, version

# ---------------------------------------------------------------- the living layer, called otherwise


def training_false(scene: Scene) -> Any:
    """`training=False`, the documented default said aloud."""
    return scene.layer(scene.inputs.x, training=False, **keras_backends.keywords(scene.inputs))


def positional(scene: Scene) -> Any:
    """All arguments by position: `sequences, initial_state, mask`, as they are documented."""
    return scene.layer(scene.inputs.x, scene.inputs.initial_state, scene.inputs.mask)


def numpy_arguments(scene: Scene) -> Any:
    """Arrays of NumPy in the place of tensors."""
    given = arrays(scene)
    return scene.layer(given.x, **keras_backends.keywords(given))


def stateless_call(scene: Scene) -> Any:
    """The functional form of a call: variables go in, and the outputs come first of what comes out."""
    layer = scene.layer
    trainable = [variable.value for variable in layer.trainable_variables]
    fixed = [variable.value for variable in layer.non_trainable_variables]
    return layer.stateless_call(trainable, fixed, scene.inputs.x, **keras_backends.keywords(scene.inputs))[0]


def xla(scene: Scene) -> Any:
    """`tf.function` compiled by XLA for these shapes."""
    tf: Any = getattr(scene.backend, "tf")  # noqa: B009 (only one of the backends has it)
    compiled = tf.function(lambda x, given: scene.layer(x, **given), jit_compile=True)
    return compiled(scene.inputs.x, keras_backends.keywords(scene.inputs))


def torch_compile(scene: Scene) -> Any:
    """`torch.compile` of the layer: what Dynamo makes of it, run as it is."""
    torch: Any = getattr(scene.backend, "torch")  # noqa: B009 (only one of the backends has it)
    torch.compiler.reset()  # or what was compiled for other layers counts against the limit of recompilations
    compiled = torch.compile(scene.layer, backend="eager")
    return compiled(scene.inputs.x, **keras_backends.keywords(scene.inputs))


# ---------------------------------------------------------------- other layers that are the same


def from_config(scene: Scene) -> Any:
    """The second layer from one `get_config`: the first must have left it as it was."""
    return plain_call(scene, configured(scene, scene.layer))


def implementation_1(scene: Scene) -> Any:
    """One product for each gate."""
    return plain_call(scene, scene.wrap(scene.inner(implementation=1)))


def without_cudnn(scene: Scene) -> Any:
    """`use_cudnn=False`."""
    return plain_call(scene, scene.wrap(scene.inner(use_cudnn=False)))


def with_cudnn(scene: Scene) -> Any:
    """`use_cudnn=True`, where a backend takes that on any machine."""
    return plain_call(scene, scene.wrap(scene.inner(use_cudnn=True)))


def zero_bias(scene: Scene) -> Any:
    """A bias of zeros in the place of none."""
    layer = scene.wrap(scene.inner(use_bias=True, bias_initializer="zeros", **_no_unit_forget_bias(scene)))
    layer.build(scene.shape)
    given = iter(scene.layer.get_weights())
    layer.set_weights([w if str(v.name) == "bias" else next(given) for v, w in zip(layer.weights, layer.get_weights())])
    return layer(scene.inputs.x, **keras_backends.keywords(scene.inputs))


def _no_unit_forget_bias(scene: Scene) -> Dict[str, Any]:
    return {"unit_forget_bias": False} if scene.kind == "lstm" else {}


def backward_layer(scene: Scene) -> Any:
    """`Bidirectional` with an explicit backward layer."""
    return plain_call(scene, scene.wrap(scene.inner(), backward_layer=scene.inner(go_backwards=True)))


def handed_over(scene: Scene) -> Any:
    """A layer of which a `Bidirectional` was made; as its backward layer, if it reads backwards."""
    layer = built(scene, scene.inner())
    if scene.options["go_backwards"]:
        scene.keras.layers.Bidirectional(scene.inner(go_backwards=False), backward_layer=layer)
    else:
        scene.keras.layers.Bidirectional(layer)
    return layer(scene.inputs.x, **keras_backends.keywords(scene.inputs))


def wrapper_weights(scene: Scene) -> Any:
    """`Bidirectional` that is given its weights when it is made."""
    layer = scene.wrap(scene.inner(), weights=scene.layer.get_weights())
    return layer(scene.inputs.x, **keras_backends.keywords(scene.inputs))


def wider_backward_layer(scene: Scene) -> Any:
    """`Bidirectional` with a backward layer of two more units, which nothing reads and which are cut off."""
    units = int(scene.inner().units)
    backward = scene.inner(go_backwards=True, units=units + EXTRA)
    layer = scene.wrap(scene.inner(), backward_layer=backward)
    layer.build(scene.shape)
    weights = scene.layer.get_weights()
    half = len(weights) // 2
    widened = [_with_more_units(weight, units, at) for at, weight in enumerate(weights[half:])]
    layer.set_weights(weights[:half] + widened)
    given = keras_backends.keywords(scene.inputs)
    if scene.inputs.initial_state is not None:
        states = scene.inputs.initial_state
        more = [scene.keras.ops.pad(state, [[0, 0], [0, EXTRA]]) for state in states[len(states) // 2 :]]
        given["initial_state"] = [*states[: len(states) // 2], *more]
    found = layer(scene.inputs.x, **given)
    return _without_extra(scene, found)


EXTRA = 2
"""Units of a backward layer that is wider."""


def _with_more_units(weight: Any, units: int, at: int) -> Any:
    """A kernel, recurrent kernel or bias (by its place) with extra units in each gate, whose weights are zero."""
    gates = weight.reshape(*weight.shape[:-1], -1, units)
    wide = np.pad(gates, [(0, 0)] * (gates.ndim - 1) + [(0, EXTRA)])
    wide = wide.reshape(*weight.shape[:-1], -1)
    return np.pad(wide, [(0, EXTRA), (0, 0)]) if at == RECURRENT_KERNEL else wide


RECURRENT_KERNEL = 1
"""Its place among the weights of a direction."""


def _without_extra(scene: Scene, found: Any) -> Any:
    """What the wrapper returns, without the extra units: they come last in a joined output."""
    if not isinstance(found, (list, tuple)):
        return found[..., :-EXTRA]
    outputs = 2 if scene.options["merge_mode"] == "None" else 1
    states = (len(found) - outputs) // 2
    backward = [outputs - 1, *range(outputs + states, len(found))]
    return type(found)(part[..., :-EXTRA] if place in backward else part for place, part in enumerate(found))


# ---------------------------------------------------------------- the table

GATED: Needs = {"recurrent_activation": ["sigmoid", "tanh", "relu", "linear", "hard_sigmoid"]}  # of LSTM and GRU only
MASKED: Needs = {"mask": ["right", "left", "gaps", "full_rows"]}

# "A Sequential model is appropriate for a plain stack of layers where each layer has exactly one input tensor and one
# output tensor" (keras.io/guides/sequential_model); TimeDistributed hands its input on, and no initial states.
ONE_TENSOR: Needs = {
    "mask": ["none"],
    "initial_state": [False],
    "return_state": [False],
    "merge_mode": [None, "concat", "sum", "mul", "ave"],
}

# "Cannot unroll a RNN if the time dimension is undefined": give Input a shape, advises the ValueError of RNN.call.
FREE_TIME: Needs = {"unroll": [False]}

# The states of stacked cells are nested by cell, also those of a single one.
NO_STATES: Needs = {"return_state": [False], "initial_state": [False]}

# Read without an answer by a stateful layer: only later calls show the states that it then has.
READ: Needs = {
    "dtype": ["float32", "float64"],
    "mask": ["none"],
    "initial_state": [False],
    "return_sequences": [False],
    "bidirectional": [False],
}

# A joined output ends with the backward layer's units; others are merged element by element.
WIDENED: Needs = {"bidirectional": [True], "go_backwards": [False], "merge_mode": ["concat", "None"]}

ROUTES: Dict[str, Route] = {
    "training_false": Route(training_false, of="own"),
    "positional": Route(positional, of="own"),
    "numpy_arguments": Route(numpy_arguments),
    "stateless_call": Route(stateless_call),
    "xla": Route(xla, of="own", backends=("tensorflow",)),
    "torch_compile": Route(torch_compile, of="own", backends=("torch",)),
    "functional": Route(keras_models.functional, FREE_TIME),
    "functional_fixed": Route(keras_models.functional_fixed),
    "sequential": Route(keras_models.sequential, ONE_TENSOR),
    "sequential_without_input": Route(keras_models.sequential_without_input, {**ONE_TENSOR, **FREE_TIME}),
    "predict": Route(keras_models.predict),
    "predict_at_once": Route(keras_models.predict_at_once),
    "reused": Route(keras_models.reused),
    "cloned_model": Route(keras_models.cloned_model, of="saved"),
    "encoder_decoder": Route(keras_models.encoder_decoder, {"mask": ["none"], "bidirectional": [False]}, "own"),
    "encoder_of_nothing": Route(keras_models.encoder_of_nothing, {"mask": ["none"], "bidirectional": [True]}, "own"),
    "stateful_stack": Route(keras_models.stateful_stack, {**ONE_TENSOR, **FREE_TIME, "bidirectional": [False]}, "own"),
    "fit": Route(keras_models.fit, READ, "own"),
    "evaluate": Route(keras_models.evaluate, READ, "own"),
    "after_two_epochs": Route(keras_models.after_two_epochs, READ, "asked"),
    "time_distributed": Route(keras_models.time_distributed, ONE_TENSOR),
    "mask_of_masking": Route(keras_models.mask_of_masking, MASKED, "own"),
    "mask_of_embedding": Route(keras_models.mask_of_embedding, MASKED, "own"),
    "mask_through_layer": Route(keras_models.mask_through_layer, MASKED, "own"),
    "mask_through_two_layers": Route(keras_models.mask_through_two_layers, MASKED, "own"),
    "mask_through_go_backwards": Route(keras_models.mask_through_go_backwards, MASKED, "own"),
    "from_config": Route(from_config, of="saved"),
    "implementation_1": Route(implementation_1, GATED, "own", since=(3, 4)),
    "without_cudnn": Route(without_cudnn, GATED, "own", since=(3, 2)),
    "with_cudnn": Route(
        with_cudnn, {**GATED, "mask": ["none"], "reset_after": [None, True]}, "own", ("torch",), since=(3, 2)
    ),
    "zero_bias": Route(zero_bias, {"use_bias": [False]}, "own"),
    "backward_layer": Route(backward_layer, {"bidirectional": [True], "go_backwards": [False]}, "own"),
    "wider_backward_layer": Route(wider_backward_layer, WIDENED, "own"),
    "handed_over": Route(handed_over, {"bidirectional": [False]}, "own"),
    "wrapper_weights": Route(wrapper_weights, {"bidirectional": [True]}, "own"),
    "rnn_of_cell": Route(keras_cells.rnn_of_cell, of="own"),
    "rnn_of_cells": Route(keras_cells.rnn_of_cells, NO_STATES, "own"),
    "rnn_from_config": Route(keras_cells.rnn_from_config, of="own"),
    "cell_below_another": Route(keras_cells.cell_below_another, {**NO_STATES, "bidirectional": [False]}, "own"),
    "cell_above_another": Route(keras_cells.cell_above_another, {**NO_STATES, "bidirectional": [False]}, "own"),
    "cell_with_a_clock": Route(keras_cells.cell_with_a_clock, {"bidirectional": [False]}, "own"),
    "json": Route(keras_models.json, of="own"),
    "keras_file": Route(keras_models.keras_file, of="saved"),
    "weights_file": Route(keras_models.weights_file, of="saved"),
}


OWN = ("any", "saved", "own")
"""The kinds of routes (`Route.of`) for layers of Keras itself."""


def kinds_for(keras: Any, name: str, stands_in: Any) -> Sequence[str]:
    """The kinds of routes for a class in the place of a layer or cell of Keras, of which there are fewer.

    Left out are routes that are about Keras as much as about the layer, those that save where the class does not say
    how, and for cells all.
    """
    if name in keras_replaced.CELLS.values():
        return ()
    says = getattr(stands_in, "get_config", keras.layers.Layer.get_config) is not keras.layers.Layer.get_config
    return ("any", "saved") if says else ("any",)


def offered(keras: Any, kinds: Sequence[str]) -> Dict[str, Dict[str, List[Any]]]:
    """The routes of layers of these kinds (see `Route.of`) in a version on its backend, with the options they need."""
    backend, present = keras.backend.backend(), version(keras)
    return {
        name: dict(route.needs)
        for name, route in ROUTES.items()
        if backend in route.backends and route.of in kinds and present >= route.since
    }


def follow(name: str, scene: Scene) -> Any:
    """What a route gives; `ValueError` if there is no such route on this backend."""
    if name not in offered(scene.keras, (*OWN, "asked")):
        raise ValueError("there is no mode %r" % name)
    return ROUTES[name].run(scene)
