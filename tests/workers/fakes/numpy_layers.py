"""An honest, simple implementation of both dialects in NumPy, as a worker.

Run by path: `python numpy_layers.py keras|torch [--fault NAME]`. Faults are registered by name with `fault` and
change one method each; without one, everything here is meant to be right. It is independent of the reference and of
the readable model: it was written from the API documentation of the two dialects.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "conformance" / "adapters"))
import serve
import terms

Array = np.ndarray
States = list[Array]

GENERATOR = np.random.default_rng(1)
"""What new weights are drawn from."""

DROPS = np.random.RandomState(1)
"""What PyTorch's layers draw from in training."""

GATES = {"simple_rnn": 1, "lstm": 4, "gru": 3}


def sigmoid(x: Array) -> Array:
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "relu": lambda x: np.maximum(x, 0),
    "linear": lambda x: x,
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1).astype(x.dtype),
}


# ---------------------------------------------------------------- cells: one step


Masks = list[Array] | None
"""A dropout mask (batch, size) for each gate; None: nothing is dropped."""


class KerasCell:
    """Weights and one step of a Keras cell; `weights` is kernel, recurrent kernel and, with a bias, bias."""

    dropout = recurrent_dropout = 0.0
    implementation = 2
    generator = np.random.default_rng()
    dropped: tuple[Masks, Masks] = (None, None)

    def __init__(self, layer: str, units: int, options: dict[str, Any]) -> None:
        self.layer = layer
        self.units = units
        self.use_bias = options["use_bias"]
        self.reset_after = options.get("reset_after", False)
        self.unit_forget_bias = options.get("unit_forget_bias", False)
        self.activation = ACTIVATIONS[options["activation"]]
        self.recurrent_activation = ACTIVATIONS[options.get("recurrent_activation", "sigmoid")]
        self.dtype = np.dtype(options["dtype"])
        self.weights: list[Array] = []

    def build(self, features: int) -> None:
        width = GATES[self.layer] * self.units
        self.weights = [self.initial_kernel(features, width), self.initial_recurrent_kernel(width)]
        if self.use_bias:
            self.weights.append(self.initial_bias(width))

    def initial_kernel(self, features: int, width: int) -> Array:
        bound = np.sqrt(6 / (features + width))
        return GENERATOR.uniform(-bound, bound, (features, width)).astype(self.dtype)

    def initial_recurrent_kernel(self, width: int) -> Array:
        factor, triangle = np.linalg.qr(GENERATOR.standard_normal((width, self.units)))
        return (factor * np.sign(np.diag(triangle))).T.astype(self.dtype)

    def initial_bias(self, width: int) -> Array:
        bias = np.zeros((2, width) if self.reset_after else width, self.dtype)
        if self.unit_forget_bias:
            bias[self.units : 2 * self.units] = 1
        return bias

    @property
    def cast(self) -> list[Array]:
        """The weights in the type that is computed in."""
        return [array.astype(self.dtype, copy=False) for array in self.weights]

    def names(self) -> list[str]:
        return ["kernel", "recurrent_kernel", "bias"][: len(self.weights)]

    def states(self, batch: int) -> States:
        return [np.zeros((batch, self.units), self.dtype) for _ in range(2 if self.layer == "lstm" else 1)]

    def biases(self) -> tuple[Any, Any]:
        """Input and recurrent bias."""
        if not self.use_bias:
            return 0, 0
        bias = self.cast[2]
        return (bias[0], bias[1]) if self.reset_after else (bias, 0)

    def drop(self, batch: int) -> None:
        """Draw the masks of a call in training."""
        rates = {"dropout": self.dropout, "recurrent_dropout": self.recurrent_dropout}
        one_by_one = self.implementation == 1 or self.recurrent_dropout > 0
        sizes = [weight.shape[0] for weight in self.weights[:2]]
        drawn = [self.masks(rate, one_by_one, (batch, size)) for rate, size in zip(rates.values(), sizes, strict=True)]
        self.dropped = (drawn[0], drawn[1])

    def masks(self, rate: float, one_by_one: bool, shape: tuple[int, int]) -> Masks:
        if not rate:
            return None
        gates = GATES[self.layer]
        drawn = [self.mask(rate, shape) for _ in range(gates if one_by_one else 1)]
        return drawn if one_by_one else drawn * gates

    def mask(self, rate: float, shape: tuple[int, int]) -> Array:
        kept = self.generator.uniform(0, 1, shape) >= rate
        return np.where(kept, 1 / (1 - rate) if rate < 1 else 0, 0).astype(self.dtype)

    def times(self, values: Array, kernel: Array, masks: Masks) -> Array:
        """The product of values with the blocks of a kernel, each with its mask."""
        if masks is None:
            return values @ kernel
        blocks = np.split(kernel, len(masks), axis=1)
        return np.concatenate([(values * mask) @ block for mask, block in zip(masks, blocks, strict=True)], axis=1)

    def step(self, x: Array, states: States) -> States:
        return getattr(self, "step_" + self.layer)(x, states)

    def step_simple_rnn(self, x: Array, states: States) -> States:
        kernel, recurrent = self.cast[:2]
        from_x, from_h = self.times(x, kernel, self.dropped[0]), self.times(states[0], recurrent, self.dropped[1])
        return [self.activation(from_x + self.biases()[0] + from_h)]

    def step_lstm(self, x: Array, states: States) -> States:
        kernel, recurrent = self.cast[:2]
        h, c = states
        from_x, from_h = self.times(x, kernel, self.dropped[0]), self.times(h, recurrent, self.dropped[1])
        i, f, g, o = np.split(from_x + from_h + self.biases()[0], 4, axis=1)
        i, f, o = self.recurrent_activation(i), self.recurrent_activation(f), self.recurrent_activation(o)
        c = f * c + i * self.activation(g)
        return [o * self.activation(c), c]

    def step_gru(self, x: Array, states: States) -> States:
        kernel, recurrent = self.cast[:2]
        input_bias, recurrent_bias = self.biases()
        (h,) = states
        masks = self.dropped[1]
        xz, xr, xh = np.split(self.times(x, kernel, self.dropped[0]) + input_bias, 3, axis=1)
        if self.reset_after:
            hz, hr, hh = np.split(self.times(h, recurrent, masks) + recurrent_bias, 3, axis=1)
            r = self.recurrent_activation(xr + hr)
            candidate = self.activation(xh + r * hh)
        else:
            rz, rr, rh = np.split(recurrent, 3, axis=1)
            of_z, of_r, of_h = ([mask] for mask in masks) if masks else (None, None, None)
            hz, r = self.times(h, rz, of_z), self.recurrent_activation(xr + self.times(h, rr, of_r))
            candidate = self.activation(xh + self.times(r * h, rh, of_h))
        z = self.recurrent_activation(xz + hz)
        return [self.gru_mix(z, h, candidate)]

    def gru_mix(self, z: Array, h: Array, candidate: Array) -> Array:
        return z * h + (1 - z) * candidate


class TorchCell:
    """One layer and direction of a PyTorch module; weights ih, hh, (two biases), (projection)."""

    def __init__(self, layer: str, inputs: int, units: int, options: dict[str, Any]) -> None:
        self.layer = layer
        self.units = units
        self.inputs = inputs
        self.projected = options.get("proj_size", 0) or units
        self.bias = options["bias"]
        self.activation = ACTIVATIONS[options.get("nonlinearity", "tanh")]
        self.dtype = np.dtype(options["dtype"])
        width = GATES[layer] * units
        shapes = [("weight_ih", (width, inputs)), ("weight_hh", (width, self.projected))]
        shapes += [("bias_ih", (width,)), ("bias_hh", (width,))] if self.bias else []
        shapes += [("weight_hr", (self.projected, units))] if options.get("proj_size", 0) else []
        self.names = [name for name, _ in shapes]
        self.weights = [self.initial(name, shape) for name, shape in shapes]

    def initial(self, _name: str, shape: tuple[int, ...]) -> Array:
        bound = 1 / np.sqrt(self.units)
        return GENERATOR.uniform(-bound, bound, shape).astype(self.dtype)

    def states(self, batch: int) -> States:
        sizes = [self.projected, self.units] if self.layer == "lstm" else [self.units]
        return [np.zeros((batch, size), self.dtype) for size in sizes]

    def products(self, x: Array, h: Array) -> tuple[Array, Array]:
        named = dict(zip(self.names, self.weights, strict=True))
        from_x, from_h = x @ named["weight_ih"].T, h @ named["weight_hh"].T
        return (from_x + named["bias_ih"], from_h + named["bias_hh"]) if self.bias else (from_x, from_h)

    def step(self, x: Array, states: States) -> States:
        from_x, from_h = self.products(x, states[0])
        return getattr(self, "step_" + self.layer)(from_x, from_h, states)

    def step_simple_rnn(self, from_x: Array, from_h: Array, _states: States) -> States:
        return [self.activation(from_x + from_h)]

    def step_gru(self, from_x: Array, from_h: Array, states: States) -> States:
        (xr, xz, xn), (hr, hz, hn) = np.split(from_x, 3, axis=1), np.split(from_h, 3, axis=1)
        r, z = sigmoid(xr + hr), sigmoid(xz + hz)
        return [(1 - z) * np.tanh(xn + r * hn) + z * states[0]]

    def step_lstm(self, from_x: Array, from_h: Array, states: States) -> States:
        i, f, g, o = np.split(from_x + from_h, 4, axis=1)
        c = sigmoid(f) * states[1] + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        return [h @ self.weights[-1].T if self.projected != self.units else h, c]


# ---------------------------------------------------------------- Keras: masks, directions, merging


class KerasDirection:
    """A unidirectional Keras layer."""

    def __init__(self, cell: KerasCell, *, backwards: bool, zero_output_for_mask: bool) -> None:
        self.cell = cell
        self.backwards = backwards
        self.zero_output_for_mask = zero_output_for_mask

    def run(self, x: Array, mask: Array | None, states: States) -> tuple[Array, States]:
        """All outputs in processing order, and the final states."""
        order = self.order(x.shape[1])
        shown = np.zeros((x.shape[0], self.cell.units), x.dtype)
        outputs = []
        for t in order:
            new = self.cell.step(x[:, t], states)
            if mask is None:
                states, shown = new, new[0]
                outputs.append(shown)
            else:
                keep = mask[:, t, None]
                states = self.carry(keep, new, states)
                shown = np.where(keep, new[0], shown)
                outputs.append(self.show(keep, shown))
        return np.stack(outputs, axis=1), states

    def order(self, timesteps: int) -> Sequence[int]:
        return range(timesteps)[::-1] if self.backwards else range(timesteps)

    def carry(self, keep: Array, new: States, old: States) -> States:
        return [np.where(keep, n, o) for n, o in zip(new, old, strict=True)]

    def show(self, keep: Array, shown: Array) -> Array:
        return np.where(keep, shown, 0).astype(shown.dtype) if self.zero_output_for_mask else shown


MIXED = "mixed_float16"
"""The policy of layers with weights in float32 that compute in float16."""


class KerasLayer:
    """A Keras layer, bidirectional or not, called with x, mask and initial states; stateful if it was asked for."""

    def __init__(self, layer: str, options: dict[str, Any], sizes: dict[str, int]) -> None:
        self.options = options
        self.kept: States | None = None
        self.sizes = sizes
        self.dtype = self.variables = np.dtype(options["dtype"])
        self.bidirectional = options["bidirectional"]
        backwards, sequences = options["go_backwards"], options["return_sequences"]
        zeros = sequences if self.bidirectional else options["zero_output_for_mask"]
        self.directions = [
            KerasDirection(KerasCell(layer, sizes["units"], options), backwards=reads, zero_output_for_mask=zeros)
            for reads in ([backwards, not backwards] if self.bidirectional else [backwards])
        ]

    def build(self) -> None:
        for direction in self.directions:
            direction.cell.build(self.sizes["features"])
            direction.cell.weights = [array.astype(self.variables, copy=False) for array in direction.cell.weights]

    def weights(self) -> terms.Named:
        prefixes = ["forward_", "backward_"] if self.bidirectional else [""]
        return [
            (prefix + name, array)
            for prefix, direction in zip(prefixes, self.directions, strict=True)
            for name, array in zip(direction.cell.names(), direction.cell.weights, strict=True)
        ]

    def set_weights(self, arrays: Sequence[Array]) -> None:
        present = [array for _, array in self.weights()]
        if [array.shape for array in present] != [array.shape for array in arrays]:
            raise ValueError("weights of other number or shapes")
        for place, array in zip(present, arrays, strict=True):
            place[...] = array

    def call(self, mode: str, inputs: terms.Inputs) -> Any:
        if mode not in ("eager", "graph"):
            raise ValueError(f"there is no mode {mode!r}")
        x = np.asarray(inputs.x)
        if x.ndim != 3:
            raise ValueError(f"expected ndim=3, found ndim={x.ndim}")
        runs = self.runs(x.astype(self.dtype, copy=False), inputs)
        if self.bidirectional:
            outputs = self.merged(*[self.seen(outputs) for outputs, _ in self.aligned(runs)])
        else:
            outputs = [self.seen(runs[0][0])]
        states = [state for _, states in runs for state in states] if self.options["return_state"] else []
        return self.packaged([*outputs, *states])

    def take(self, arguments: dict[str, Any]) -> None:
        """Further arguments of the constructor."""
        self.arguments = arguments
        if arguments.get("dtype") == MIXED:
            self.compute_in("float16")
            self.variables = np.dtype("float32")
        for direction in self.directions:
            for name in ("dropout", "recurrent_dropout", "implementation"):
                if name in arguments:
                    setattr(direction.cell, name, arguments[name])
            direction.cell.generator = np.random.default_rng(arguments.get("seed"))

    def compute_in(self, dtype: str) -> None:
        self.dtype = np.dtype(dtype)
        for direction in self.directions:
            direction.cell.dtype = self.dtype

    def call_in(self, training: bool, _seed: int | None, inputs: terms.Inputs) -> Any:
        for direction in self.directions:
            if training:
                direction.cell.drop(len(inputs.x))
        try:
            return self.call("eager", inputs)
        finally:
            for direction in self.directions:
                direction.cell.dropped = (None, None)

    def runs(self, x: Array, inputs: terms.Inputs) -> list[tuple[Array, States]]:
        given = self.kept if inputs.initial_state is None else inputs.initial_state
        found = []
        for index, direction in enumerate(self.directions):
            states = direction.cell.states(x.shape[0])
            if given is not None:
                count = len(states)
                states = [state.astype(self.dtype) for state in given[index * count : (index + 1) * count]]
            found.append(direction.run(x, inputs.mask, states))
        if self.options.get("stateful"):
            self.keep([state for _, states in found for state in states])
        return found

    def penalty(self, inputs: terms.Inputs) -> float:
        """The sum of all penalties after a call."""
        return float(sum(self.penalties_of_weights()) + sum(self.penalties_of_outputs(inputs)))

    def penalties_of_weights(self) -> list[Any]:
        named = [pair for it in self.directions for pair in zip(it.cell.names(), it.cell.weights, strict=True)]
        return [self.counted(array, REGULARIZERS[name]) for name, array in named]

    def penalties_of_outputs(self, inputs: terms.Inputs) -> list[Any]:
        given = [self.seen(outputs) for outputs, _ in self.runs(np.asarray(inputs.x, self.dtype), inputs)]
        return [self.counted(array, "activity_regularizer") / self.dtype.type(len(array)) for array in given]

    def counted(self, array: Array, argument: str) -> Any:
        return penalty(array, self.arguments.get(argument))

    def keep(self, states: States) -> None:
        """Begin the next call with these states, which are nobody else's."""
        self.kept = [state.copy() for state in states]

    def reset(self) -> None:
        self.kept = None

    def seen(self, outputs: Array) -> Array:
        return outputs if self.options["return_sequences"] else outputs[:, -1]

    def aligned(self, runs: list[tuple[Array, States]]) -> list[tuple[Array, States]]:
        """The second layer's sequence turned round, so that its steps stand beside the first layer's."""
        (first, first_states), (second, second_states) = runs
        if self.options["return_sequences"]:
            second = second[:, ::-1]
        return [(first, first_states), (second, second_states)]

    def merged(self, a: Array, b: Array) -> list[Array]:
        mode = self.options["merge_mode"]
        if mode == "None":
            return [a, b]
        if mode == "concat":
            return [np.concatenate([a, b], axis=-1)]
        return [{"sum": lambda: a + b, "mul": lambda: a * b, "ave": lambda: (a + b) / 2}[mode]()]

    def declare(self, way: str, inputs: terms.Inputs) -> Any:
        batch, time, _ = np.asarray(inputs.x).shape
        if way == "mask":
            return self.passed_mask(inputs.mask)
        if way == "unknown":
            return self.declared(None, None)
        if way == "stateful":
            kind = self.directions[0].cell.layer
            return type(self)(kind, {**self.options, "stateful": True}, self.sizes).declared(batch, time)
        return self.declared(batch, time)

    def declared(self, batch: int | None, time: int | None) -> Any:
        """Shapes and types of what a call gives."""
        options, units = self.options, self.sizes["units"]
        mode = options.get("merge_mode", "") if self.bidirectional else ""
        width = 2 * units if mode == "concat" else units
        shape = (batch, time, width) if options["return_sequences"] else (batch, width)
        parts = [terms.Spec(shape, self.dtype.name)] * (2 if mode == "None" else 1)
        count = len(self.directions[0].cell.states(1)) * len(self.directions)
        parts += [terms.Spec((batch, units), self.dtype.name)] * (count if options["return_state"] else 0)
        return self.packaged(parts)

    def passed_mask(self, mask: Array | None) -> Any:
        """The mask for layers that come after: of each output."""
        shown = mask if self.options["return_sequences"] else None
        if shown is not None and self.options["go_backwards"] and not self.bidirectional:
            shown = shown[:, ::-1]
        parts = len(self.outputs_of_merge()) * [shown]
        count = len(self.directions[0].cell.states(1)) * len(self.directions)
        parts += count * [None] if self.options["return_state"] else []
        return parts[0] if len(parts) == 1 else parts

    def outputs_of_merge(self) -> list[int]:
        return [0, 1] if self.bidirectional and self.options["merge_mode"] == "None" else [0]

    def packaged(self, parts: list[Any]) -> Any:
        return parts[0] if len(parts) == 1 else tuple(parts)

    def unpack(self, _value: Any) -> list[Any] | None:
        return None


# ---------------------------------------------------------------- PyTorch: stacks, layouts, packed sequences


class Packed:
    """A packed sequence: the steps of all sequences, and how to take them apart again."""

    def __init__(self, padded: Array, lengths: Array, *, batch_first: bool) -> None:
        self.lengths = lengths.copy()
        self.padded = np.ascontiguousarray(padded.swapaxes(0, 1)) if batch_first else padded
        order = np.argsort(-lengths, kind="stable")
        self.batch_sizes = np.array([np.sum(lengths > t) for t in range(int(lengths.max()))], np.int64)
        self.data = np.concatenate([padded[t, order[:count]] for t, count in enumerate(self.batch_sizes)])


class TorchLayer:
    """A PyTorch module; everything inside is time first."""

    def __init__(self, layer: str, options: dict[str, Any], sizes: dict[str, int]) -> None:
        self.options = options
        self.layer = layer
        self.dtype = np.dtype(options["dtype"])
        self.features = sizes["features"]
        units, count = sizes["units"], 2 if options["bidirectional"] else 1
        projected = options.get("proj_size", 0) or units
        self.stack = [
            [TorchCell(layer, self.features if index == 0 else count * projected, units, options) for _ in range(count)]
            for index in range(options["num_layers"])
        ]

    def build(self) -> None:
        """Nothing: a module has its parameters from the start."""

    def weights(self) -> terms.Named:
        return [
            (f"{name}_l{index}{mark}", array)
            for index, cells in enumerate(self.stack)
            for mark, cell in zip(("", "_reverse"), cells, strict=False)
            for name, array in zip(cell.names, cell.weights, strict=True)
        ]

    set_weights = KerasLayer.set_weights

    def reset(self) -> None:
        raise ValueError("it keeps no states")

    dropout = 0.0
    in_training = False

    def take(self, arguments: dict[str, Any]) -> None:
        """Further arguments of the constructor."""
        self.dropout = arguments.get("dropout", 0.0)

    def call_in(self, training: bool, seed: int | None, inputs: terms.Inputs) -> Any:
        if seed is not None:
            DROPS.seed(seed)
        self.in_training = training
        try:
            return self.call("eager", inputs)
        finally:
            self.in_training = False

    def between(self, x: Array) -> Array:
        """What one layer gives to the next."""
        rate = self.dropout
        if not self.in_training or not rate:
            return x
        kept = DROPS.uniform(0, 1, x.shape) >= rate
        return np.where(kept, x * self.dtype.type(1 / (1 - rate) if rate < 1 else 0), 0).astype(self.dtype)

    def call(self, mode: str, inputs: terms.Inputs) -> Any:
        if mode != "eager":
            raise ValueError(f"there is no mode {mode!r}")
        x, lengths = self.time_first(inputs)
        states = self.initial(inputs, x.shape[1])
        finals: list[States] = []
        for layer, cells in enumerate(self.stack):
            x, halves = self.between(x) if layer else x, []
            for reverse, cell in enumerate(cells):
                sequence, final = self.run(cell, x, lengths, states[len(finals)], reverse=bool(reverse))
                halves.append(sequence)
                finals.append(final)
            x = np.concatenate(halves, axis=2)
        return self.packaged(x, lengths, [np.stack(group) for group in zip(*finals, strict=True)])

    def time_first(self, inputs: terms.Inputs) -> tuple[Array, Array]:
        """The input as (time, batch, features), and the length of every sequence."""
        x, kind = inputs.x, self.options["input"]
        if x.ndim not in (2, 3):
            raise ValueError(f"Expected input to be 2D or 3D, got {x.ndim}D")
        if x.dtype != self.dtype:
            raise ValueError(f"input must have the type {self.dtype}")
        if x.shape[-1] != self.features:
            raise RuntimeError("input.size(-1) must be equal to input_size")
        if x.ndim == 2:
            x = x[:, None]
        elif self.options["batch_first"]:
            x = x.swapaxes(0, 1)
        if kind not in ("packed", "packed_unsorted"):
            return x, np.full(x.shape[1], x.shape[0])
        lengths = inputs.lengths
        if kind == "packed" and np.any(np.diff(lengths) > 0):
            raise RuntimeError("lengths must be sorted in decreasing order")
        return x[: lengths.max()], lengths

    def initial(self, inputs: terms.Inputs, batch: int) -> list[States]:
        """For every layer and direction its initial states."""
        zeros = [cell.states(batch) for cells in self.stack for cell in cells]
        if inputs.initial_state is None:
            return zeros
        unbatched = inputs.x.ndim == 2
        wanted = [np.stack(group) for group in zip(*zeros, strict=True)]
        for given, like in zip(inputs.initial_state, wanted, strict=True):
            shape = (like.shape[0], like.shape[2]) if unbatched else like.shape
            if given.shape != shape:
                raise RuntimeError(f"expected hidden size {shape}, got {given.shape}")
        given = [state[:, None] if unbatched else state for state in inputs.initial_state]
        return [list(group) for group in zip(*given, strict=True)]

    def run(self, cell: TorchCell, x: Array, lengths: Array, states: States, *, reverse: bool) -> tuple[Array, States]:
        """One direction of one layer: outputs in time order, zero at padding; final states."""
        outputs = np.zeros((x.shape[0], x.shape[1], cell.projected), self.dtype)
        for t in range(x.shape[0])[::-1] if reverse else range(x.shape[0]):
            valid = (lengths > t)[:, None]
            new = cell.step(x[t], states)
            states = [np.where(valid, n, o) for n, o in zip(new, states, strict=True)]
            outputs[t] = np.where(valid, new[0], 0)
        return outputs, states

    def declare(self, _way: str, inputs: terms.Inputs) -> Any:
        """What a call gives, by its shapes, of an input that is not packed."""
        shape, last = inputs.x.shape, self.stack[-1]
        output = terms.Spec((*shape[:-1], len(last) * last[0].projected), self.dtype.name)
        batch = () if len(shape) == 2 else (shape[0 if self.options["batch_first"] else 1],)
        rows = len(self.stack) * len(last)
        sizes = [last[0].projected, last[0].units] if self.layer == "lstm" else [last[0].projected]
        finals = [self.declared_state((rows, *batch, size)) for size in sizes]
        return output, (tuple(finals) if self.layer == "lstm" else finals[0])

    def declared_state(self, shape: tuple[int, ...]) -> Any:
        return terms.Spec(shape, self.dtype.name)

    def packaged(self, output: Array, lengths: Array, finals: list[Array]) -> Any:
        kind = self.options["input"]
        if kind == "unbatched":
            output, finals = output[:, 0], [final[:, 0] for final in finals]
        elif kind in ("packed", "packed_unsorted"):
            output = Packed(output, lengths, batch_first=self.options["batch_first"])
        elif self.options["batch_first"]:
            output = np.ascontiguousarray(output.swapaxes(0, 1))
        return output, (tuple(finals) if self.layer == "lstm" else finals[0])

    def unpack(self, value: Any) -> list[Any] | None:
        if not isinstance(value, Packed):
            return None
        return [value.data, value.batch_sizes, value.padded, value.lengths]


# ---------------------------------------------------------------- constructors: what must be rejected


class Dialect:
    """What the adapter says and builds for one dialect; `layer_class` is what faults may replace."""

    name = ""
    modes: ClassVar[list[str]] = ["eager"]
    layer_class: Any = None
    options: ClassVar[dict[str, list[Any]]] = {}
    features: ClassVar[list[str]] = ["carry", "layouts", "threads", "ownership", "initial_weights", "dropout"]
    declares: ClassVar[dict[str, Any]] = {}

    def describe(self) -> dict[str, Any]:
        return {
            "dialect": self.name,
            "versions": {"numpy": np.__version__},
            "environment": {**serve.common_environment(), "device": "cpu", "threads": "1"},
            "capabilities": {
                "layers": list(GATES),
                "options": self.options,
                "modes": self.modes,
                "features": self.features,
                "declares": self.declares,
            },
        }

    def construct(self, layer: str, options: dict[str, Any], sizes: dict[str, int], arguments: dict[str, Any]) -> Any:
        self.check(layer, options, sizes, arguments)
        made = self.layer_class(layer, options, sizes)
        made.take(arguments)
        return made

    def fresh(self, *args: Any) -> Any:
        return self.construct(*args)

    def check(self, layer: str, options: dict[str, Any], sizes: dict[str, int], arguments: dict[str, Any]) -> None:
        raise NotImplementedError

    def tensor(self, array: Array) -> Array:
        return array

    def array(self, value: Any) -> Array | None:
        return value if isinstance(value, np.ndarray) else None


DROPOUT = {"dropout": 0.0, "recurrent_dropout": 0.0, "implementation": 2, "seed": None}
"""Arguments of Keras layers."""

REGULARIZERS = {"kernel": "kernel_regularizer", "recurrent_kernel": "recurrent_regularizer", "bias": "bias_regularizer"}
"""Weight -> the argument that penalizes it."""

CONSTRAINTS = {"kernel": "kernel_constraint", "recurrent_kernel": "recurrent_constraint", "bias": "bias_constraint"}
"""Weight -> the argument that constrains it."""

PENALIZED = dict.fromkeys([*REGULARIZERS.values(), "activity_regularizer", *CONSTRAINTS.values()])

OTHERS = {"use_cudnn": "auto", "stateful": False, "trainable": True}

NAMED = dict.fromkeys([*PENALIZED, "kernel_initializer", "recurrent_initializer", "bias_initializer"])
"""Arguments that are not given by name here."""


def penalty(values: Array, asked: dict[str, Any] | None) -> Any:
    """L1, L2 or both of an array, as its constructor argument asks."""
    if asked is None:
        return values.dtype.type(0)
    l1, l2 = (values.dtype.type(asked["config"].get(name, 0)) for name in ("l1", "l2"))
    return l1 * np.abs(values).sum() + l2 * np.square(values).sum()


class KerasDialect(Dialect):
    name = "keras"
    modes: ClassVar[list[str]] = ["eager", "graph"]
    layer_class = KerasLayer
    options: ClassVar[dict[str, list[Any]]] = {
        "dtype": ["float32", "float64"],
        "bidirectional": [False, True],
        "merge_mode": ["concat", "sum", "mul", "ave", "None"],
        "return_sequences": [False, True],
        "return_state": [False, True],
        "go_backwards": [False, True],
        "use_bias": [True, False],
        "activation": list(ACTIVATIONS),
        "recurrent_activation": list(ACTIVATIONS),
        "unit_forget_bias": [True, False],
        "reset_after": [True, False],
        "unroll": [False, True],
        "zero_output_for_mask": [False, True],
        "mask": ["none", "right", "left", "gaps", "full_rows"],
        "initial_state": [False, True],
    }
    features: ClassVar[list[str]] = [*Dialect.features, "stateful", "regularizers"]
    declares: ClassVar[dict[str, Any]] = {
        "shapes": {"of": "outputs"},
        "unknown": {"of": "outputs", "unknown": ["batch", "timesteps"], "needs": {"unroll": [False]}},
        "stateful": {"of": "outputs"},
        "mask": {"of": "mask"},
    }

    def construct(self, layer: str, options: dict[str, Any], sizes: dict[str, int], arguments: dict[str, Any]) -> Any:
        self.check(layer, options, sizes, arguments)
        made = self.layer_class(layer, {**options, "stateful": arguments.get("stateful", False)}, sizes)
        made.take(arguments)
        return made

    def check(self, layer: str, options: dict[str, Any], sizes: dict[str, int], arguments: dict[str, Any]) -> None:
        known = {**options, "units": sizes["units"], **OTHERS, **DROPOUT, **NAMED}
        given = {**known, **arguments}
        if set(given) - set(known):
            raise ValueError("Unrecognized keyword arguments: %s" % (set(given) - set(known)))
        if given["units"] <= 0:
            raise ValueError("units must be positive")
        unknown = [name for name in NAMED if isinstance(given[name], str)]
        if unknown:
            raise ValueError(f"Could not interpret {unknown[0]}")
        types = [*self.options["dtype"], *([MIXED] if "mixed" in self.features else [])]
        flags = {"stateful": [True, False], "trainable": [True, False]}
        domains = {"use_cudnn": ["auto", True, False], **flags, **self.options, "dtype": types}
        for name, value in given.items():
            if name in domains and value not in domains[name]:
                raise ValueError(f"{name}={value!r} is not valid")


ACTIVATIONS_2 = {"hard_sigmoid": lambda x: np.clip(x * x.dtype.type(0.2) + x.dtype.type(0.5), 0, 1)}
"""What other functions the names mean in Keras 2."""


class Keras2Layer(KerasLayer):
    """A layer of Keras 2: lists, time first, and its own `hard_sigmoid`."""

    def __init__(self, layer: str, options: dict[str, Any], sizes: dict[str, int]) -> None:
        super().__init__(layer, options, sizes)
        for cell in (direction.cell for direction in self.directions):
            cell.activation = ACTIVATIONS_2.get(options["activation"], cell.activation)
            cell.recurrent_activation = ACTIVATIONS_2.get(
                options.get("recurrent_activation", ""), cell.recurrent_activation
            )

    def call(self, mode: str, inputs: terms.Inputs) -> Any:
        time_major = self.options["time_major"] and inputs.x.ndim == 3
        return super().call(mode, inputs._replace(x=inputs.x.swapaxes(0, 1)) if time_major else inputs)

    def penalties_of_outputs(self, inputs: terms.Inputs) -> list[Any]:
        time_major = self.options["time_major"]
        return super().penalties_of_outputs(inputs._replace(x=inputs.x.swapaxes(0, 1)) if time_major else inputs)

    def packaged(self, parts: list[Array]) -> Any:
        if self.options["time_major"]:
            parts = [part.swapaxes(0, 1) if part.ndim == 3 else part for part in parts]
        return parts[0] if len(parts) == 1 else list(parts)


class Keras2Dialect(KerasDialect):
    name = "keras2"
    layer_class = Keras2Layer
    options: ClassVar[dict[str, list[Any]]] = {**KerasDialect.options, "time_major": [False, True]}
    declares: ClassVar[dict[str, Any]] = {}

    def check(self, layer: str, options: dict[str, Any], sizes: dict[str, int], arguments: dict[str, Any]) -> None:
        if "no_such_keyword" in arguments:
            raise TypeError("Keyword argument not understood: no_such_keyword")
        super().check(layer, options, sizes, arguments)


class TorchDialect(Dialect):
    name = "torch"
    layer_class = TorchLayer
    declares: ClassVar[dict[str, Any]] = {"shapes": {"of": "outputs", "needs": {"input": ["batched", "unbatched"]}}}
    options: ClassVar[dict[str, list[Any]]] = {
        "dtype": ["float32", "float64"],
        "num_layers": [1, 2, 3],
        "bidirectional": [False, True],
        "batch_first": [False, True],
        "bias": [True, False],
        "nonlinearity": ["tanh", "relu"],
        "proj_size": [0, 1, 2, 3],
        "input": ["batched", "unbatched", "packed", "packed_unsorted"],
        "hx": [False, True],
    }

    def check(self, layer: str, options: dict[str, Any], sizes: dict[str, int], arguments: dict[str, Any]) -> None:
        known = {
            "input_size": sizes["features"],
            "hidden_size": sizes["units"],
            "dropout": 0.0,
            "proj_size": 0,
            **options,
        }
        given = {**known, **arguments}
        if set(given) - set(known):
            raise TypeError("unexpected keyword arguments: %s" % (set(given) - set(known)))
        self.check_types(given)
        self.check_values(layer, given)

    def check_types(self, given: dict[str, Any]) -> None:
        for name in ("input_size", "hidden_size", "num_layers"):
            if type(given[name]) is not int:
                raise TypeError(f"{name} should be of type int")
        for name in ("bias", "batch_first"):
            if type(given[name]) is not bool:
                raise TypeError(f"{name} should be of type bool")

    def check_values(self, layer: str, given: dict[str, Any]) -> None:
        for name in ("input_size", "hidden_size", "num_layers"):
            if given[name] < 1:
                raise ValueError(f"{name} must be greater than zero")
        rate = given["dropout"]
        if type(rate) not in (int, float) or not 0 <= rate <= 1:
            raise ValueError("dropout should be a number in range [0, 1]")
        if given["proj_size"] and layer != "lstm":
            raise ValueError("proj_size argument is only supported for LSTM")
        if not 0 <= given["proj_size"] < given["hidden_size"]:
            raise ValueError("proj_size has to be at least 0 and smaller than hidden_size")
        if given.get("nonlinearity", "tanh") not in ("tanh", "relu"):
            raise ValueError("Unknown nonlinearity")


DIALECTS = {"keras": KerasDialect, "keras2": Keras2Dialect, "torch": TorchDialect}

FAULTS: dict[str, Callable[[Any], None]] = {}
"""Name -> a function that is given the dialect's adapter and makes it wrong."""


def fault(plant: Callable[[Any], None]) -> Callable[[Any], None]:
    """Register a fault under the name of the function that plants it."""
    FAULTS[plant.__name__] = plant
    return plant


def load() -> Dialect:
    dialect = DIALECTS[sys.argv[1]]()
    if "--fault" in sys.argv:
        FAULTS[sys.argv[sys.argv.index("--fault") + 1]](dialect)
    return dialect


def main() -> None:
    serve.without_siblings()
    sys.exit(serve.serve(load))


if __name__ == "__main__":
    main()
