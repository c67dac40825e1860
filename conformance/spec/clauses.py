"""The clauses: numbered, citable statements of what must hold."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from conformance.spec.config import LayerConfig
from conformance.spec.dialect import Condition, Dialect, frozen, holds
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
        checks: the checks that test it.
        layers: the layers that it is about; empty: all.
        when: the option values that it is about; empty: any.
    """

    id: str
    dialect: str
    status: Literal["required", "unspecified"]
    text: str
    source: str
    checks: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    when: Condition = field(default_factory=dict)


@cache
def load_clauses() -> Mapping[str, Clause]:
    """All clauses by id, in the order of the file."""
    data = tomllib.loads((specs_path() / "clauses.toml").read_text(encoding="utf-8"))
    return {entry["id"]: Clause(**frozen(entry)) for entry in data["clauses"]}


def holds_in(clause: Clause, dialect: Dialect) -> bool:
    """Whether a clause is part of a dialect: its own, one of its base that it keeps, or one of all."""
    return clause.dialect in ("all", *dialect.lineage) and clause.id not in dialect.withdrawn


def clauses_for(check: str, config: LayerConfig, rejection: str | None = None) -> tuple[Clause, ...]:
    """The clauses that a check tests on a configuration (on what must be rejected: the one that says so)."""
    known = load_clauses()
    if rejection is not None:
        return (known[config.rules.rejections[rejection].clause],)
    return tuple(
        clause
        for clause in known.values()
        if check in clause.checks
        and holds_in(clause, config.rules)
        and (not clause.layers or config.layer in clause.layers)
        and holds(clause.when, config.options)
    )
