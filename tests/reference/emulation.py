"""Correct implementations of recurrent layers in low precision, as unfavourable as the rounding model allows.

Written independently of the reference: element by element rounding, sums in five orders, activations pushed to the edge
of their accuracy, every usual way to evaluate a formula. Used to test that no correct implementation exceeds a bound.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from conformance.reference import Accuracy
from conformance.spec import LayerConfig, Tensors, weights

ORDERS = ("blas", "sequential", "descending", "ascending", "pairwise")
UNIT = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
TINY = {"float64": 2.0**-1022, "float32": 2.0**-126, "float16": 2.0**-14, "bfloat16": 2.0**-126}


@dataclass(frozen=True)
class Style:
    """One way to be correct.

    Attributes:
        dtype: type of stored values; sums of products of the half types are accumulated in float32.
        accuracy: the activations err by as much as this allows.
        order: of summation.
        push: sign of the errors of activations; 0: alternating from unit to unit.
        fused: one sum of all products and biases, instead of one per product.
        merged_bias: two biases are added beforehand.
        bias_last: the bias is added after all products.
        form: 0, 1, 2: way to evaluate the GRU's new state; also way to evaluate hard_sigmoid and the mean.
        flush: results below the smallest normal number become zero.
        fma: products are not rounded before they are added (float32 only).
    """

    dtype: str
    accuracy: Accuracy
    order: str = "blas"
    push: int = 1
    fused: bool = False
    merged_bias: bool = False
    bias_last: bool = False
    form: int = 0
    flush: bool = False
    fma: bool = False

    @property
    def carrier(self) -> Any:
        return np.float64 if self.dtype == "float64" else np.float32

    def store(self, values: Any) -> Any:
        """Round to the storage type."""
        values = np.asarray(values, dtype=self.carrier)
        if self.dtype == "float16":
            values = values.astype(np.float16).astype(np.float32)
        if self.dtype == "bfloat16":
            bits = values.view(np.uint32)
            values = ((bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)
        return np.where(np.abs(values) < TINY[self.dtype], 0, values).astype(self.carrier) if self.flush else values


def random_style(rng: np.random.Generator, dtype: str, accuracy: Accuracy) -> Style:
    flags = (bool(flag) for flag in rng.integers(0, 2, size=5))
    order, push, form = ORDERS[rng.integers(5)], int(rng.integers(-1, 2)), int(rng.integers(3))
    return Style(dtype, accuracy, order, push, next(flags), next(flags), next(flags), form, next(flags), next(flags))


# ---------------------------------------------------------------- sums


def total(style: Style, terms: Any) -> Any:
    """The sum of terms (batch, terms, units), rounded after every addition."""
    if style.order in ("descending", "ascending"):
        terms = np.sort(terms, axis=1)
        if style.order == "descending":
            terms = terms[:, ::-1]
    if style.order == "pairwise":
        while terms.shape[1] > 1:
            odd = terms[:, -1:] if terms.shape[1] % 2 else terms[:, :0]
            pairs = terms[:, : terms.shape[1] // 2 * 2]
            terms = np.concatenate([pairs[:, ::2] + pairs[:, 1::2], odd], axis=1)
        return terms[:, 0] if terms.shape[1] else np.zeros(terms.shape[::2], style.carrier)
    result = np.zeros((terms.shape[0], terms.shape[2]), style.carrier)
    for k in range(terms.shape[1]):
        result = result + terms[:, k]
    return result


def dot(style: Style, x: Any, kernel: Any) -> Any:
    if style.order == "blas":
        return x @ kernel
    if style.fma and style.dtype == "float32":
        return _fused_dot(x, kernel)
    return total(style, x[:, :, None] * kernel[None])


def _fused_dot(x: Any, kernel: Any) -> Any:
    """In turn, rounded once per product and sum; a product of two float32 is exact in float64."""
    result = np.zeros((x.shape[0], kernel.shape[1]), np.float32)
    for k in range(x.shape[1]):
        result = (result + x[:, k, None].astype(np.float64) * kernel[k]).astype(np.float32)
    return result


def affine(style: Style, products: Sequence[tuple[Any, Any]], biases: Sequence[Any]) -> Any:
    """The sum of all products and biases."""
    if style.merged_bias and len(biases) == 2:
        biases = [style.store(biases[0] + biases[1])]
    batch = products[0][0].shape[0]
    half = style.carrier != np.dtype(style.dtype if style.dtype != "bfloat16" else "float16")
    if style.fused and not half and style.order != "blas":
        terms = [x[:, :, None] * kernel[None] for x, kernel in products]
        terms += [np.broadcast_to(bias, (batch, 1, bias.shape[-1])) for bias in biases]
        return style.store(total(style, np.concatenate(terms, axis=1)))
    parts = [style.store(dot(style, x, kernel)) for x, kernel in products]
    if style.bias_last or len(biases) != len(parts):
        return _in_turn(style, [*parts, *biases])
    return _in_turn(style, [style.store(part + bias) for part, bias in zip(parts, biases, strict=True)])


def _in_turn(style: Style, parts: Sequence[Any]) -> Any:
    result = parts[0]
    for part in parts[1:]:
        result = style.store(result + part)
    return result


# ---------------------------------------------------------------- activations


def activate(style: Style, name: str, z: Any) -> Any:
    if name in ("relu", "linear"):
        return np.maximum(z, 0) if name == "relu" else z
    if name == "hard_sigmoid":
        return _hard_sigmoid(style, z)
    wide = z.astype(np.float64)
    y = np.tanh(wide) if name == "tanh" else 1 / (1 + np.exp(-wide))
    rel, absolute = style.accuracy.tanh if name == "tanh" else style.accuracy.sigmoid
    sign = style.push or np.where(np.arange(z.shape[-1]) % 2, 1, -1)
    u = UNIT[style.dtype]
    own = 1 if style.dtype != "float64" else 3  # what storing (and, in float64, computing) y takes by itself
    edge = (max(rel - own, 0) * np.abs(y) + absolute) / (1 + u)  # storing errs by u times what is stored
    return style.store(y + sign * u * edge)


def _hard_sigmoid(style: Style, z: Any) -> Any:
    store, one = style.store, style.carrier(1)
    sixth = store(one / 6)
    if style.form == 0:
        return store(np.clip(store(z + 3 * one), 0, 6) / 6)
    if style.form == 1:
        return np.clip(store(store(z * sixth) + one / 2), 0, 1)
    return np.clip(store(store(np.clip(store(z + 3 * one), 0, 6)) * sixth), 0, 1)


# ---------------------------------------------------------------- cells


@dataclass(frozen=True)
class Parameters:
    """Gates in the order i, f, g, o or z, r, n; kernels (inputs, units)."""

    kernels: Sequence[Any]
    recurrent: Sequence[Any]
    biases: Sequence[Sequence[Any]]
    projection: Any = None


def step(style: Style, acts: tuple[str, str], after: bool, p: Parameters, x: Any, state: Sequence[Any]) -> list[Any]:
    gates, h, store = len(p.kernels), state[0], style.store

    def gate(k: int, name: str) -> Any:
        return activate(style, name, affine(style, [(x, p.kernels[k]), (h, p.recurrent[k])], p.biases[k]))

    if gates == 1:
        return [gate(0, acts[0])]
    if gates == 4:
        i, f, g, o = gate(0, acts[1]), gate(1, acts[1]), gate(2, acts[0]), gate(3, acts[1])
        c = store(_product(style, f, state[1]) + store(i * g))
        h = store(o * activate(style, acts[0], c))
        return [h if p.projection is None else store(dot(style, h, p.projection)), c]
    z, r = gate(0, acts[1]), gate(1, acts[1])
    return [_blend(style, z, h, activate(style, acts[0], _candidate(style, after, p, x, h, r)))]


def _candidate(style: Style, after: bool, p: Parameters, x: Any, h: Any, r: Any) -> Any:
    store, biases = style.store, p.biases[2]
    if not after:
        return affine(style, [(x, p.kernels[2]), (store(r * h), p.recurrent[2])], biases)
    inner = affine(style, [(h, p.recurrent[2])], biases[1:])
    kept = store(r * inner)
    if style.bias_last:
        return _in_turn(style, [store(dot(style, x, p.kernels[2])), kept, *biases[:1]])
    return store(affine(style, [(x, p.kernels[2])], biases[:1]) + kept)


def _blend(style: Style, z: Any, h: Any, n: Any) -> Any:
    store = style.store
    rest = store(style.carrier(1) - z)
    if style.form == 0:
        return store(_product(style, z, h) + store(rest * n))
    if style.form == 1:
        return store(n + _product(style, z, store(h - n)))
    return store(h + _product(style, rest, store(n - h)))


def _product(style: Style, a: Any, b: Any) -> Any:
    """A product that is about to be added to something."""
    return a.astype(np.float64) * b if style.fma and style.dtype == "float32" else style.store(a * b)


def direction(
    style: Style,
    acts: tuple[str, str],
    after: bool,
    p: Parameters,
    x: Any,
    mask: Any,
    initial: Sequence[Any],
    backwards: bool,
) -> tuple[list[Any], list[Any]]:
    """Hidden states by time step, and the final states. All arrays have the batch first."""
    state = list(initial)
    shown: list[Any] = [None] * x.shape[1]
    for t in sorted(range(x.shape[1]), reverse=backwards):
        new = step(style, acts, after, p, x[:, t], state)
        state = [np.where(mask[:, t, None], a, b) for a, b in zip(new, state, strict=True)]
        shown[t] = state[0]
    return shown, state


# ---------------------------------------------------------------- layers


def outputs(config: LayerConfig, draw: Tensors, style: Style, bias_fault: float = 0.0) -> Mapping[str, Any]:
    """All outputs by name; elements that the specification leaves open hold anything.

    `bias_fault` is added to the first gate's bias: a fault that a bound should not hide.
    """
    if style.dtype in ("float32", "float64"):
        assert style.dtype == config.dtype
    with np.errstate(all="ignore"):
        run = _keras if config.dialect == "keras" else _torch
        return run(config, draw, style, _parameters(config, draw, style, bias_fault))


def _parameters(config: LayerConfig, draw: Tensors, style: Style, fault: float) -> dict[tuple[int, int], Parameters]:
    by_place: dict[tuple[int, int], dict[str, Any]] = {}
    for contract, values in zip(weights(config), draw.weights, strict=True):
        by_place.setdefault((contract.layer, contract.direction), {})[contract.role] = values.astype(style.carrier)
    return {place: _one(config, roles, style, fault) for place, roles in by_place.items()}


def _one(config: LayerConfig, roles: dict[str, Any], style: Style, fault: float) -> Parameters:
    matrices = [roles[name] if config.dialect == "keras" else roles[name].T for name in ("kernel", "recurrent_kernel")]
    gates = len(config.rules.layers[config.layer].blocks)
    vectors = [roles[name] for name in ("bias", "recurrent_bias") if name in roles]
    if vectors and vectors[0].ndim == 2:
        vectors = list(vectors[0])
    order = [1, 0, 2] if (config.dialect, config.layer) == ("torch", "gru") else list(range(gates))
    kernels, recurrent = ([np.split(m, gates, axis=1)[k] for k in order] for m in matrices)
    biases = [[np.split(v, gates)[k] for v in vectors] for k in order]
    if fault and vectors:
        biases[0][0] = style.store(biases[0][0] + style.carrier(fault))
    projection = roles["projection"].T if "projection" in roles else None
    return Parameters(kernels, recurrent, biases, projection)


def _keras(config: LayerConfig, draw: Tensors, style: Style, p: Mapping[tuple[int, int], Parameters]) -> dict[str, Any]:
    x = draw.x.astype(style.carrier)
    mask = np.ones(x.shape[:2], bool) if draw.mask is None else draw.mask
    acts = str(config.get("activation")), str(config.get("recurrent_activation"))
    names = config.rules.layers[config.layer].states
    zeros = np.zeros((config.sizes.batch, config.sizes.units), style.carrier)
    given = itertools.cycle([zeros]) if draw.initial_state is None else iter(draw.initial_state)
    result, halves = {}, []
    backwards = config.get("go_backwards") is True
    for d, prefix in enumerate(("forward_", "backward_") if config.bidirectional else ("",)):
        initial = [next(given).astype(style.carrier) for _ in names]
        after = config.get("reset_after") is True
        shown, final = direction(style, acts, after, p[0, d], x, mask, initial, backwards != (d == 1))
        result |= {prefix + name: state for name, state in zip(names, final, strict=True)}
        halves.append(np.stack(shown, axis=1) if config.get("return_sequences") else final[0])
    if not config.bidirectional:
        return result | {"output": _shown(config, halves[0], mask, backwards)}
    if config.get("return_sequences"):
        halves = [np.where(mask[..., None], half, 0) for half in halves]
    if config.get("merge_mode") == "None":
        return result | {"forward_output": halves[0], "backward_output": halves[1]}
    return result | {"output": _merged(style, str(config.get("merge_mode")), *halves)}


def _shown(config: LayerConfig, output: Any, mask: Any, backwards: bool) -> Any:
    if not config.get("return_sequences"):
        return output if mask.any() else output * 0
    if backwards:
        output, mask = output[:, ::-1], mask[:, ::-1]
    hidden = ~mask if config.get("zero_output_for_mask") else ~np.logical_or.accumulate(mask, axis=1)
    return np.where(hidden[..., None], 0, output)


def _merged(style: Style, mode: str, f: Any, b: Any) -> Any:
    if mode == "concat":
        return np.concatenate([f, b], axis=-1)
    if mode == "mul":
        return style.store(f * b)
    if mode == "ave" and style.form:
        return style.store(style.store(f / 2) + style.store(b / 2))
    return style.store(style.store(f + b) / (2 if mode == "ave" else 1))


def _torch(config: LayerConfig, draw: Tensors, style: Style, p: Mapping[tuple[int, int], Parameters]) -> dict[str, Any]:
    acts = str(config.get("nonlinearity", "tanh")), "sigmoid"
    unbatched = config.get("input") == "unbatched"
    x = draw.x.astype(style.carrier)
    x = x[None] if unbatched else x if config.get("batch_first") else x.swapaxes(0, 1)
    lengths = np.full(len(x), x.shape[1]) if draw.lengths is None else draw.lengths
    mask = np.arange(x.shape[1]) < lengths[:, None]
    names = ("h_n", "c_n") if config.layer == "lstm" else ("h_n",)
    finals: list[list[Any]] = []
    for layer in range(1 + max(place[0] for place in p)):
        halves = []
        for d in range(2 if config.bidirectional else 1):
            initial = [_initial(draw, style, p[layer, d], k, len(finals), len(x), unbatched) for k in range(len(names))]
            shown, final = direction(style, acts, True, p[layer, d], x, mask, initial, d == 1)
            halves.append(np.where(mask[..., None], np.stack(shown, axis=1), 0))
            finals.append(final)
        x = np.concatenate(halves, axis=-1)
    result = {name: np.stack([final[k] for final in finals]) for k, name in enumerate(names)}
    if unbatched:
        return {name: states[:, 0] for name, states in result.items()} | {"output": x[0]}
    x = x[:, : lengths.max()]
    return result | {
        ("output" if draw.lengths is None else "output.padded"): x if config.get("batch_first") else x.swapaxes(0, 1)
    }


def _initial(draw: Tensors, style: Style, p: Parameters, state: int, place: int, batch: int, unbatched: bool) -> Any:
    if draw.initial_state is None:
        units = p.kernels[0].shape[1] if state == 1 or p.projection is None else p.projection.shape[1]
        return np.zeros((batch, units), style.carrier)
    values = draw.initial_state[state][place].astype(style.carrier)
    return values[None] if unbatched else values


def storable(draw: Tensors, style: Style) -> Tensors:
    """The same tensors, every number rounded to the type of the style."""

    def rounded(array: Any) -> Any:
        return style.store(array).astype(array.dtype)

    return replace(
        draw,
        weights=tuple(map(rounded, draw.weights)),
        x=rounded(draw.x),
        initial_state=None if draw.initial_state is None else tuple(map(rounded, draw.initial_state)),
    )
