"""Declared deviations as a run saw them, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from conformance.engine.events import KnownSeen
from conformance.report.text import count, safe, short

HEAD = "known deviations, declared: they are counted and do not fail"


def lines(known: Sequence[KnownSeen]) -> list[str]:
    """For a terminal: a line for every declaration that says something of this run, those that need a look first."""
    shown = sorted((one for one in known if one.cases or one.witness == "passes"), key=_rank)
    if not shown:
        return []
    width = max(len(one.implementation) for one in shown)
    return [HEAD, *(f"  {safe(one.implementation):<{width}}  {words(one)}" for one in shown), *_silent(known)]


def words(one: KnownSeen) -> str:
    """What became of a declaration: `48 cases of values (and 2 pass)  ID: reason`."""
    return f"{counted(one)}  {short(safe(one.id))}: {short(safe(one.reason))}"


def counted(one: KnownSeen) -> str:
    """How many cases it explains, and what else is in its region."""
    if one.witness == "passes":
        return "FIXED: its witness passes"
    rest = [f"{number:,} {word}" for number, word in ((one.passing, "pass"), (one.other, "fail otherwise")) if number]
    more = f" (and {', '.join(rest)})" if rest else ""
    return f"{count(one.cases, 'case')} of {safe(one.check)}{more}"


def _rank(one: KnownSeen) -> tuple[bool, str, int, str]:
    return (one.witness != "passes", one.implementation, -one.cases, one.id)


def _silent(known: Sequence[KnownSeen]) -> Iterator[str]:
    """Which declarations match nothing, in one line."""
    names = dict.fromkeys(safe(one.id) for one in known if not one.cases and one.witness != "passes")
    if names:
        yield f"  nothing in this run matches {', '.join(names)}"
