"""Gradients of a recurrent layer: backpropagation through time, with a bound on rounding beside every number.

The loss is the sum of all outputs, each element times a weight that the caller chooses (a *cotangent*): no reduction
adds rounding of its own, and its gradients are the vector-Jacobian products that frameworks compute. Of another loss,
the cotangents are its derivatives with respect to the outputs; these depend on outputs, and err as they do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal, get_args

import numpy as np

from conformance.errors import SpecError
from conformance.reference import evaluate, keras_gradients, torch_gradients
from conformance.reference.adjoints import Adjoints
from conformance.reference.arithmetic import Mask
from conformance.reference.backward import exact
from conformance.reference.bounded import Bounded
from conformance.reference.expected import Expected, output_contracts, state_contracts, weight_contracts
from conformance.reference.precision import Precision
from conformance.reference.scan import Policy
from conformance.spec import FULL_PRECISION, Array, LayerConfig, Tensors, as_floats

Cotangents = Mapping[str, Array | Bounded]
"""Output name -> the weight of every element in the loss, shaped as the output; outputs left out have no weight.

Of a layer of two directions, `forward_output` and `backward_output` are what each gave before they were merged.
"""

Bound = Literal["interval", "signed"]
"""How errors of earlier steps enter the bound; see `conformance.reference.scan.Policy`."""

_DIALECTS: Mapping[str, Callable[..., dict[str, Bounded]]] = {
    "keras": keras_gradients.gradients,
    "keras2": keras_gradients.gradients,
    "torch": torch_gradients.gradients,
}
_UNMERGED = "None"
_COUNTS = ("output.batch_sizes", "output.lengths")
_OWN_ERROR = 2.0**-20
"""Relative error of the bounds as evaluated in float64."""


def gradients(
    config: LayerConfig,
    draws: Sequence[Tensors],
    cotangents: Sequence[Cotangents],
    precision: Precision,
    bound: Bound = "interval",
) -> tuple[tuple[Expected, ...], ...]:
    """The gradients of the loss, and how far rounding may take an implementation from them.

    Args:
        config: the configuration.
        draws: tensors of one or more calls; all are evaluated in one pass.
        cotangents: for every draw the weights of its loss, exact numbers of the configuration's type or such with an
            error. Of a packed sequence, those of `output.padded`.
        precision: what a correct implementation may do; float32 or float64. For other types there is no bound.
        bound: as for outputs; `interval` grows like the product of the absolute values of all Jacobians, `signed` is
            tighter (much so in more than ten steps) and more expensive. Both are rigorous.

    Returns:
        For every draw, with `value` and `allowed` as for outputs: `x`; every weight, by its name in
        `conformance.spec.weights`; and if initial states are handed over, `initial_` and their names.

    Raises:
        SpecError: if the reference does not implement the configuration, tensors or cotangents do not fit it, or an
            element has a weight whose value the specification leaves open: then no gradient is specified.
    """
    if precision.dtype not in FULL_PRECISION:
        raise SpecError(f"no bound on gradients in {precision.dtype}; choose one of {', '.join(FULL_PRECISION)}")
    if bound not in get_args(Bound):
        raise SpecError(f"no bound '{bound}' for gradients; choose one of {', '.join(get_args(Bound))}")
    if len(cotangents) != len(draws):
        raise SpecError(f"{len(cotangents)} cotangents were given for {len(draws)} draws")
    if not draws:
        return ()
    _check(config, draws, cotangents, precision)
    weighed = _stacked(config, draws, cotangents)
    found = _bounded(config, draws, weighed, precision, "interval")
    if bound == "signed":
        signed = _bounded(config, draws, weighed, precision, "signed")
        found = {name: Bounded(one.value, np.fmin(one.box, signed[name].box)) for name, one in found.items()}
    factor = precision.reference * (1.0 + _OWN_ERROR)
    return tuple(
        tuple(Expected(name, found[name].value[k], found[name].box[k] * factor) for name in gradient_names(config))
        for k in range(len(draws))
    )


def gradient_names(config: LayerConfig) -> tuple[str, ...]:
    """The names of all gradients of a configuration, in the order of `gradients`."""
    given = config.get("initial_state") is True or config.get("hx") is True
    states = [f"initial_{state.name}" for state in state_contracts(config)] if given else []
    return ("x", *(weight.name for weight in weight_contracts(config)), *states)


def _bounded(
    config: LayerConfig, draws: Sequence[Tensors], cotangents: Mapping[str, Bounded], precision: Precision, bound: Bound
) -> dict[str, Bounded]:
    """The gradients of all draws (K, ...) by name; without bound in draws in which a number may have overflowed."""
    a = Adjoints(precision, signed=bound == "signed")
    with np.errstate(all="ignore"):
        found = _DIALECTS[config.dialect](config, draws, cotangents, a, bound)
    overflow = a.take_overflow()
    void = np.zeros(len(draws), bool)
    if overflow is not None:
        void |= overflow.any(axis=-1).reshape(-1, len(draws)).any(axis=0)
    return {name: _with_void(number, void) for name, number in found.items()}


def _with_void(number: Bounded, void: Mask) -> Bounded:
    lost = void.reshape(-1, *[1] * (number.value.ndim - 1)) | np.isnan(number.box) | ~np.isfinite(number.value)
    return Bounded(number.value, np.where(lost, np.inf, number.box))


def _check(
    config: LayerConfig, draws: Sequence[Tensors], cotangents: Sequence[Cotangents], precision: Precision
) -> None:
    """`SpecError` if a cotangent is of no output, or weighs what the specification leaves open."""
    names = {name for given in cotangents for name in given}
    for weighed, given in zip(differentiable(config, draws, precision, "step", names), cotangents, strict=True):
        for name, cotangent in given.items():
            output, weight = weighed.get(name), _number(cotangent)
            if output is None or output.value is None:
                raise SpecError(f"no gradient of '{name}'; outputs with values are {', '.join(weighed)}")
            if (shape := weight.value.shape) != output.value.shape:
                raise SpecError(f"cotangent of {name} has shape {shape}; the output has {output.value.shape}")
            if output.specified is not None and np.any(weight.size[~output.specified]):
                raise SpecError(f"cotangent of {name} weighs elements that the specification leaves open")


def differentiable(
    config: LayerConfig, draws: Sequence[Tensors], precision: Precision, bound: Policy, names: Collection[str] = ()
) -> tuple[dict[str, Expected], ...]:
    """By name, of each draw the outputs that may have a weight, as `evaluate` gives them.

    With names that no output has, these are also what each of two directions gave before they were merged.
    """
    found = evaluate(config, draws, precision, bound)
    named = tuple({due.name: due for due in of if due.name not in _COUNTS} for of in found)
    if not named or named[0].keys() >= set(names) or (apart := unmerged(config)) == config:
        return named
    halves = evaluate(apart, draws, precision, bound)
    return tuple({due.name: due for due in half} | of for half, of in zip(halves, named, strict=True))


def unmerged(config: LayerConfig) -> LayerConfig:
    """The same layer; if it merges what two directions give, it gives both."""
    return config if config.get("merge_mode") is None else config.with_options(merge_mode=_UNMERGED)


def _number(cotangent: Array | Bounded) -> Bounded:
    return cotangent if isinstance(cotangent, Bounded) else exact(as_floats(cotangent))


def _stacked(config: LayerConfig, draws: Sequence[Tensors], cotangents: Sequence[Cotangents]) -> dict[str, Bounded]:
    """Output name -> cotangents of all draws (K, ...), zero where a draw has none; padded to all time steps."""
    names = list(dict.fromkeys(name for given in cotangents for name in given))
    every = tuple([config.sizes.timesteps] * config.sizes.batch)
    contracts = (*output_contracts(unmerged(config), every), *output_contracts(config, every))
    shapes = {contract.name: (len(draws), *contract.shape) for contract in contracts}
    value, box = ({name: np.zeros(shapes[name]) for name in names} for _ in range(2))
    for k, given in enumerate(cotangents):
        for name, number in ((name, _number(cotangent)) for name, cotangent in given.items()):
            here = tuple(slice(size) for size in number.value.shape)
            value[name][k][here], box[name][k][here] = number.value, number.box
    return {name: Bounded(value[name], box[name], exact=not box[name].any()) for name in names}
