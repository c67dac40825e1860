"""A comparison for terminals of 80 columns, without colours."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from conformance.report.comparison.view import Entry, Part, View, speed
from conformance.report.groups import CaseView
from conformance.report.text import safe, short

WIDTH = 80

SHOWN = 12
"""So many changes of each implementation are shown."""

_INDENT = 17


def text(view: View) -> str:
    """Notes, then every implementation with its changes."""
    return "\n".join(_lines(view))


def _lines(view: View) -> Iterator[str]:
    for name, header, source in zip(("before", "after"), (view.before, view.after), view.sources, strict=True):
        yield from _wrapped(f"{name:<8}", f"{source}, {header.started}, seed {header.seed}", 8)
    yield ""
    for note in view.notes:
        yield from _wrapped("! ", note, 2)
    if view.notes:
        yield ""
    for part in view.parts:
        yield from _part(part)
    yield from _wrapped("", f"in all: {view.verdict}", 0)


def _part(part: Part) -> Iterator[str]:
    yield from _wrapped("", f"{part.before} -> {part.after}", 2)
    yield from _wrapped("  ", part.verdict, 2)
    for one in part.speeds:
        yield from _wrapped("  ", f"time of {one.layer or 'all layers'}: {speed(one)}", 4)
    yield ""
    for entry in part.entries[:SHOWN]:
        yield from _entry(entry)
        yield ""
    if len(part.entries) > SHOWN:
        yield f"  and {len(part.entries) - SHOWN} more; --format markdown, json and html have all"
        yield ""


def _entry(entry: Entry) -> Iterator[str]:
    outcomes = f"  {entry.was or 'nothing'} -> {entry.now or 'nothing'}" if entry.outcomes else ""
    yield from _wrapped(f"{entry.number:>2}  ", f"{entry.kind}  {entry.subject}{outcomes}", 4)
    for name, told in entry.facts:
        yield from _fact(name, told)
    if entry.smallest is not None and entry.kind != "not comparable":
        yield from _fact("smallest", described(entry.smallest))
    for replay in entry.replays:  # not wrapped: it is there to be copied
        yield f"    {'replay':<{_INDENT - 4}}{safe(replay)}"


def described(case: CaseView) -> str:
    """A case in one line."""
    options = " ".join(f"{option.name}={option.value}" for option in case.options if not option.is_default)
    sizes = ", ".join(f"{name} {size}" for name, size in case.sizes)
    refused = f"invalid: {case.rejection}" if case.rejection else ""
    return " ".join(part for part in (case.layer, options, refused, f"({sizes})") if part)


def _fact(name: str, told: str) -> Iterator[str]:
    if len(name) > _INDENT - 6:
        yield f"    {name}"
        yield from _wrapped(" " * _INDENT, told, _INDENT)
    else:
        yield from _wrapped(f"    {name:<{_INDENT - 4}}", told, _INDENT)


def _wrapped(start: str, told: str, indent: int) -> Iterator[str]:
    yield from textwrap.wrap(
        safe(short(told)), WIDTH, initial_indent=start, subsequent_indent=" " * indent, break_on_hyphens=False
    ) or [start.rstrip()]
