"""Plain tables for terminals and pipes."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence


def table(heading: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Rows in columns; the last column is wrapped to the width of the terminal (or `width` characters)."""
    columns = range(len(heading))
    widths = [max(len(row[column]) for row in (heading, *rows)) for column in columns[:-1]]
    offset = sum(widths) + 2 * len(widths)
    room = max(30, (width or shutil.get_terminal_size((120, 40)).columns) - offset)
    lines = []
    for row in (heading, *rows):
        first, *more = textwrap.wrap(row[-1], room) or [""]
        cells = [row[column].ljust(widths[column]) for column in columns[:-1]]
        lines.append("  ".join([*cells, first]).rstrip())
        lines += [" " * offset + line for line in more]
    lines.insert(
        1, "  ".join("-" * size for size in (*widths, min(room, max(len(row[-1]) for row in (heading, *rows)))))
    )
    return "\n".join(lines)
