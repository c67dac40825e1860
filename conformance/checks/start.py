"""What new layers start with, beside the distributions that the dialect promises."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from conformance.checks.chance import distance_allowed, distance_from_uniform
from conformance.checks.observation import Reply
from conformance.laws import Call
from conformance.laws.start import RANDOM
from conformance.reference import precision
from conformance.spec import Array, Floats, LayerConfig, OutputContract, WeightContract, as_floats, weights

ENOUGH = 8
"""So many random numbers in a row are not equal to others by chance: less often than once in 2^100."""

ROUNDINGS = 4
"""Units of rounding by which a number may be outside of a limit, which itself was rounded."""

QR_ROUNDINGS = 8
"""The constant c of the bound, with room for the square that is formed of the result."""


def contracts(config: LayerConfig) -> tuple[OutputContract, ...]:
    """What a new layer must give: its weights."""
    return tuple(
        OutputContract(it.name, it.axes, it.shape, config.dtype, "form", "initial weight") for it in weights(config)
    )


@dataclass(frozen=True)
class Drawn:
    """A weight that was drawn at random."""

    contract: WeightContract
    array: Floats
    layer: int

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.contract.name} of layer {self.layer + 1}"


def problem(calls: Sequence[Call], replies: Sequence[Reply]) -> tuple[str, str] | None:
    """What is wrong with the weights of new layers, and a short key for it."""
    config = calls[0].config
    drawn = [
        Drawn(contract, as_floats(array), number)
        for number, reply in enumerate(replies)
        for contract, array in zip(weights(config), reply.outputs, strict=True)
        if contract.initial in RANDOM
    ]
    return next(_problems(config, drawn), None)


def _problems(config: LayerConfig, drawn: Sequence[Drawn]) -> Iterator[tuple[str, str]]:
    for one in drawn:
        if one.contract.initial == "orthogonal" and (told := _not_orthogonal(config, one)):
            yield told, "orthogonal"
    uniform = [one for one in drawn if one.contract.initial != "orthogonal"]
    for role in dict.fromkeys(one.contract.role for one in uniform):
        if told := _not_uniform(config, [one for one in uniform if one.contract.role == role]):
            yield told, role
    if told := _repeated(config, drawn):
        yield told, "repeated"


# ---------------------------------------------------------------- uniform


def limit(config: LayerConfig, weight: WeightContract) -> float:
    """The largest absolute value of a uniformly drawn weight."""
    if weight.initial == "glorot_uniform":
        return math.sqrt(6 / sum(weight.shape))
    return 1 / math.sqrt(config.sizes.units)


def _not_uniform(config: LayerConfig, drawn: Sequence[Drawn]) -> str | None:
    """Outside the limits, which is certain; or of another distribution, which is all but certain."""
    slack = 1 + ROUNDINGS * precision(config.dtype).u
    for one in drawn:
        largest, allowed = float(np.abs(one.array).max()), limit(config, one.contract)
        if not largest <= allowed * slack:
            return f"{one.name} has {largest:.6g}, outside ±{allowed:.6g}{_perhaps(config, drawn)}"
    shares = np.concatenate([one.array.ravel() / limit(config, one.contract) for one in drawn])
    distance, allowed = distance_from_uniform(shares), distance_allowed(shares.size) + slack - 1
    if distance <= allowed:
        return None
    spread = float(np.abs(shares).max())
    return (
        f"{shares.size} numbers of {drawn[0].contract.role} are not uniform in their limits: distance {distance:.3f}, "
        f"allowed {allowed:.3f}; the largest is {spread:.3f} of the limit"
    )


def _perhaps(config: LayerConfig, drawn: Sequence[Drawn]) -> str:
    """Whether the gates seem to have been drawn one by one."""
    first = drawn[0].contract
    gates = len(config.rules.layers[config.layer].blocks)
    if first.initial != "glorot_uniform" or gates == 1:
        return ""
    inputs, outputs = first.shape
    alone = math.sqrt(6 / (inputs + outputs // gates))
    shares = np.concatenate([one.array.ravel() for one in drawn]) / alone
    fits = np.abs(shares).max() <= 1 + 1e-3 and distance_from_uniform(shares) <= distance_allowed(shares.size)
    return "; it fits a matrix for each gate, drawn by itself" if fits else ""


# ---------------------------------------------------------------- orthogonal


def _not_orthogonal(config: LayerConfig, one: Drawn) -> str | None:
    """Rows of length one at right angles to each other (columns, if there are fewer of them).

    The factor Q of a QR decomposition by Householder's method is that of an orthogonal matrix up to √n·c·m·n·u in the
    Frobenius norm (Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, section 19.3).
    """
    matrix = one.array if one.array.shape[0] <= one.array.shape[1] else one.array.T
    square = matrix @ matrix.T
    off = float(np.abs(square - np.eye(len(square))).max())
    allowed = QR_ROUNDINGS * math.sqrt(len(matrix)) * matrix.size * precision(config.dtype).u
    if off <= allowed:
        return None
    lengths = np.diag(square)
    short = f"{one.name} is not orthogonal: its square is off the identity by {off:.3g}, allowed {allowed:.2g}"
    if np.abs(square - np.diag(lengths)).max() <= allowed * max(1.0, lengths.max()):
        return f"{short}; rows are at right angles, but of squared length {lengths.min():.3g} to {lengths.max():.3g}"
    return short


# ---------------------------------------------------------------- drawn anew


def _repeated(config: LayerConfig, drawn: Sequence[Drawn]) -> str | None:
    """Two weights, or two gates of one, that hold the same numbers."""
    seen: dict[bytes, str] = {}
    gates = config.rules.layers[config.layer].blocks
    for one in drawn:
        for gate, block in zip(gates, _blocks(one.array, len(gates), config), strict=False):
            if block.size < ENOUGH:
                continue
            name = f"{one.name}, gate {gate}"
            known = seen.setdefault(block.tobytes(), name)
            if known != name:
                return f"{name} holds the very numbers of {known}"
    return None


def _blocks(array: Floats, gates: int, config: LayerConfig) -> list[Array]:
    """The blocks of the gates; of a weight that has none, the whole."""
    axis = 0 if config.rules.nesting == "places" else array.ndim - 1
    if array.shape[axis] != gates * config.sizes.units:
        return [array]
    return [np.ascontiguousarray(block) for block in np.split(array, gates, axis)]
