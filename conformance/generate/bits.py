"""Raw bits that are the same on every machine, in every version of every library, and in every language.

Case identities refer to seeds, so what a seed means must never change. NumPy's distributions may change between
versions; this does not: SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014)
used as a counter-based generator.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

from conformance.spec import Floats

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))
_LAST = np.uint64(31)
_UNUSED = np.uint64(11)


def derive(*parts: str | int) -> int:
    """A 63-bit seed that depends on all parts: the first 8 bytes of SHA-256 over them, joined by "/"."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


class Stream:
    """An endless stream of bits, named by what it is for. Equal parts give equal streams."""

    def __init__(self, *parts: str | int) -> None:
        self._seed = np.uint64(derive(*parts))
        self._used = 0

    def bits(self, count: int) -> NDArray[np.uint64]:
        """The next `count` words: mix(seed + golden * (i + 1)) for the running index i."""
        z = np.arange(self._used + 1, self._used + count + 1, dtype=np.uint64)
        self._used += count
        z *= _GOLDEN  # on arrays, unsigned numbers wrap round without a warning
        z += self._seed
        for shift, factor in _MIX:
            z ^= z >> shift
            z *= factor
        z ^= z >> _LAST
        return z

    def unit(self, *shape: int) -> Floats:
        """Numbers in [0, 1) with 53 random bits."""
        bits = self.bits(math.prod(shape)) >> _UNUSED
        return (bits.astype(np.float64) * 2.0**-53).reshape(shape)

    def symmetric(self, *shape: int) -> Floats:
        """Numbers in [-1, 1)."""
        return 2 * self.unit(*shape) - 1

    def integers(self, low: int, high: int, *shape: int) -> NDArray[np.int64]:
        """Whole numbers in [low, high], both ends included."""
        return (low + np.floor(self.unit(*shape) * (high - low + 1))).astype(np.int64)

    def integer(self, low: int, high: int) -> int:
        """One whole number in [low, high]."""
        return int(self.integers(low, high, 1)[0])
