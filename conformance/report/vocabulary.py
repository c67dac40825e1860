"""The words of a report: outcomes with glyph and meaning, checks and clauses with their sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from conformance.checks import CHECKS
from conformance.engine.events import Outcome
from conformance.generate.phases import Phase


@dataclass(frozen=True)
class Word:
    """An outcome as people see it: never by colour alone."""

    glyph: str
    meaning: str
    counts_as: str


OUTCOMES: Mapping[Outcome, Word] = {
    "crash": Word("‼", "the process died", "deviation"),
    "timeout": Word("◷", "no answer in time; ended by the watchdog", "deviation"),
    "error": Word("!", "raised where the specification says it works, or accepted what it rejects", "deviation"),
    "fail": Word("✗", "ran, and gave the wrong answer", "deviation"),
    "known": Word("◐", "a declared deviation that still fails", "declared deviation"),
    "fixed": Word("◑", "a declared deviation that no longer fails: remove the declaration", "conformant"),
    "pass": Word("✓", "ran, and everything is as specified", "conformant"),
    "unspecified": Word("?", "the specification leaves it open; recorded, not judged", "information"),
    "unsupported": Word("–", "the implementation declared beforehand that it cannot do this", "not applicable"),
    "not run": Word("∅", "not tested: nothing follows from it, least of all 0 %", "nothing"),
}
"""All outcomes, the most severe first."""

SEVERITY: Mapping[Outcome, int] = {outcome: rank for rank, outcome in enumerate(OUTCOMES)}
"""Outcome -> rank; 0 is the most severe."""

PHASES: tuple[str, ...] = get_args(Phase)
"""The phases of a run, in order."""


def check_place(name: str) -> int:
    """Its place in the registry of checks; after all others, if it is of another version."""
    names = list(CHECKS)
    return names.index(name) if name in names else len(names)


def css_class(outcome: Outcome) -> str:
    """The name of the outcome in the style sheet."""
    return "o-" + outcome.replace(" ", "-")
