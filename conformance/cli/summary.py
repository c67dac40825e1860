"""What a run found, for a terminal: a sentence for every implementation, then the causes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from conformance.report import Group, markdown, view
from conformance.report.text import exact, number, safe
from conformance.results import Results

SHOWN = 12
"""So many causes are shown; the report has all."""


def summary(results: Results, form: str, source: Path) -> str:
    """The results in words, as `text` or `markdown`.

    Args:
        results: of a run.
        form: `text` or `markdown`.
        source: the results file, for replay commands.
    """
    if form == "markdown":
        return markdown(results, str(source))
    report = view(results, str(source))
    parts = [safe(f"{standing.label}: {standing.verdict}") for standing in report.standings]
    parts += report.warnings
    parts += ["\n".join(_group(group)) for group in report.groups[:SHOWN]]
    if len(report.groups) > SHOWN:
        parts.append(f"and {len(report.groups) - SHOWN} more in the report")
    return "\n\n".join(parts)


def _group(group: Group) -> Iterator[str]:
    """A fixed block for a cause."""
    case = group.smallest
    options = " ".join(f"{option.name}={option.value}" for option in case.options if not option.is_default)
    sizes = ", ".join(f"{name} {size}" for name, size in case.sizes)
    yield safe(f"{group.number}  {group.outcome}  {group.check}  {group.implementation}")
    yield f"   cases          {group.cases} of {group.judged} judged"
    if group.when is not None:
        yield safe(f"   when           {_when(group)}")
    yield safe("   smallest case  " + " ".join(part for part in (case.layer, options, f"({sizes})") if part))
    yield safe(f"   message        {group.message}")
    if group.worst is not None:
        worst = group.worst
        place = ", ".join(f"{axis} {position}" for axis, position in worst.index)
        yield (
            f"   worst element  {safe(worst.output)}[{place}]  got {exact(worst.got)}  expected {exact(worst.expected)}"
            f"  allowed {number(worst.allowed)}"
        )
        if worst.first_step is not None:
            yield f"   diverges at    step {worst.first_step}"
    if group.looks_like:
        yield f"   looks like     {group.looks_like}"
    yield f"   replay         {group.replay}"


def _when(group: Group) -> str:
    if not group.when:
        return "always" if group.exact else "no option decides"
    return " and ".join(group.when) + ("" if group.exact else " (some such cases pass)")
