"""The reference: what a recurrent layer must return, in float64, with a bound on what rounding may do to it.

`evaluate` is the entry point. `cells` holds the mathematics, `scan` the run through time, `keras` and `torch` what each
API makes of it; `arithmetic` holds the error analysis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np

from conformance.errors import SpecError
from conformance.reference import keras, torch
from conformance.reference.cells import CELLS, Cells
from conformance.reference.expected import Expected, form_only, output_contracts
from conformance.reference.precision import CAPS, ELSEWHERE, Accuracy, Precision, precision
from conformance.reference.scan import Policy
from conformance.spec import LayerConfig, Tensors

__all__ = ["CAPS", "ELSEWHERE", "Accuracy", "Cells", "Expected", "Policy", "Precision", "evaluate", "precision"]

_DIALECTS = {"keras": keras, "keras2": keras, "torch": torch}

_OWN_ERROR = 2.0**-20
"""Relative error of the bounds as evaluated in float64; left out of `step`, so that rounding never puts that above."""


def evaluate(
    config: LayerConfig, draws: Sequence[Tensors], precision: Precision, bound: Policy, cells: Cells = CELLS
) -> tuple[tuple[Expected, ...], ...]:
    """What a layer must return, and how far rounding may take an implementation from it.

    Args:
        config: the configuration.
        draws: tensors of one or more calls, each with its own weights; all are evaluated in one pass.
        precision: what a correct implementation may do.
        bound: how errors of earlier steps enter. `interval` and `signed` are rigorous, `signed` being the tighter and
            the more expensive one; `step` never exceeds them and costs little, so an error within it needs no more.
        cells: the cells to compute with; only a search for mistakes uses others than these.

    Returns:
        For every draw its outputs, in the order of `conformance.spec.outputs(config, lengths)`.

    Raises:
        SpecError: if the reference does not implement the configuration, or the tensors do not fit it.
    """
    module = _DIALECTS.get(config.dialect)
    if module is None:
        raise SpecError(f"the reference does not implement dialect '{config.dialect}'; it has {', '.join(_DIALECTS)}")
    if unknown := sorted(set(config.options) - module.OPTIONS):
        raise SpecError(f"the reference of {config.dialect} does not implement option '{unknown[0]}'")
    if bound not in get_args(Policy):
        raise SpecError(f"no bound '{bound}'; choose one of {', '.join(get_args(Policy))}")
    if not draws:
        return ()
    with np.errstate(all="ignore"):
        packages = module.expected(config, draws, precision, bound, cells)
    factor = precision.reference * (1.0 if bound == "step" else 1.0 + _OWN_ERROR)
    return tuple(_aligned(config, tensors, package, factor) for tensors, package in zip(draws, packages, strict=True))


def _aligned(
    config: LayerConfig, tensors: Tensors, package: dict[str, Expected], factor: float
) -> tuple[Expected, ...]:
    """The outputs in the order of the contract."""
    lengths = None if tensors.lengths is None else tuple(tensors.lengths.tolist())
    return tuple(
        form_only(contract) if contract.judged == "form" else _loosened(package[contract.name], factor)
        for contract in output_contracts(config, lengths)
    )


def _loosened(expected: Expected, factor: float) -> Expected:
    return Expected(expected.name, expected.value, expected.allowed * factor, expected.specified)
