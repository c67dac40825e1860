"""The clauses: numbered, citable statements of what must hold."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from conformance.spec.paths import specs_path


@dataclass(frozen=True)
class Clause:
    """One statement of the specification.

    Attributes:
        id: stable name to cite, such as `KERAS-BI-4`.
        dialect: the dialect it belongs to, or `all`.
        status: `required`, or `unspecified` where the API leaves the choice open.
        text: one sentence.
        source: where the statement comes from.
    """

    id: str
    dialect: str
    status: Literal["required", "unspecified"]
    text: str
    source: str


@cache
def load_clauses() -> Mapping[str, Clause]:
    """All clauses by id, in the order of the file."""
    data = tomllib.loads((specs_path() / "clauses.toml").read_text(encoding="utf-8"))
    return {entry["id"]: Clause(**entry) for entry in data["clauses"]}
