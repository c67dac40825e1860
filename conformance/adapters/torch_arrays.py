"""Tensors of PyTorch as arrays of NumPy and back, without a copy where that can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import numpy as np

if TYPE_CHECKING or __package__:
    from conformance.adapters import wire
else:
    import wire


def tensor_of(torch: Any, array: np.ndarray[Any, Any]) -> Any:
    """A tensor of the same type, shape and values."""
    if array.dtype == wire.BFLOAT16:  # PyTorch does not know NumPy's word for it
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def numbers(torch: Any, tensor: Any) -> np.ndarray[Any, Any]:
    """The present values of a tensor, uncast; `TypeError` for a type that NumPy does not have."""
    plain = tensor.detach().cpu().resolve_conj().resolve_neg()
    if plain.dtype == torch.bfloat16:
        return np.asarray(plain.view(torch.int16).numpy()).view(wire.BFLOAT16)
    return np.asarray(plain.numpy())


def array_of(torch: Any, value: Any) -> Optional[np.ndarray[Any, Any]]:
    """As `numbers`; None for what is no tensor, or of a type that NumPy does not have."""
    if not isinstance(value, torch.Tensor):
        return None
    try:
        return numbers(torch, value)
    except TypeError:
        return None
