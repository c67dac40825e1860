"""A comparison as one HTML page, in the style of the report: no network, complete without scripts, all escaped."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from conformance.report.comparison.view import SIGNS, Entry, View, quartiles, speed
from conformance.report.html import COMPARISON, KEYS, TERMS, Chip, render
from conformance.report.vocabulary import css_class
from conformance.results import KINDS
from conformance.results.where import spelled


def html(view: View) -> str:
    """The page."""
    return render(
        "comparison.html",
        COMPARISON,
        view=view,
        items={entry.number: _item(entry) for entry in view.entries},
        chips=[*_chips(view)],
        KEYS=KEYS,
        TERMS=TERMS,
        SIGNS=SIGNS,
        KINDS=KINDS,
        speed=speed,
        quartiles=quartiles,
        spelled=spelled,
    )


def _chips(view: View) -> Iterator[Chip]:
    """One for each kind of change that there is, with the number of changes."""
    counts = Counter(entry.kind for entry in view.entries)
    for kind, meaning in KINDS.items():
        if counts[kind]:
            sign = SIGNS[kind]
            term = f"changed:{kind.replace(' ', '-')}"
            yield term, f"{sign.glyph} {kind}", meaning, css_class(sign.tone), counts[kind]


def _item(entry: Entry) -> str:
    """What a filter looks at, as JSON: the change with its smallest case."""
    case = entry.smallest
    settings = {} if case is None else dict(case.settings)
    told = " ".join(text for _, text in entry.facts)
    item = {
        "check": entry.subject,
        "impl": entry.implementation,
        "outcome": entry.now or entry.was or "not run",
        "settings": settings,
        "id": case.id if case is not None else "",
        "changed": [entry.kind],
        "message": told,
    }
    return json.dumps(item)
