"""A comparison in Markdown, for job summaries and comments on pull requests."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.report.comparison.text import described
from conformance.report.comparison.view import SIGNS, Entry, Part, View, speed
from conformance.report.markdown import code, plain, span

SHOWN = 20
"""So many changes of each implementation are shown; a job summary has a limit."""

_AS_CODE = ("before", "after", "smallest case")


def markdown(view: View) -> str:
    """Verdict, notes, and for every implementation a table of its changes and a block for each."""
    return "\n".join(_lines(view)) + "\n"


def _lines(view: View) -> Iterator[str]:
    yield "# RNN conformance: what changed"
    yield ""
    yield f"**{plain(view.verdict)}**"
    yield ""
    for note in view.notes:
        yield f"> {plain(note)}"
        yield ""
    for part in view.parts:
        yield from _part(part)
    before, after = view.before, view.after
    yield f"Before: {span(view.sources[0])}, {plain(before.started)}, seed {before.seed}."
    yield f"After: {span(view.sources[1])}, {plain(after.started)}, seed {after.seed}."


def _part(part: Part) -> Iterator[str]:
    yield f"## {plain(part.before)} → {plain(part.after)}"
    yield ""
    yield plain(part.verdict)
    yield ""
    if part.entries:
        yield from _table(part)
    for one in part.speeds:
        yield f"- time of {plain(one.layer or 'all layers')}: {plain(speed(one))}"
    if part.speeds:
        yield ""
    for entry in part.entries[:SHOWN]:
        yield from _entry(entry)


def _table(part: Part) -> Iterator[str]:
    yield "| | change | check | before → after | cases |"
    yield "| ---: | --- | --- | --- | ---: |"
    for entry in part.entries:
        told = dict(entry.facts)
        mark = f"{SIGNS[entry.kind].glyph} {entry.kind}"
        cells = (str(entry.number), mark, plain(entry.subject), entry.outcomes or "·", told.get("cases", "·"))
        yield "| " + " | ".join(cells) + " |"
    yield ""


def _entry(entry: Entry) -> Iterator[str]:
    outcomes = f" · {entry.outcomes}" if entry.outcomes else ""
    yield f"**{entry.number}. {SIGNS[entry.kind].glyph} {entry.kind} · {plain(entry.subject)}**{outcomes}"
    yield ""
    facts = list(entry.facts)
    if entry.smallest is not None and entry.kind != "not comparable":
        facts.append(("smallest case", described(entry.smallest)))
    for name, told in facts:
        yield f"- {name}: {span(told) if name in _AS_CODE else plain(told)}"
    yield ""
    for replay in entry.replays:
        yield from code(replay)
        yield ""
