"""The backends of Keras: how each is set up, and what its tensors and compiled functions are.

Everything runs on the CPU and on one thread: more threads cost time on small layers and change rounding from run to
run. Each class is made before Keras is imported.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Protocol, Tuple

import numpy as np

if TYPE_CHECKING or __package__:
    from conformance.adapters import terms, torch_arrays, torch_gradients, wire
else:
    import terms
    import torch_arrays
    import torch_gradients
    import wire


Run = Callable[["terms.Inputs"], Any]
"""Makes a call."""

KEPT_LAYERS = 40
"""After so many layers JAX is told to forget the programs that it has in memory."""


class Backend(Protocol):
    """What an adapter needs of a backend."""

    modes: Tuple[str, ...]

    def versions(self) -> Dict[str, str]:
        """Package -> version."""

    def relieve(self) -> None:
        """Give back memory that earlier layers took; called before a layer is made."""

    def tensor(self, array: np.ndarray[Any, Any]) -> Any:
        """A tensor of the same type, shape and values."""

    def array(self, value: Any) -> Optional[np.ndarray[Any, Any]]:
        """The present values of a tensor; None if it is not one."""

    def eager(self, layer: Any, inputs: terms.Inputs, **more: Any) -> Any:
        """What calling the layer returns, with more arguments."""

    def graph(self, layer: Any, inputs: terms.Inputs, unroll: bool, /) -> Callable[[terms.Inputs], Any]:
        """A compiled call, good for all inputs with the same `key`."""

    def key(self, inputs: terms.Inputs, unroll: bool, /) -> Any:
        """What two inputs must have in common to share a compiled call."""

    def gradients(self, layer: Any, run: Run, inputs: terms.Inputs, weighed: terms.Weighed) -> terms.Gradients:
        """The gradients of a call, which `run` makes, by the means of the framework."""

    def curvature(
        self, layer: Any, run: Run, inputs: terms.Inputs, weighed: terms.Weighed, directions: terms.Gradients
    ) -> terms.Gradients:
        """How these change along directions of input, weights and initial states, all at once."""


def keywords(inputs: terms.Inputs) -> Dict[str, Any]:
    """The arguments of a call beside the input; those not handed over are left out."""
    given = {"mask": inputs.mask, "initial_state": inputs.initial_state}
    return {name: value for name, value in given.items() if value is not None}


class TensorFlow:
    """Eager, or `tf.function` with free batch and (unless unrolled) time axes."""

    modes: Tuple[str, ...] = ("eager", "graph")

    def __init__(self) -> None:
        os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # another source of rounding
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
        import tensorflow

        self.tf: Any = tensorflow
        self.tf.config.threading.set_intra_op_parallelism_threads(1)
        self.tf.config.threading.set_inter_op_parallelism_threads(1)

    def versions(self) -> Dict[str, str]:
        return {"tensorflow": self.tf.__version__}

    def relieve(self) -> None:
        """Functions of TensorFlow go with the layer."""

    def tensor(self, array: np.ndarray[Any, Any]) -> Any:
        return self.tf.constant(array)

    def array(self, value: Any) -> Optional[np.ndarray[Any, Any]]:
        return np.asarray(value.numpy()) if self.tf.is_tensor(value) and hasattr(value, "numpy") else None

    def eager(self, layer: Any, inputs: terms.Inputs, **more: Any) -> Any:
        return layer(inputs.x, **keywords(inputs), **more)

    def key(self, inputs: terms.Inputs, unroll: bool) -> Any:
        return str(self._signature(inputs, unroll))

    def graph(self, layer: Any, inputs: terms.Inputs, unroll: bool) -> Callable[[terms.Inputs], Any]:
        x, others = self._signature(inputs, unroll)
        compiled = self.tf.function(lambda x, given: layer(x, **given), input_signature=[x, others])
        return lambda inputs: compiled(inputs.x, keywords(inputs))

    def gradients(self, layer: Any, run: Run, inputs: terms.Inputs, weighed: terms.Weighed) -> terms.Gradients:
        weights, states = self.values(layer), inputs.initial_state or []
        leaves = [inputs.x, *weights, *states]
        with self.tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(leaves)
            outputs, cotangents = zip(*weighed(run(inputs)))
        x, *found = tape.gradient(outputs, leaves, cotangents, unconnected_gradients="zero")
        return terms.Gradients(x, found[: len(weights)], found[len(weights) :])

    def curvature(
        self, layer: Any, run: Run, inputs: terms.Inputs, weighed: terms.Weighed, directions: terms.Gradients
    ) -> terms.Gradients:
        weights, states = self.values(layer), inputs.initial_state or []
        leaves = [inputs.x, *weights, *states]
        along = [directions.x, *directions.weights, *directions.initial_state]
        with self.tf.GradientTape(watch_accessed_variables=False) as outer:
            outer.watch(leaves)
            with self.tf.GradientTape(watch_accessed_variables=False) as inner:
                inner.watch(leaves)
                outputs, cotangents = zip(*weighed(run(inputs)))
            first = inner.gradient(outputs, leaves, cotangents, unconnected_gradients="zero")
        x, *found = outer.gradient(first, leaves, along, unconnected_gradients="zero")
        return terms.Gradients(x, found[: len(weights)], found[len(weights) :])

    def values(self, layer: Any) -> List[Any]:
        """The weights, as gradients are asked for them."""
        return [variable.value for variable in layer.weights]

    def free_axes(self, unroll: bool) -> int:
        """How many of the first axes of a compiled call are free: batch, and time unless it is unrolled."""
        return 1 if unroll else 2

    def _signature(self, inputs: terms.Inputs, unroll: bool) -> Tuple[Any, Dict[str, Any]]:
        def free(tensor: Any, axes: int) -> Any:
            return self.tf.TensorSpec([None] * axes + list(tensor.shape[axes:]), tensor.dtype)

        axes = self.free_axes(unroll)
        others: Dict[str, Any] = {}
        if inputs.mask is not None:
            others["mask"] = free(inputs.mask, axes)
        if inputs.initial_state is not None:
            others["initial_state"] = [free(state, min(axes, 1)) for state in inputs.initial_state]
        return free(inputs.x, min(axes, len(inputs.x.shape))), others


class Torch:
    """Eager only."""

    modes: Tuple[str, ...] = ("eager",)

    def __init__(self) -> None:
        _hide_tensorflow()
        os.environ["OMP_NUM_THREADS"] = "1"
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
        import torch

        self.torch: Any = torch
        self.torch.set_num_threads(1)
        self.torch.set_num_interop_threads(1)

    def versions(self) -> Dict[str, str]:
        return {"torch": self.torch.__version__}

    def relieve(self) -> None:
        """Nothing is kept."""

    def tensor(self, array: np.ndarray[Any, Any]) -> Any:
        return torch_arrays.tensor_of(self.torch, array)

    def array(self, value: Any) -> Optional[np.ndarray[Any, Any]]:
        return torch_arrays.array_of(self.torch, value)

    def eager(self, layer: Any, inputs: terms.Inputs, **more: Any) -> Any:
        with self.torch.no_grad():
            return layer(inputs.x, **keywords(inputs), **more)

    def gradients(self, layer: Any, _run: Run, inputs: terms.Inputs, weighed: terms.Weighed) -> terms.Gradients:
        def run(given: terms.Inputs) -> Any:
            return layer(given.x, **keywords(given))

        weights = [variable.value for variable in layer.weights]
        return torch_gradients.by_autograd(self.torch, run, inputs, weights, weighed)

    def curvature(
        self, layer: Any, _run: Run, inputs: terms.Inputs, weighed: terms.Weighed, directions: terms.Gradients
    ) -> terms.Gradients:
        def run(given: terms.Inputs) -> Any:
            return layer(given.x, **keywords(given))

        weights = [variable.value for variable in layer.weights]
        return torch_gradients.by_autograd_twice(self.torch, run, inputs, weights, weighed, directions)

    def key(self, _inputs: terms.Inputs, _unroll: bool) -> Any:
        raise NotImplementedError("only eager calls")

    def graph(self, _layer: Any, _inputs: terms.Inputs, _unroll: bool) -> Callable[[terms.Inputs], Any]:
        raise NotImplementedError("only eager calls")


class Jax:
    """Eager (which compiles at every call), or `jax.jit` of `stateless_call`, compiled once per shape."""

    modes: Tuple[str, ...] = ("eager", "graph")

    def __init__(self) -> None:
        _hide_tensorflow()
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        os.environ["JAX_ENABLE_X64"] = "1"  # or there is no float64
        flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        os.environ["XLA_FLAGS"] = (os.environ.get("XLA_FLAGS", "") + " " + flags).strip()
        # Keras makes a new function for `lax.scan` in every call, and so JAX compiles it in every call; a cache gives
        # what was compiled for an equal program, also by another worker. It is the run's, unless the user names one.
        kept = os.environ.get(wire.SHARED, os.environ.get(wire.SCRATCH))
        if kept is not None:
            os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", kept)
        os.environ.setdefault("JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES", "none")  # of GPUs; its path is in every key
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")
        import jax

        self.jax: Any = jax
        self.layers = 0

    def versions(self) -> Dict[str, str]:
        return {"jax": self.jax.__version__}

    def relieve(self) -> None:
        """JAX keeps every program that was ever compiled, 10 MB a layer; what is needed again comes from the cache."""
        self.layers += 1
        if self.layers % KEPT_LAYERS == 0:
            self.jax.clear_caches()

    def tensor(self, array: np.ndarray[Any, Any]) -> Any:
        """As `jax.numpy.array` makes it, which compiles a program for every shape."""
        return self.jax.device_put(np.array(array))

    def array(self, value: Any) -> Optional[np.ndarray[Any, Any]]:
        return np.asarray(value) if isinstance(value, self.jax.Array) else None

    def eager(self, layer: Any, inputs: terms.Inputs, **more: Any) -> Any:
        return self.jax.block_until_ready(layer(inputs.x, **keywords(inputs), **more))

    def key(self, inputs: terms.Inputs, _unroll: bool) -> Any:
        return tuple(keywords(inputs))  # jit itself tells shapes and types apart

    def graph(self, layer: Any, _inputs: terms.Inputs, _unroll: bool) -> Callable[[terms.Inputs], Any]:
        def stateless(trainable: Any, fixed: Any, x: Any, given: Dict[str, Any]) -> Any:
            return layer.stateless_call(trainable, fixed, x, **given)[0]

        compiled = self.jax.jit(stateless)

        def call(inputs: terms.Inputs) -> Any:
            trainable = [variable.value for variable in layer.trainable_variables]
            fixed = [variable.value for variable in layer.non_trainable_variables]
            return self.jax.block_until_ready(compiled(trainable, fixed, inputs.x, keywords(inputs)))

        return call

    def gradients(self, layer: Any, _run: Run, inputs: terms.Inputs, weighed: terms.Weighed) -> terms.Gradients:
        jax, (run, given) = self.jax, self._of_all(layer, inputs)
        pulled = self._compiler(layer)(lambda at, weighing: jax.vjp(run, *at)[1](weighing))
        weights, x, states = jax.block_until_ready(pulled(given, self._cotangents(run, given, weighed)))
        return terms.Gradients(x, weights, states or [])

    def curvature(
        self, layer: Any, _run: Run, inputs: terms.Inputs, weighed: terms.Weighed, directions: terms.Gradients
    ) -> terms.Gradients:
        jax, (run, given) = self.jax, self._of_all(layer, inputs)
        cotangents = self._cotangents(run, given, weighed)
        along = (list(directions.weights), directions.x, list(directions.initial_state) or None)
        compiled = self._compiler(layer)
        change = compiled(lambda at, to: jax.jvp(lambda *of: jax.vjp(run, *of)[1](cotangents), at, to)[1])
        weights, x, states = jax.block_until_ready(change(given, along))
        return terms.Gradients(x, weights, states or [])

    def _compiler(self, layer: Any) -> Callable[..., Any]:
        """`jax.jit`; for an unrolled layer nothing: as a whole it takes many times as long to compile as its steps."""
        return (lambda run: run) if getattr(getattr(layer, "forward_layer", layer), "unroll", False) else self.jax.jit

    def _of_all(self, layer: Any, inputs: terms.Inputs) -> Tuple[Callable[..., Any], Tuple[Any, Any, Any]]:
        """A call as a function of weights, input and initial states, and these."""
        fixed = [variable.value for variable in layer.non_trainable_variables]

        def run(trainable: Any, x: Any, states: Any) -> Any:
            given = keywords(inputs._replace(initial_state=states))
            return layer.stateless_call(trainable, fixed, x, **given)[0]

        weights = [variable.value for variable in layer.trainable_variables]
        return run, (weights, inputs.x, inputs.initial_state)

    def _cotangents(self, run: Callable[..., Any], given: Any, weighed: terms.Weighed) -> Any:
        """The weights of what a call gives in the loss, nested as it is; the call is traced for that, not compiled."""
        tree = self.jax.tree_util
        leaves, nesting = tree.tree_flatten(self.jax.eval_shape(run, *given))
        places, nothing = ([self.tensor(np.zeros(it.shape, it.dtype)) for it in leaves] for _ in range(2))
        weighing = {id(tensor): cotangent for tensor, cotangent in weighed(tree.tree_unflatten(nesting, places))}
        return tree.tree_unflatten(nesting, [weighing.get(id(it), zero) for it, zero in zip(places, nothing)])


def _hide_tensorflow() -> None:
    """Keras imports TensorFlow, if it is there, for `Bidirectional` even where it is not the backend."""
    sys.modules["tensorflow"] = None  # type: ignore[assignment]


BACKENDS: Dict[str, Callable[[], Backend]] = {"tensorflow": TensorFlow, "torch": Torch, "jax": Jax}
