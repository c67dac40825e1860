"""A short summary in Markdown, for job summaries and comments on pull requests."""

from __future__ import annotations

import re
from collections.abc import Iterator

from conformance.report.groups import Group
from conformance.report.known import counted
from conformance.report.matrix import Cell
from conformance.report.model import Report, view
from conformance.report.text import count, exact, number, safe, short
from conformance.report.vocabulary import OUTCOMES
from conformance.results import Results

GROUPS = 5
"""So many failure groups are shown."""


def markdown(results: Results, source: str = "results.jsonl") -> str:
    """Verdicts, matrix by check, and the first failure groups with their replay commands."""
    return summary(view(results, source))


def summary(report: Report) -> str:
    """Verdicts, matrix by check, and the first failure groups with their replay commands."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield "# RNN conformance"
    yield ""
    for warning in report.warnings:
        yield f"> **Incomplete.** {plain(warning)}"
        yield ""
    for standing in report.standings:
        glyph = OUTCOMES[standing.outcome].glyph
        yield f"- {glyph} {standing.status} · **{plain(standing.label)}**: {plain(standing.verdict)}"
    yield ""
    yield from _matrix(report)
    yield from _groups(report)
    yield from _known(report)
    header = report.header
    yield f"Seed {header.seed}, profile {plain(header.profile)}, specification {plain(header.spec)}. Run again:"
    yield ""
    yield from code(header.command)


def _matrix(report: Report) -> Iterator[str]:
    matrix = report.checks
    yield "| " + " | ".join(["check", *(plain(report.labels[name]) for name in matrix.columns)]) + " |"
    yield "| --- |" + " ---: |" * len(matrix.columns)
    for row in matrix.sections[0].rows:
        yield "| " + " | ".join([plain(row.name), *map(_cell, row.cells)]) + " |"
    yield ""


def _cell(cell: Cell) -> str:
    if cell.outcome is None:
        return "·"
    several = cell.tally.deviating > cell.tally.counts.get(cell.outcome, 0)
    word = "deviate" if several else cell.outcome
    return f"{OUTCOMES[cell.outcome].glyph} {cell.text} {word}".replace("  ", " ")


def _groups(report: Report) -> Iterator[str]:
    if not report.groups:
        return
    shown = report.groups[:GROUPS]
    more = f", the first {GROUPS} of {len(report.groups)}" if len(report.groups) > GROUPS else ""
    yield f"## Deviations{more}"
    yield ""
    for group in shown:
        yield from _group(group, report.labels[group.implementation])


def _known(report: Report) -> Iterator[str]:
    shown = [one for one in report.known if one.cases or one.witness == "passes"]
    if not shown:
        return
    yield "## Known deviations"
    yield ""
    yield "| implementation | deviation | cases |"
    yield "| --- | --- | --- |"
    for one in shown:
        name = plain(report.labels[one.implementation])
        yield f"| {name} | {plain(one.id)}: {plain(one.reason)} | {plain(counted(one))} |"
    yield ""


def _group(group: Group, label: str) -> Iterator[str]:
    of = f"{group.cases:,} of {count(group.judged, 'judged case')}"
    mark = f"{OUTCOMES[group.outcome].glyph} {group.outcome}"
    yield f"**{group.number}. {mark} · {plain(group.check)} · {plain(label)}** ({of})"
    yield ""
    if group.when:
        yield f"- {'only' if group.exact else 'mostly'} when {' and '.join(span(literal) for literal in group.when)}"
    if group.message:
        yield f"- {span(group.message)}"
    if group.worst is not None:
        worst = group.worst
        place = ", ".join(f"{axis} {index}" for axis, index in worst.index)
        yield (
            f"- {span(worst.output)} at {plain(place)}: got {exact(worst.got)}, expected {exact(worst.expected)}, "
            f"allowed ± {number(worst.allowed)}"
        )
    if group.looks_like:
        yield f"- looks like: {plain(group.looks_like)}"
    if group.also:
        yield f"- also breaks: {plain(', '.join(group.also))}"
    for one in group.behind:
        yield f"- behind it: {plain(one.words)}"
    yield ""
    yield from code(group.replay)
    yield ""


def plain(text: str) -> str:
    """Foreign text that shows as itself: no markup, no HTML, no mention of anybody."""
    escaped = re.sub(r"([\\`*_{}\[\]()#+!|~>-])", r"\\\1", short(safe(text)))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace("@", "&#64;").replace("://", "&#58;//")


def span(text: str) -> str:
    """Foreign text as code within a line, also within a table."""
    content = short(safe(text)).replace("|", "\\|")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", content)), default=0))
    return f"{fence} {content} {fence}" if "`" in content else f"{fence}{content}{fence}"


def code(text: str) -> Iterator[str]:
    """Foreign text as a block of code."""
    yield from ("    " + line for line in short(safe(text)).splitlines())
