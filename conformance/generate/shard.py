"""Shards: the cases of a run in parts, so that several machines share the work."""

from __future__ import annotations

import re
from dataclasses import dataclass

from conformance.errors import SpecError
from conformance.spec import LayerConfig


@dataclass(frozen=True)
class Shard:
    """One part of a run, written `2/4`. Every configuration, with all its draws of data, is in exactly one part.

    Attributes:
        number: which part, from 1.
        of: how many parts there are.
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The inverse of `str`.

        Raises:
            SpecError: it is not written so, or there is no such part.
        """
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise SpecError(f"'{text}' is no shard; write NUMBER/OF with NUMBER from 1 to OF, such as 2/4")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def has(self, config: LayerConfig) -> bool:
        """Whether a configuration belongs to this part; decided by its identity, so the same on every machine."""
        return int(config.id, 16) % self.of == self.number - 1
