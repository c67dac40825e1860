"""The picture of error ÷ allowed against type and number of time steps: a row for each part, on one log scale."""

from __future__ import annotations

import math

from conformance.report.drawing.canvas import Box, Drawing
from conformance.report.numerics import HIGHEST, LOWEST, Distribution, Spread
from conformance.report.text import count, ratio

LEFT, DECADE, ROW, TOP = 72.0, 36.0, 19.0, 10.0
"""Where the scale begins, the width of a power of ten, the height of a row, the room above."""


def draw_spread(spread: Spread) -> Drawing:
    """Median, 99 % and largest of all cases, of each type, and of each range of time steps."""
    rows = [spread.whole, *spread.parts]
    drawing = Drawing("spread", _title(spread), " ".join(_words(row) for row in rows))
    y = TOP
    bottom = TOP + ROW * len(rows) + 10 * _breaks(rows)
    for decade in range(LOWEST, HIGHEST + 1):
        x = _place(10.0**decade)
        drawing.curve("limit" if decade == 0 else "axis", (x, TOP - 4), (x, bottom))
        if decade % 2 == 0:
            drawing.text(x, bottom + 13, f"{10.0**decade:g}", "bad" if decade == 0 else "shape")
    for number, row in enumerate(rows):
        y += 10 if number and _kind(row) != _kind(rows[number - 1]) else 0
        _row(drawing, y + ROW / 2, row)
        y += ROW
    drawing.width, drawing.height = _place(10.0**HIGHEST) + 66, bottom + 20
    return drawing


def _row(drawing: Drawing, middle: float, row: Distribution) -> None:
    """A thin line to the largest, a bar to 99 %, a dot at the median."""
    median, p99, largest = (_place(value) for value in (row.median, row.p99, row.largest))
    tone = "over" if row.above else "inside"
    drawing.text(LEFT - 8, middle + 4, row.part or "all", "" if row.part else "name", "end")
    drawing.curve(tone, (median, middle), (largest, middle))
    drawing.curve(tone, (largest, middle - 5), (largest, middle + 5))
    drawing.boxes.append(Box(median, middle - 3, max(p99 - median, 1), 6, f"reach {tone}"))
    drawing.boxes.append(Box(median - 3, middle - 3, 6, 6, f"middle {tone}"))
    mark = "✗ " if row.above else ""
    drawing.text(
        _place(10.0**HIGHEST) + 60, middle + 4, f"{mark}{row.number:,}", "bad" if row.above else "shape", "end"
    )


def _place(value: float) -> float:
    """The place of a ratio; 0 and what is below the lowest power of ten stand at the left end."""
    power = LOWEST if value <= 0 else HIGHEST if math.isinf(value) else math.log10(value)
    return LEFT + (min(max(power, LOWEST), HIGHEST) - LOWEST) * DECADE


def _kind(row: Distribution) -> str:
    return "all" if row.part is None else "steps" if row.part.startswith("T ") else "type"


def _breaks(rows: list[Distribution]) -> int:
    return len({_kind(row) for row in rows}) - 1


def _title(spread: Spread) -> str:
    return f"Error ÷ allowed of {spread.whole.check} by type and time steps"


def _words(row: Distribution) -> str:
    return (
        f"{row.part or 'all'}: {count(row.number, 'case')}, median {ratio(row.median)}, "
        f"99 % at most {ratio(row.p99)}, largest {ratio(row.largest)}."
    )
