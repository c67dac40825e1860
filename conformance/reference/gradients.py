"""Gradients of a recurrent layer: backpropagation through time, with a bound on rounding beside every number.

The loss is the sum of all outputs, each element times a weight that the caller chooses (a *cotangent*): no reduction
adds rounding of its own, and its gradients are the vector-Jacobian products that frameworks compute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, get_args

import numpy as np

from conformance.errors import SpecError
from conformance.reference import evaluate, keras_gradients, torch_gradients
from conformance.reference.adjoints import Adjoints
from conformance.reference.arithmetic import Mask
from conformance.reference.bounded import Bounded
from conformance.reference.expected import Expected, output_contracts, state_contracts, weight_contracts
from conformance.reference.precision import Precision
from conformance.spec import FULL_PRECISION, Array, Floats, LayerConfig, Tensors

Cotangents = Mapping[str, Array]
"""Output name -> the weight of every element in the loss, shaped as the output; outputs left out have no weight."""

Bound = Literal["interval", "signed"]
"""How errors of earlier steps enter the bound; see `conformance.reference.scan.Policy`."""

_DIALECTS: Mapping[str, Callable[..., dict[str, Bounded]]] = {
    "keras": keras_gradients.gradients,
    "keras2": keras_gradients.gradients,
    "torch": torch_gradients.gradients,
}
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
        cotangents: for every draw the weights of its loss, exact numbers of the configuration's type. Of a packed
            sequence, those of `output.padded`.
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
    config: LayerConfig, draws: Sequence[Tensors], cotangents: Mapping[str, Floats], precision: Precision, bound: Bound
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
    for outputs, given in zip(evaluate(config, draws, precision, "step"), cotangents, strict=True):
        weighed = {
            output.name: output for output in outputs if output.name not in ("output.batch_sizes", "output.lengths")
        }
        for name, cotangent in given.items():
            output = weighed.get(name)
            if output is None or output.value is None:
                raise SpecError(f"no gradient of '{name}'; outputs with values are {', '.join(weighed)}")
            if cotangent.shape != output.value.shape:
                raise SpecError(f"cotangent of {name} has shape {cotangent.shape}; the output has {output.value.shape}")
            if output.specified is not None and np.any(cotangent[~output.specified]):
                raise SpecError(f"cotangent of {name} weighs elements that the specification leaves open")


def _stacked(config: LayerConfig, draws: Sequence[Tensors], cotangents: Sequence[Cotangents]) -> dict[str, Floats]:
    """Output name -> cotangents of all draws (K, ...), zero where a draw has none; padded to all time steps."""
    names = dict.fromkeys(name for given in cotangents for name in given)
    every = tuple([config.sizes.timesteps] * config.sizes.batch)
    shapes = {contract.name: contract.shape for contract in output_contracts(config, every)}
    stacked = {name: np.zeros((len(draws), *shapes[name])) for name in names}
    for k, given in enumerate(cotangents):
        for name, cotangent in given.items():
            stacked[name][k][tuple(slice(size) for size in cotangent.shape)] = cotangent
    return stacked
