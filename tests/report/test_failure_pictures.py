"""The picture of a failure: what came beside what should come; bounded, safe, the same for the same results."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
import sample

from conformance.engine.events import Evidence, GroupFound
from conformance.engine.evidence import MOST
from conformance.report import html
from conformance.report.drawing import draw_failure
from conformance.report.pictures import failure_picture
from conformance.results import Results

LIMIT = 15_000
"""Bytes of a picture."""


def evidence(shape: tuple[int, ...] = (2, 4, 3), wrong: int = 2, error: float = 1.0) -> Evidence:
    """Numbers that are right before a step and off from there on, in the first row."""
    expected = np.linspace(-1, 1, math.prod(shape)).reshape(shape)
    got = expected.copy()
    got[0, wrong:] += error
    flat = tuple(float(value) for value in expected.ravel())
    axes = ("batch", "timesteps", "units")[: len(shape)] if len(shape) == 3 else ("batch", "units")
    came = tuple(float(value) for value in got.ravel())
    return Evidence({}, "output", axes, (0,) * len(shape), shape, flat, came, (1e-6,) * len(flat), ("1110", "1111"))


def picture(found: Evidence) -> str:
    drawn = failure_picture(found)
    assert drawn is not None
    ET.fromstring(drawn)  # noqa: S314 - our own
    return drawn


def test_it_says_in_words_where_it_begins() -> None:
    drawing = draw_failure(evidence())
    assert drawing is not None
    assert "error above what is allowed first at timesteps 2, at 2 of 4 in all" in drawing.words


def test_the_heat_map_is_dark_where_the_error_is_and_nowhere_else() -> None:
    drawing = draw_failure(evidence())
    assert drawing is not None
    heat = [box.kind for box in drawing.boxes if box.kind.startswith("heat")]
    assert heat == [*["heat h0", "heat h0", "heat h3", "heat h3"] * 3, *["heat h0"] * 12]


def test_what_is_within_what_is_allowed_is_not_dark() -> None:
    drawing = draw_failure(evidence(error=5e-7))
    assert drawing is not None
    assert "nowhere here" in drawing.words
    assert {box.kind for box in drawing.boxes if box.kind.startswith("heat")} == {"heat h0"}


def test_elements_that_are_left_open_are_not_dark() -> None:
    drawing = draw_failure(replace(evidence(), allowed=(math.inf,) * 24))
    assert drawing is not None
    assert "nowhere here" in drawing.words


def test_the_band_of_what_is_allowed_surrounds_what_is_expected() -> None:
    drawing = draw_failure(replace(evidence(), allowed=(0.2,) * 24))
    assert drawing is not None
    (band,) = (wire for wire in drawing.wires if wire.kind == "band")
    due = next(wire for wire in drawing.wires if wire.kind == "due" and len(wire.points) == 4)
    upper, lower = band.points[:4], band.points[:3:-1]
    assert all(high[1] <= y <= low[1] for high, (_, y), low in zip(upper, due.points, lower, strict=True))
    assert any(high[1] < low[1] for high, low in zip(upper, lower, strict=True))
    assert drawing.wires.index(band) < drawing.wires.index(due)


def test_where_nothing_is_due_there_is_no_band() -> None:
    drawing = draw_failure(replace(evidence(), allowed=(math.inf,) * 24))
    assert drawing is not None
    assert not [wire for wire in drawing.wires if wire.kind == "band"]


def test_the_mask_is_a_strip() -> None:
    drawing = draw_failure(evidence())
    assert drawing is not None
    strips = [box.kind for box in drawing.boxes if box.kind.startswith("strip")]
    assert strips == ["strip kept", "strip left", "strip kept"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_no_numbers_are_written_out(value: float) -> None:
    found = evidence()
    drawing = draw_failure(replace(found, got=(value, *found.got[1:])))
    assert drawing is not None
    assert any(text.kind == "bad" and text.words in ("nan", "∞", "-∞") for text in drawing.texts)
    picture(replace(found, got=(value,) * len(found.got)))


@pytest.mark.parametrize("shape", [(1, MOST, 1), (2, MOST // 2, 1), (8, 10, 2), (1, 1, MOST), (1, 1), (1, MOST)])
def test_it_is_small(shape: tuple[int, ...]) -> None:
    found = evidence(shape, 0)
    jagged = tuple(value + number % 2 for number, value in enumerate(found.expected))
    for one in (found, replace(found, got=jagged)):
        assert len(picture(one).encode()) < LIMIT
        assert picture(one) == picture(one)


@pytest.mark.parametrize(
    "damage", [{"shape": (9, 9, 9)}, {"axes": ()}, {"got": ()}, {"shape": (0, 4, 3)}, {"start": ()}, {"shape": ()}]
)
def test_evidence_that_is_not_whole_has_no_picture(damage: dict[str, tuple[int, ...]]) -> None:
    assert draw_failure(replace(evidence(), **damage)) is None
    assert failure_picture(None) is None


def test_hostile_names_stay_text() -> None:
    found = replace(evidence(), output="</title><script>", axes=('"><script>', "timesteps", "\x1b[31m"))
    assert "<script" not in picture(found)


def test_the_page_shows_it_in_its_group() -> None:
    events = list(sample.events())
    group = next(event for event in events if isinstance(event, GroupFound))
    found = replace(evidence(), case=dict(group.smallest))
    page = html(Results.of([replace(event, evidence=found) if event is group else event for event in events]))
    assert picture(found) in page
    assert "Expected and got in output" not in html(Results.of(events))
