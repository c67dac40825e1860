"""A comparison as JSON, for other programs: specs/schemas/comparison.schema.json."""

from __future__ import annotations

import json as standard
from collections.abc import Mapping
from typing import Any

from conformance.engine.events import ImplementationStarted, RunStarted
from conformance.results import KINDS, Change, Compared, Comparison
from conformance.results.codec import plain

FORMAT = 1
"""The version of the format."""


def json(comparison: Comparison) -> str:
    """One object, indented; ends with an end of line.

    As in results files, fields without a value are left out, and numbers that JSON cannot say are texts.
    """
    content = {
        "format": FORMAT,
        "before": _run(comparison.before),
        "after": _run(comparison.after),
        "notes": list(comparison.notes),
        "thresholds": plain(comparison.thresholds),
        "counts": _counts(comparison.kinds),
        "implementations": [_compared(one) for one in comparison.implementations],
    }
    return standard.dumps(content, ensure_ascii=True, allow_nan=False, indent=1) + "\n"


def _run(header: RunStarted) -> dict[str, Any]:
    names = ("suite", "spec", "seed", "profile", "phases", "command", "started")
    return {name: plain(getattr(header, name)) for name in names}


def _counts(kinds: Mapping[Any, int]) -> dict[str, int]:
    return {kind: kinds.get(kind, 0) for kind in KINDS}


def _compared(one: Compared) -> dict[str, Any]:
    return {
        "before": _named(one.before, one.was),
        "after": _named(one.after, one.now),
        "cases": one.cases,
        "counts": _counts(one.kinds),
        "changes": [_change(change) for change in one.changes],
        "transitions": [
            {"check": check, "before": was, "after": now, "cases": cases}
            for check, moves in one.transitions.items()
            for (was, now), cases in moves.items()
        ],
        "speeds": plain(one.speeds),
    }


def _named(name: str, started: ImplementationStarted | None) -> dict[str, Any]:
    versions = started.versions if started is not None else {}
    return {"name": name, "versions": dict(versions)}


def _change(change: Change) -> dict[str, Any]:
    """A change; `ratios` by side, and no example where there is none."""
    record: dict[str, Any] = plain(change)
    if change.ratios is not None:
        record["ratios"] = dict(zip(("before", "after"), record["ratios"], strict=True))
    if not change.example:
        del record["example"], record["example_case"]
    return record
