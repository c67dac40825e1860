"""The tensors of one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Tensors:
    """Weights and arguments of one call, in the layout and types of the dialect.

    Attributes:
        weights: as in `conformance.spec.weights(config)`.
        x: the input, laid out as the configuration says (batch first, time first, unbatched); padded if packed.
        mask: (batch, timesteps) of bool, True = keep; None: no mask is handed over.
        lengths: (batch,) of int64: lengths of packed sequences; None: the input is not packed.
        initial_state: as in `conformance.spec.initial_states(config)`; None: none are handed over.
    """

    weights: tuple[Array, ...]
    x: Array
    mask: Array | None = None
    lengths: Array | None = None
    initial_state: tuple[Array, ...] | None = None
