"""The tensors of one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
"""NumPy knows the type by its name as soon as `ml_dtypes` is imported."""

FULL_PRECISION = ("float32", "float64")
"""Types with so many digits that rounding hides little: no half precision."""


def is_real(dtype: np.dtype[Any]) -> bool:
    """Whether arrays of a type hold real numbers, or truth values, which can be compared with numbers."""
    return dtype.kind in "fiub" or dtype == BFLOAT16


def has_nan(dtype: np.dtype[Any]) -> bool:
    """Whether numbers of a type can be NaN."""
    return dtype.kind in "fc" or dtype == BFLOAT16


def as_floats(array: Array) -> Floats:
    """The numbers as float64, without loss for all types but 64-bit integers; NaN where there are no real numbers."""
    return array.astype(np.float64) if is_real(array.dtype) else np.full(array.shape, np.nan)


@dataclass(frozen=True)
class Tensors:
    """Weights and arguments of one call, in the layout and types of the dialect.

    Attributes:
        weights: as in `conformance.spec.weights(config)`.
        x: the input, laid out as the configuration says (batch first, time first, unbatched); padded if packed.
        mask: (batch, timesteps) of bool, True = keep; None: no mask is handed over.
        lengths: (batch,) of int64: lengths of packed sequences; None: the input is not packed.
        initial_state: as in `conformance.spec.initial_states(config)`; None: none are handed over.
        between: (layers - 1, timesteps, batch, features): zeros and powers of two by which what one of several stacked
            layers gives to the next is multiplied on its way, as dropout does it; None: by nothing. Known to the
            reference alone, for input that comes in batches.
    """

    weights: tuple[Array, ...]
    x: Array
    mask: Array | None = None
    lengths: Array | None = None
    initial_state: tuple[Array, ...] | None = None
    between: Array | None = None
