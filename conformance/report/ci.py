"""What continuous integration shows beside a change: annotations of GitHub, and a badge."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from conformance.report.groups import Group
from conformance.report.model import Report, view
from conformance.report.text import count, safe, short
from conformance.results import Comparison, Results

MOST = 10
"""GitHub shows so many errors and as many warnings of a step; what is left is told in the last."""


def annotated(results: Results, source: str = "results.jsonl", since: Comparison | None = None) -> list[str]:
    """Workflow commands of GitHub: an error for every deviation, a warning for what is stale or not complete.

    Args:
        results: of a run.
        source: the name of their file.
        since: what changed since a baseline; then only what regressed is an error, and what is broken.
    """
    report = view(results, source)
    return [*_lines(report, [*_deviations(report)] if since is None else [*_regressions(since)])]


Error = tuple[str, str]
"""Title and message."""


def _lines(report: Report, errors: Sequence[Error]) -> Iterator[str]:
    for standing in report.standings:
        if standing.status == "broken":
            yield _command("error", f"{standing.name} is broken", standing.verdict)
    shown = errors[: MOST - 1] if len(errors) > MOST else errors
    for title, message in shown:
        yield _command("error", title, message)
    if len(shown) < len(errors):
        yield _command("error", "RNN conformance", f"{len(errors) - len(shown)} more in the report")
    for warning in report.warnings:
        yield _command("warning", "RNN conformance", warning)
    for known in report.known:
        if known.witness == "passes":
            yield _command("warning", f"known deviation {known.id}", f"is mended in {known.implementation}: remove it")


def _deviations(report: Report) -> Iterator[Error]:
    for group in report.groups:
        yield f"{group.implementation}: {group.check}", _said(group)


def _regressions(since: Comparison) -> Iterator[Error]:
    for one in since.implementations:
        for change in one.changes:
            if change.kind == "regressed":
                where = f" when {' and '.join(change.explanation.when)}" if change.explanation.when else ""
                subject = ", ".join(change.checks) or "the implementation itself"
                cases = f" in {count(len(change.cases), 'case')}{where}" if change.cases else ""
                yield f"{one.after}: {subject} regressed", f"{change.was} -> {change.now}{cases}: {change.says}"


def _said(group: Group) -> str:
    when = f" when {' and '.join(group.when)}" if group.when else ""
    return f"{group.outcome} in {group.cases} of {count(group.judged, 'judged case')}{when}: {group.message}"


def _command(kind: str, title: str, message: str) -> str:
    """`::error title=…::…`, with what would end it early escaped as GitHub wants it."""
    text = _escaped(short(safe(message)))
    return f"::{kind} title={_escaped(short(safe(title))).replace(':', '%3A').replace(',', '%2C')}::{text}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def badge(report: Report) -> str:
    """A badge as shields.io reads it (https://shields.io/badges/endpoint-badge)."""
    words = {standing.status for standing in report.standings}
    deviations = sum(standing.groups for standing in report.standings)
    if "broken" in words or not words:
        message, color = "broken", "red"
    elif deviations or "deviates" in words:
        message, color = count(deviations, "deviation"), "orange"
    elif words == {"conforms"}:
        message, color = "conforms", "brightgreen"
    else:
        message, color = "incomplete", "lightgrey"
    made = {"schemaVersion": 1, "label": "RNN conformance", "message": message, "color": color}
    return json.dumps(made) + "\n"
