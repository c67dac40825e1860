"""Boxes, wires and texts with places, and how they become SVG."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

from markupsafe import Markup

from conformance.report.text import safe

LETTER = 6.7
"""Width of a letter of the monospaced text (11 px), in pixels; a little more than fonts have."""

SANS = 6.1
"""The same of running text (11.5 px): the mean of fonts, rounded up."""

LINE = 14
"""Distance of lines of text."""

Point = tuple[float, float]

_NAMESPACE = Markup(' xmlns="http://www.w3.org/2000/svg"')
"""What makes a file SVG; within a page the element's name does."""


@dataclass(frozen=True)
class Text:
    """Words at a place. `kind` is a class of the style sheet; `note` and `way` are running text, the rest monospaced.

    Attributes:
        x, y: the place of the base line's start, middle or end, as `anchor` says.
    """

    x: float
    y: float
    words: str
    kind: str = ""
    anchor: str = "middle"

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of what is printed."""
        width = len(self.words) * (SANS if self.kind in ("note", "way") else LETTER)
        left = self.x - {"start": 0.0, "middle": width / 2, "end": width}[self.anchor]
        return left, self.y - 9, left + width, self.y + 3


@dataclass(frozen=True)
class Box:
    """A rectangle. `output` names the output of the contract that it is, if it is one."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    output: str = ""


@dataclass(frozen=True)
class Wire:
    """A line through points, with a head at its end unless it is a curve; `output` names the output that it enters."""

    points: tuple[Point, ...]
    kind: str
    output: str = ""
    head: bool = True


Part = TypeVar("Part", Box, Text)


@dataclass
class Drawing:
    """A picture in the making.

    Attributes:
        name: class of the picture in the style sheet.
        title: what it shows, in a few words.
        words: the same in sentences, for those who do not see it.
    """

    name: str
    title: str
    words: str
    width: float = 0
    height: float = 0
    boxes: list[Box] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)

    def box(self, box: Box, lines: Sequence[str] = (), kinds: Sequence[str] = ("name", "shape")) -> None:
        """Add a box with lines of text in its middle."""
        self.boxes.append(box)
        top = box.y + box.height / 2 - LINE * len(lines) / 2 + 10.5
        for number, (line, kind) in enumerate(zip(lines, kinds, strict=False)):
            self.texts.append(Text(box.x + box.width / 2, top + LINE * number, line, kind))

    def wire(self, kind: str, *points: Point, output: str = "") -> None:
        """Add a wire."""
        self.wires.append(Wire(points, kind, output))

    def curve(self, kind: str, *points: Point) -> None:
        """Add a line without a head."""
        self.wires.append(Wire(points, kind, head=False))

    def text(self, x: float, y: float, words: str, kind: str = "", anchor: str = "middle") -> None:
        """Add a text."""
        self.texts.append(Text(x, y, words, kind, anchor))

    def paragraph(self, x: float, y: float, words: str) -> float:
        """Add running text, broken to the picture's width; gives where the next may start."""
        for line in textwrap.wrap(words, max(24, int((self.width - 2 * x) / SANS))):
            self.text(x, y, line, "note", "start")
            y += LINE
        return y + 3


def width_of(lines: Iterable[str]) -> float:
    """The width of the longest of some monospaced lines."""
    return max((len(line) for line in lines), default=0) * LETTER


def svg(drawing: Drawing, style: Markup | None = None) -> Markup:
    """The drawing as one SVG element; `style` is put inside, for pictures that stand alone."""
    size, title = (_number(drawing.width), _number(drawing.height)), safe(drawing.title)
    panels = [box for box in drawing.boxes if box.kind.startswith("panel")]
    return Markup("").join(
        [
            Markup('<svg{} class="drawing {}" role="img"').format(
                Markup("") if style is None else _NAMESPACE, drawing.name
            ),
            Markup(' aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">').format(title, *size, *size),
            Markup("<title>{}</title><desc>{}</desc>").format(title, safe(drawing.words)),
            Markup("") if style is None else Markup("<style>{}</style>").format(style),
            *_grouped(panels, _box),
            *_wires(drawing.wires),
            *_grouped([box for box in drawing.boxes if box not in panels], _box),
            *_grouped(drawing.texts, _text),
            Markup("</svg>"),
        ]
    )


def _grouped(parts: Sequence[Part], write: Callable[[Part], Markup]) -> Iterable[Markup]:
    """All parts of a kind together: their class is written once."""
    for kind in dict.fromkeys(part.kind for part in parts):
        alike = Markup("").join(write(part) for part in parts if part.kind == kind)
        yield Markup('<g class="{}">{}</g>').format(kind, alike) if kind else alike


def _box(box: Box) -> Markup:
    return Markup('<rect x="{}" y="{}" width="{}" height="{}"/>').format(
        *map(_number, (box.x, box.y, box.width, box.height))
    )


def _wires(wires: Sequence[Wire]) -> Iterable[Markup]:
    """All wires of a kind are one path: a picture has many."""
    for kind in dict.fromkeys(wire.kind for wire in wires):
        path = "".join(_path(wire) for wire in wires if wire.kind == kind)
        yield Markup('<path class="wire {}" d="{}"/>').format(kind, path)


def _path(wire: Wire) -> str:
    """A line, and two short strokes for its head."""
    points = wire.points
    (x0, y0), (x1, y1) = points[-2:]
    steps = ["M{} {}".format(*map(_number, points[0]))]
    for (x, y), (u, v) in pairwise(points):
        steps.append(f"V{_number(v)}" if x == u else f"H{_number(u)}" if y == v else f"L{_number(u)} {_number(v)}")
    if not wire.head:
        return "".join(steps)
    if y0 == y1:
        head = "m-5-4l5 4-5 4" if x1 > x0 else "m5-4l-5 4 5 4"
    else:
        head = "m-4-5l4 5 4-5" if y1 > y0 else "m-4 5l4-5 4 5"
    return "".join(steps) + head


def _text(text: Text) -> Markup:
    anchor = "" if text.anchor == "middle" else Markup(' text-anchor="{}"').format(text.anchor)
    return Markup('<text{} x="{}" y="{}">{}</text>').format(anchor, _number(text.x), _number(text.y), safe(text.words))


def _number(value: float) -> str:
    """Whole pixels do for wires and boxes."""
    return f"{value:.0f}".replace("-0", "0") if abs(value) < 0.5 else f"{value:.0f}"
