"""The picture of error ÷ allowed by type and time steps: every part has its row, at its place on a log scale."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import sample

from conformance.report import html
from conformance.report.drawing import Drawing, draw_spread
from conformance.report.drawing.spread import DECADE, LEFT
from conformance.report.numerics import LOWEST, Spread, spreads
from conformance.report.pictures import spread_picture

LIMIT = 4_000
"""Bytes of a picture: a page may have dozens."""


def found(implementation: str) -> Spread:
    return next(one for one in spreads(sample.results()) if one.whole.implementation == implementation)


def place(value: float) -> float:
    return LEFT + (math.log10(value) - LOWEST) * DECADE


def dots(drawing: Drawing) -> list[tuple[float, str]]:
    return [(box.x + 3, box.kind) for box in drawing.boxes if box.kind.startswith("middle")]


def test_every_part_has_a_row_with_its_dot_at_the_median() -> None:
    spread = found(sample.GOOD)
    drawing = draw_spread(spread)
    rows = [spread.whole, *spread.parts]
    assert len(rows) > 4
    assert [x for x, _ in dots(drawing)] == [place(max(row.median, 10.0**LOWEST)) for row in rows]
    assert {str(row.part or "all") for row in rows} <= {text.words for text in drawing.texts}


def test_a_part_with_errors_above_what_is_allowed_is_marked_and_not_by_colour_alone() -> None:
    spread = found(sample.TORCH)
    drawing = draw_spread(spread)
    over = [row.above > 0 for row in (spread.whole, *spread.parts)]
    assert True in over
    assert False in over
    assert [kind == "middle over" for _, kind in dots(drawing)] == over
    assert sum(text.words.startswith("✗") for text in drawing.texts) == sum(over)


def test_its_words_say_the_numbers() -> None:
    words = draw_spread(found(sample.GOOD)).words
    assert re.search(r"all: \d+ cases, median [\d.e-]+, 99 % at most [\d.e-]+, largest [\d.e-]+\.", words)
    assert "float64: " in words
    assert "T 1–4: " in words


def test_it_stays_within_its_frame_and_is_small() -> None:
    for spread in spreads(sample.results()):
        drawing, picture = draw_spread(spread), spread_picture(spread)
        ET.fromstring(picture)  # noqa: S314 - our own
        assert len(picture.encode()) < LIMIT
        assert all(text.extent[0] >= 0 and text.extent[2] <= drawing.width for text in drawing.texts)
        assert all(box.x >= 0 and box.x + box.width <= drawing.width for box in drawing.boxes)
        assert all(0 <= y <= drawing.height for wire in drawing.wires for _, y in wire.points)


def test_the_page_has_the_pictures_and_the_same_as_numbers() -> None:
    page = html(sample.results())
    split = [one for one in spreads(sample.results()) if one.parts]
    assert all(spread_picture(one) in page for one in split)
    table = page[page.index("The same as numbers") : page.index("Elements that can say little")]
    assert table.count('<th scope="row" class="part">') == sum(len(one.parts) for one in split)
