"""Declared deviations by version: which versions have them, with how many cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from conformance.engine.events import KnownSeen
from conformance.report.known import counted


@dataclass(frozen=True)
class Seen:
    """A declared deviation in neighbouring versions that gave the same.

    Attributes:
        outcome: `known`: it is there; `fixed`: its witness passes; None: it did not show, or is not declared of them.
        text: how many cases, in short.
        words: the same at length.
        span: number of versions.
    """

    outcome: str | None
    text: str
    words: str
    span: int


@dataclass(frozen=True)
class Declared:
    """A declared deviation in all versions."""

    id: str
    check: str
    reason: str
    link: str
    script: str
    cells: tuple[Seen, ...]


def declared_rows(known: Sequence[Sequence[KnownSeen]]) -> tuple[Declared, ...]:
    """What each version has of everything that is declared of one of them; what nothing shows in any is left out."""
    newest = {one.id: one for version in known for one in version}
    rows = []
    for one in newest.values():
        found = [next((it for it in version if it.id == one.id), None) for version in known]
        if any(_outcome(it) for it in found):
            rows.append(Declared(one.id, one.check, one.reason, one.link, one.script, tuple(_cells(found))))
    return tuple(rows)


def _cells(found: Sequence[KnownSeen | None]) -> list[Seen]:
    cells = []
    for (outcome, text, words), same in groupby((_outcome(it), _text(it), _words(it)) for it in found):
        cells.append(Seen(outcome, text, words, len(list(same))))
    return cells


def _outcome(one: KnownSeen | None) -> str | None:
    if one is None:
        return None
    return "fixed" if one.witness == "passes" else "known" if one.cases else None


def _text(one: KnownSeen | None) -> str:
    outcome = _outcome(one)
    return f"{one.cases:,}" if one is not None and outcome == "known" else outcome or ""


def _words(one: KnownSeen | None) -> str:
    if one is None:
        return "not declared of this version"
    return counted(one) if _outcome(one) else "no case of this run shows it"
