"""Kinds of change: what became of one check on one case between two runs."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from conformance.engine.events import DEVIATIONS, Outcome, Verdict
from conformance.results.align import SILENT

Kind = Literal["regressed", "changed", "fixed", "behaviour changed", "drifted", "slower", "faster", "not comparable"]

KINDS: Mapping[Kind, str] = {
    "regressed": "deviates now, did not before, or in one more way",
    "changed": "deviated before and does now, in another way or another check, or was declared in between",
    "fixed": "deviated before, does not now",
    "behaviour changed": "conforms, and does something else where the specification leaves it open",
    "drifted": "passes, with another share of the error that is allowed",
    "slower": "takes longer for the same cases",
    "faster": "takes less time for the same cases",
    "not comparable": "only one of the two runs says something about it",
}
"""Every kind of change with its meaning, what matters most first."""


@dataclass(frozen=True)
class Thresholds:
    """How much is a change.

    Attributes:
        drift: error ÷ allowed must grow or shrink by more than this factor.
        negligible: and must be above this share of what is allowed, before or after.
        speed: the median time per case must grow or shrink by more than this factor, and so must three of four cases
            in that direction, by whatever factor.
    """

    drift: float = 2.0
    negligible: float = 0.1
    speed: float = 1.25


def kind_of(was: Verdict | None, now: Verdict | None, thresholds: Thresholds, same_look: bool = True) -> Kind | None:
    """The kind of change; None if nothing changed.

    Args:
        was: the verdict of a check on a case before; None if it was not made.
        now: the same after.
        thresholds: how much is a change.
        same_look: False if a failure is known to look like one mistake before and like another one now.
    """
    if was is None or now is None:
        return "not comparable"
    if was.outcome in SILENT or now.outcome in SILENT:
        return _silent(was.outcome, now.outcome)
    if "known" in (was.outcome, now.outcome) or (was.outcome in DEVIATIONS and now.outcome in DEVIATIONS):
        return _still(was, now, same_look)
    if was.outcome in DEVIATIONS:
        return "fixed"
    if now.outcome in DEVIATIONS:
        return "regressed"
    if _opened(was.outcome) != _opened(now.outcome) or family(was) != family(now):
        return "behaviour changed"
    return "drifted" if factor(was, now, thresholds) is not None else None


def _silent(was: Outcome, now: Outcome) -> Kind | None:
    """One of the two runs, or both, could not say anything."""
    if was == "not run" and now in DEVIATIONS:  # an earlier failure is gone, and uncovers this one
        return "changed"
    return None if was in SILENT and now in SILENT else "not comparable"


def _still(was: Verdict, now: Verdict, same_look: bool) -> Kind | None:
    """It deviated, declared or not, before or after."""
    if was.outcome == "known" and not _deviates(now.outcome):
        return "fixed"
    before, after = _causes(was), _causes(now)
    if before < after and any(part.outcome in DEVIATIONS and family(part) not in before for part in now.parts):
        return "regressed"
    same = was.outcome == now.outcome and family(was) == family(now) and same_look
    return None if same else "changed"


def _causes(verdict: Verdict) -> set[str]:
    return {family(part) for part in verdict.parts}


def _deviates(outcome: Outcome) -> bool:
    return outcome in DEVIATIONS or outcome == "known"


def _opened(outcome: Outcome) -> bool:
    return outcome == "unspecified"


def factor(was: Verdict, now: Verdict, thresholds: Thresholds) -> float | None:
    """By which factor error ÷ allowed moved; None if that is not worth a word."""
    if was.ratio is None or now.ratio is None or max(was.ratio, now.ratio) <= thresholds.negligible:
        return None
    moved = now.ratio / was.ratio if was.ratio else math.inf
    return moved if not 1 / thresholds.drift <= moved <= thresholds.drift else None


_NUMBERS = re.compile(r"0x[0-9a-fA-F]+|[-+]?\d+(\.\d+)?(e[-+]?\d+)?")


def family(verdict: Verdict) -> str:
    """Equal for verdicts that say the same of different cases: the cause, or the message without its numbers."""
    return "; ".join(sorted(part.cause or _NUMBERS.sub("#", part.message or "") for part in verdict.parts))
