"""The picture of a failure: expected and got, growth of the error, where it is, and which steps are masked.

All four share one axis: the steps of the output, or, where it has none, its last axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import TypeVar

import numpy as np

from conformance.engine.events import Evidence
from conformance.report.drawing.canvas import LETTER, Box, Drawing, Point
from conformance.report.text import number, ratio
from conformance.spec import Floats

Spot = TypeVar("Spot", bound=tuple[float, ...])

LEFT, PLOT, HIGH, TOP = 84.0, 300.0, 84.0, 26.0
"""Where plots begin, their width and height, and the room for a heading."""

ROWS = 12
"""So many rows of the heat map are drawn, the worst ones."""

LOWEST, HIGHEST = -2, 6
"""The decades of error ÷ allowed that are drawn; what is outside stands at the edge."""


def draw_failure(found: Evidence) -> Drawing | None:
    """What came beside what should come; None for evidence that is not whole or of no size."""
    try:
        return _Failure(found).drawing
    except (ValueError, KeyError, IndexError):  # of a damaged or newer results file
        return None


class _Failure:
    """Places one plot under the other."""

    def __init__(self, found: Evidence) -> None:
        steps = next((place for place, axis in enumerate(found.axes) if axis in ("timesteps", "longest")), -1)
        self._found = found
        self._along = found.axes[steps]
        self._first = found.start[steps]
        others = [place for place in range(len(found.shape)) if place != steps % len(found.shape)]
        self._others = [(found.axes[place], found.start[place], found.shape[place]) for place in others]
        self._expected, self._got, self._allowed = (
            np.moveaxis(np.array(values).reshape(found.shape), steps, -1).reshape(-1, found.shape[steps])
            for values in (found.expected, found.got, found.allowed)
        )
        self._ratio = _ratios(self._expected, self._got, self._allowed)
        self._many = int(self._ratio.shape[1])
        self._step = PLOT / self._many
        worst = int(self._ratio.max(axis=1).argmax())
        self.drawing = Drawing("failure", f"Expected and got in {found.output}", self._words(worst))
        self.drawing.width = LEFT + PLOT + 12
        y = self._values(4, worst)
        y = self._growth(y)
        y = self._heat(y)
        self.drawing.height = self._mask(y) + 6

    def _words(self, worst: int) -> str:
        bad = [str(self._first + place) for place in range(self._many) if self._ratio[:, place].max() > 1]
        where = f"first at {self._along} {bad[0]}, at {len(bad)} of {self._many} in all" if bad else "nowhere here"
        return (
            f"{self._found.output}: error above what is allowed {where}; "
            f"worst in {self._row_name(worst)}, {ratio(float(self._ratio.max()))} times what is allowed."
        )

    def _row_name(self, row: int) -> str:
        """`batch 0, units 2` of a row of the block."""
        places = np.unravel_index(row, [size for *_, size in self._others]) if self._others else ()
        return (
            ", ".join(
                f"{axis} {start + int(place)}" for (axis, start, _), place in zip(self._others, places, strict=True)
            )
            or "all"
        )

    def _x(self, place: float) -> float:
        return LEFT + (place + 0.5) * float(self._step)

    def _heading(self, y: float, words: str) -> None:
        self.drawing.text(4, y + 14, words, "way", "start")

    # ------------------------------------------------------------ lines

    def _values(self, y: float, row: int) -> float:
        """Lines of expected and got with the band of what is allowed."""
        expected, got, allowed = self._expected[row], self._got[row], self._allowed[row]
        self._heading(y, f"{self._found.output} in {self._row_name(row)}")
        top = y + TOP + 16
        finite = np.concatenate([expected, got])[np.isfinite(np.concatenate([expected, got]))]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        if high == low:
            low, high = low - 1, high + 1

        def place(value: float) -> float:
            return float(top + HIGH - (min(max(value, low), high) - low) / (high - low) * HIGH)

        self._frame(top, HIGH, number(high), number(low))
        edges = zip(expected + allowed, expected - allowed, strict=True)
        band = [(c, place(u), place(v)) if math.isfinite(u - v) else None for c, (u, v) in enumerate(edges)]
        for part in _runs(band):
            self._band(part)
        for kind, values in (("due", expected), ("came", got)):
            for points in _runs([(self._x(c), place(v)) if math.isfinite(v) else None for c, v in enumerate(values)]):
                self._line(kind, points)
        for place_of in np.flatnonzero(~np.isfinite(got)).tolist():
            self.drawing.text(self._x(place_of), top + HIGH - 4, number(float(got[place_of])), "bad")
        self._legend(y + 14)
        return top + HIGH + 10

    def _band(self, part: Sequence[tuple[float, float, float]]) -> None:
        """What is allowed at some neighbouring places: both edges; too thin to be seen, a halo."""
        if len(part) == 1:
            ((column, high, low),) = part
            part = [(column - 0.2, high, low), (column + 0.2, high, low)]
        upper = [(self._x(column), high) for column, high, _ in part]
        lower = [(self._x(column), low) for column, _, low in reversed(part)]
        thin = max(low - high for _, high, low in part) < 1
        self.drawing.curve("halo" if thin else "band", *upper, *(() if thin else lower))

    def _legend(self, y: float) -> None:
        """What the lines are, in a line of its own."""
        for x, kind, words in (
            (LEFT, "due", "expected"),
            (LEFT + 108, "came", "got"),
            (LEFT + 180, "patch", "allowed"),
        ):
            if kind == "patch":
                self.drawing.boxes.append(Box(x, y + 7, 20, 10, kind))
            else:
                self.drawing.curve(kind, (x, y + 12), (x + 20, y + 12))
            self.drawing.text(x + 26, y + 16, words, "shape" if kind == "patch" else kind, "start")

    def _line(self, kind: str, points: Sequence[Point]) -> None:
        """A line with a dot at each of its points."""
        if len(points) > 1:
            self.drawing.curve(kind, *points)
        if self._many <= 30:
            self.drawing.boxes += [Box(x - 2, y - 2, 4, 4, f"dot {kind}") for x, y in points]

    def _frame(self, top: float, high: float, upper: str, lower: str) -> None:
        self.drawing.curve("axis", (LEFT, top), (LEFT, top + high), (LEFT + PLOT, top + high))
        self.drawing.text(LEFT - 6, top + 9, upper, "shape", "end")
        self.drawing.text(LEFT - 6, top + high, lower, "shape", "end")

    # ------------------------------------------------------------ error

    def _growth(self, y: float) -> float:
        """The largest error ÷ allowed of every step on a log scale, with the line at 1."""
        self._heading(y, f"error ÷ allowed by {self._along}, largest, on a log scale")
        top, high = y + TOP, 64.0
        scale = [_decade(float(value)) for value in self._ratio.max(axis=0)]
        upper = max(1, math.ceil(max(scale)))

        def place(decade: float) -> float:
            return top + high - (decade - LOWEST) / (upper - LOWEST) * high

        self._frame(top, high, f"1e{upper}", f"1e{LOWEST}")
        self.drawing.curve("limit", (LEFT, place(0)), (LEFT + PLOT, place(0)))
        self.drawing.text(LEFT - 6, place(0) + 4, "1", "bad", "end")
        self._line("came", [(self._x(column), place(decade)) for column, decade in enumerate(scale)])
        return top + high + 10

    def _heat(self, y: float) -> float:
        """A cell for every element: the darker, the further outside."""
        self._heading(y, "error ÷ allowed")
        for place, words in enumerate(("within", "> 1", "> 10", "> 1,000")):
            x = LEFT + 28 + place * 70
            self.drawing.boxes.append(Box(x, y + 5, 12, 11, f"swatch h{place}"))
            self.drawing.text(x + 17, y + 15, words, "shape", "start")
        rows = sorted(np.argsort(-self._ratio.max(axis=1), kind="stable")[:ROWS].tolist())
        top = y + TOP - 4
        for line, row in enumerate(rows):
            level = top + 15 * line
            name = self._row_name(row).replace("timesteps", "step").replace("directions*", "")
            short = (
                name
                if len(name) * LETTER < LEFT - 8
                else ", ".join(part.rsplit(" ", 1)[-1] for part in name.split(", "))
            )
            self.drawing.text(LEFT - 6, level + 11, short, "shape", "end")
            column = 0
            for shade, alike in groupby(_level(float(value)) for value in self._ratio[row]):
                number_of = len(list(alike))
                for part in range(number_of if self._many <= 24 else 1):
                    wide = self._step if self._many <= 24 else self._step * number_of
                    left = LEFT + (column + part) * self._step
                    self.drawing.boxes.append(Box(left, level, wide, 14, f"heat h{shade}"))
                column += number_of
        left_out = len(self._ratio) - len(rows)
        bottom = top + 15 * len(rows)
        for column in range(0, self._many, max(1, math.ceil(self._many * 30 / PLOT))):
            self.drawing.text(self._x(column), bottom + 12, str(self._first + column), "shape")
        more = f" ({left_out} rows within or less wrong are left out)" if left_out else ""
        down = f"; down: {', '.join(axis for axis, *_ in self._others)}" if self._others else ""
        last = self.drawing.paragraph(4, bottom + 28, f"across: {self._along}{down}{more}")
        return last - 8

    def _mask(self, y: float) -> float:
        """The mask of the first rows: a filled cell for each step that is processed."""
        if not self._found.mask or self._along not in ("timesteps", "longest"):
            return y
        self._heading(y, "mask: filled steps are processed")
        top = y + TOP - 4
        for line, row in enumerate(self._found.mask):
            self.drawing.text(LEFT - 6, top + 15 * line + 11, f"batch {line}", "shape", "end")
            column = 0
            for kept, alike in groupby(row[self._first : self._first + self._many]):
                many = len(list(alike))
                kind = "kept" if kept == "1" else "left"
                self.drawing.boxes.append(
                    Box(LEFT + column * self._step, top + 15 * line, many * self._step, 12, f"strip {kind}")
                )
                column += many
        return top + 15 * len(self._found.mask)


def _ratios(expected: Floats, got: Floats, allowed: Floats) -> Floats:
    """Error ÷ allowed; 0 where nothing is due, infinite where a number is due and none came."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        error = np.where((expected == got) | (np.isnan(expected) & np.isnan(got)), 0.0, np.abs(expected - got))
        found = np.where(error == 0, 0.0, error / allowed)
    return np.where(np.isinf(allowed), 0.0, np.where(np.isnan(found), math.inf, found))


def _decade(value: float) -> float:
    """log10, kept within what is drawn."""
    return min(max(math.log10(value) if 0 < value < math.inf else math.copysign(99, value - 1), LOWEST), HIGHEST)


def _level(value: float) -> int:
    return sum(value > limit for limit in (1, 10, 1000))


def _runs(points: Sequence[Spot | None]) -> list[list[Spot]]:
    """The parts of a line between its gaps."""
    return [[point for point in part if point] for there, part in groupby(points, key=bool) if there]
