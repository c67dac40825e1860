"""What a run found, for a terminal: a sentence for every implementation, then the causes."""

from __future__ import annotations

from pathlib import Path

from conformance.report import behaviours, behind, block, known, markdown, view
from conformance.report.ci import annotated
from conformance.report.text import count, safe, seconds
from conformance.results import Results

FORMATS = ("text", "markdown", "github")

SHOWN = 12
"""So many causes are shown; the report has all."""


def summary(results: Results, form: str, source: Path) -> str:
    """The results in words, in one of `FORMATS`.

    Args:
        results: of a run.
        form: one of `FORMATS`; `github` is text with annotations.
        source: the results file, for replay commands.
    """
    if form == "markdown":
        return markdown(results, str(source))
    if form == "github":
        return "\n".join([*annotated(results, str(source)), summary(results, "text", source)])
    report = view(results, str(source))
    parts = [safe(f"{standing.label}: {standing.verdict}") for standing in report.standings]
    parts += report.warnings
    parts += [block(group) for group in report.groups[:SHOWN]]
    if len(report.groups) > SHOWN:
        parts.append(f"and {len(report.groups) - SHOWN} more in the report")
    declared = known.lines(report.known)
    if declared:
        parts.append("\n".join(declared))
    parts += behind.lines((one, [group.number for group in report.failures_of(one)]) for one in report.behind)
    parts += behaviours.lines(results.behaviours)
    return "\n\n".join(parts)


def closing(results: Results) -> str:
    """The last line of a run: how many implementations conform, how many causes there are, and how long it took."""
    standings = view(results).standings
    conforming = sum(standing.status == "conforms" for standing in standings)
    causes = sum(standing.groups for standing in standings)
    whole = count(len(standings), "implementation conforms", "implementations conform")
    told = [f"{conforming} of {whole}", count(causes, "deviation"), count(len(results.cases), "case")]
    if results.footer is not None:
        told.append(seconds(results.footer.seconds))
    return "in all: " + "; ".join(told)
