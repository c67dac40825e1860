"""Declared deviations as a run saw them, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from conformance.engine.events import KnownSeen
from conformance.errors import SpecError
from conformance.report.text import count, safe, short
from conformance.results import Results
from conformance.spec import Case, Clause, clauses_for

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


def clauses_of(results: Results) -> Mapping[tuple[str, str], tuple[Clause, ...]]:
    """Implementation and declaration -> the clauses that its check tests on the first case that it explains."""
    checks = {(one.implementation, one.id): one.check for one in results.known if one.cases}
    found: dict[tuple[str, str], tuple[Clause, ...]] = {}
    for record in results.cases if checks else ():
        for check, verdict in record.outcomes.items():
            for part in verdict.parts if verdict.also or verdict.outcome == "known" else ():
                key = record.implementation, (part.message or "").partition(": ")[0]
                if part.outcome == "known" and checks.get(key) == check and key not in found:
                    found[key] = _clauses(check, record.case)
    return found


def _clauses(check: str, case: Mapping[str, Any]) -> tuple[Clause, ...]:
    try:
        known = Case.from_canonical(case)
        return clauses_for(check, known.config, known.rejection)
    except (SpecError, KeyError):  # of another version of the specification
        return ()


def _rank(one: KnownSeen) -> tuple[bool, str, int, str]:
    return (one.witness != "passes", one.implementation, -one.cases, one.id)


def _silent(known: Sequence[KnownSeen]) -> Iterator[str]:
    """Which declarations match nothing, in one line."""
    names = dict.fromkeys(safe(one.id) for one in known if not one.cases and one.witness != "passes")
    if names:
        yield f"  nothing in this run matches {', '.join(names)}"
