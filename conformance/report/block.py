"""A cause as a block of plain text, for terminals and error messages."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.report.groups import Group
from conformance.report.text import exact, number, safe, short


def block(group: Group) -> str:
    """What failed, when, the smallest case, the worst element, what it looks like, and how to run it again."""
    return "\n".join(_lines(group))


def _lines(group: Group) -> Iterator[str]:
    case = group.smallest
    options = " ".join(f"{option.name}={option.value}" for option in case.options if not option.is_default)
    sizes = ", ".join(f"{name} {size}" for name, size in case.sizes)
    yield safe(f"{group.number}  {group.outcome}  {group.check}  {group.implementation}")
    yield f"   cases          {group.cases} of {group.judged} judged"
    if group.when is not None:
        yield safe(f"   when           {' and '.join(group.when) or 'always'}") + (
            "" if group.exact else " (some such cases pass)"
        )
    yield safe("   smallest case  " + " ".join(part for part in (case.layer, options, f"({sizes})") if part))
    yield safe(f"   message        {short(group.message)}")
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
    if group.also:
        yield safe(f"   also breaks    {', '.join(group.also)}")
    for one in group.behind:
        yield f"   behind it      {one.words}"
    yield f"   replay         {group.replay}"
