"""What a correct implementation may do in a type: unit roundoff, underflow, overflow, accuracy of activations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from conformance.errors import SpecError


@dataclass(frozen=True)
class Accuracy:
    """How accurate an implementation's activations are: |error| <= u (rel |y| + abs) + tiny.

    Attributes:
        tanh: (rel, abs) in units of the unit roundoff u.
        sigmoid: likewise.
    """

    tanh: tuple[float, float]
    sigmoid: tuple[float, float]


@dataclass(frozen=True)
class Precision:
    """The rounding model of a correct implementation.

    Attributes:
        dtype: name of the type of stored values.
        u: unit roundoff of products, sums and stored values. (Products of half types are mostly accumulated in a wider
            type, but nothing promises that.)
        tiny: smallest normal number; results and operands below it may be flushed to zero.
        fmax: largest finite number.
        accuracy: accuracy of tanh and sigmoid.
        reference: factor for the error of the float64 reference itself: 2 where the implementation computes in
            float64 as well and the reference errs as it does, else 1.
    """

    dtype: str
    u: float
    tiny: float
    fmax: float
    accuracy: Accuracy
    reference: float = 1.0


_WIDE = Accuracy(tanh=(12.0, 5.0), sigmoid=(12.0, 4.0))
_NARROW = Accuracy(tanh=(4.0, 1.0), sigmoid=(5.0, 1.0))

CAPS: Mapping[str, Accuracy] = {"float64": _WIDE, "float32": _WIDE, "float16": _NARROW, "bfloat16": _NARROW}
"""The worst accuracy that is accepted of a type: about 1.5 times the worst that was measured in five libraries."""

ELSEWHERE = Accuracy(tanh=(12.0, 10.0), sigmoid=(12.0, 6.0))
"""Of programs whose activations cannot be measured one by one, in float32; more than any of CAPS.

The recurrent kernels of ONNX Runtime have only absolute accuracy: up to 8.1 u was measured.
"""

_OWN = Accuracy(tanh=(4.0, 0.0), sigmoid=(4.0, 0.0))
"""Accuracy of this reference's own activations in float64; measured: 1.6 and 2.0 with NumPy 2.4 on x86-64."""

_TYPES: Mapping[str, Precision] = {
    "float64": Precision("float64", 2.0**-53, 2.0**-1022, (2 - 2.0**-52) * 2.0**1023, _WIDE, 2.0),
    "float32": Precision("float32", 2.0**-24, 2.0**-126, (2 - 2.0**-23) * 2.0**127, _WIDE),
    "float16": Precision("float16", 2.0**-11, 2.0**-14, 65504.0, _NARROW),
    "bfloat16": Precision("bfloat16", 2.0**-8, 2.0**-126, (2 - 2.0**-7) * 2.0**127, _NARROW),
}


def precision(dtype: str, accuracy: Accuracy | None = None) -> Precision:
    """The rounding model of a type.

    Args:
        dtype: `float64`, `float32`, `float16` or `bfloat16`.
        accuracy: accuracy of the activations; None: the worst that is accepted (`CAPS`). In float64 it counts as no
            better than the reference's own: the doubled bound must hold the errors of both.

    Raises:
        SpecError: for another type.
    """
    if dtype not in _TYPES:
        raise SpecError(f"no rounding model for dtype '{dtype}'; choose one of {', '.join(_TYPES)}")
    known = _TYPES[dtype]
    if accuracy is not None and known.reference > 1:
        accuracy = Accuracy(_worse(accuracy.tanh, _OWN.tanh), _worse(accuracy.sigmoid, _OWN.sigmoid))
    return Precision(dtype, known.u, known.tiny, known.fmax, accuracy or known.accuracy, known.reference)


def _worse(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return max(one[0], other[0]), max(one[1], other[1])
