"""The picture of a wrong form: promised beside returned, what differs marked, safe whatever came."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
import sample

from conformance.engine.events import GroupFound, Leaf, Outline, Returned
from conformance.report import html
from conformance.report.drawing import Drawing, draw_returned
from conformance.report.pictures import returned_picture
from conformance.results import Results

H, C = Leaf("h", (2, 3), "float32"), Leaf("c", (2, 3), "float32")
OUTPUT = Leaf("output", (2, 4, 3), "float32")
PROMISED = Outline({"tuple": [0, 1, 2]}, (OUTPUT, H, C))


def came(tree: Any, *arrays: Leaf) -> Returned:
    return Returned(PROMISED, Outline(tree, tuple(replace(leaf, name="") for leaf in arrays)))


def drawn(found: Returned) -> Drawing:
    drawing = draw_returned(found)
    assert drawing is not None
    ET.fromstring(returned_picture(found) or "")  # noqa: S314 - our own
    return drawing


def marked(drawing: Drawing) -> list[str]:
    return sorted(text.words for text in drawing.texts if "✗" in text.words)


def test_states_in_a_list_of_their_own_are_marked_on_both_sides() -> None:
    drawing = drawn(came({"tuple": [0, {"list": [1, 2]}]}, OUTPUT, H, C))
    assert marked(drawing) == ["✗ c", "✗ h", "✗ list of 2"]
    assert sum("amiss" in box.kind for box in drawing.boxes) == 3
    assert {"tuple of 3", "tuple of 2", "output", "output 0", "output 1", "output 2"} <= {
        t.words for t in drawing.texts
    }


def test_one_too_few_is_marked_where_it_should_be() -> None:
    assert marked(drawn(came({"tuple": [0, 1]}, OUTPUT, H))) == ["✗ c"]


def test_one_too_many_is_marked_where_it_came() -> None:
    assert marked(drawn(came({"tuple": [0, 1, 2, 3]}, OUTPUT, H, C, C))) == ["✗ output 3"]


def test_a_list_in_the_place_of_a_tuple_is_marked() -> None:
    assert marked(drawn(came({"list": [0, 1, 2]}, OUTPUT, H, C))) == ["✗ list of 3", "✗ tuple of 3"]


@pytest.mark.parametrize("wrong", [replace(H, shape=(3, 2)), replace(H, dtype="float64")])
def test_a_wrong_shape_or_type_is_marked_with_the_name_of_the_output(wrong: Leaf) -> None:
    drawing = drawn(came({"tuple": [0, 1, 2]}, OUTPUT, wrong, C))
    assert marked(drawing) == ["✗ h", "✗ h"]
    assert f"{wrong.shape} {wrong.dtype}" in {text.words for text in drawing.texts}


def test_it_says_the_same_in_words() -> None:
    words = drawn(came({"tuple": [0, {"list": [1]}]}, OUTPUT, H)).words
    assert words == (
        "Promised: (output (2, 4, 3) float32, h (2, 3) float32, c (2, 3) float32). "
        "Returned: (output 0 (2, 4, 3) float32, [output 1 (2, 3) float32])."
    )


def test_keys_of_a_dictionary_and_foreign_objects_are_told() -> None:
    tree = {"dict": {"output": 0, "states": {"Pair": [1, {"other": "NoneType"}]}}}
    words = {text.words for text in drawn(came(tree, OUTPUT, H)).texts}
    assert {"✗ dict of 2", "output: output 0", "states: Pair of 2", "NoneType"} <= words


@pytest.mark.parametrize(
    "tree",
    [
        {"tuple": [0, {"list": [1, 2]}]},
        {"tuple": [{"list": [0, {"tuple": []}, {"list": [1]}]}, 2]},
        {"a name that is much longer than what has room in a box": [0, 1, 2]},
        {"other": "x" * 500},
    ],
)
def test_nothing_runs_out_of_its_box_and_no_text_is_on_another(tree: Any) -> None:
    drawing = drawn(came(tree, OUTPUT, H, C))
    for text in drawing.texts:
        left, top, right, bottom = text.extent
        assert left >= 0
        assert right <= drawing.width
        assert bottom <= drawing.height
        assert top >= 0
    for one, other in combinations(drawing.texts, 2):
        a, b = one.extent, other.extent
        assert not (a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]), (one, other)


def test_containers_are_painted_before_what_they_hold() -> None:
    drawing = drawn(came({"tuple": [0, {"list": [1, {"list": [2]}]}]}, OUTPUT, H, C))
    panels = [box for box in drawing.boxes if box.kind.startswith("panel")]
    for outer, inner in combinations(reversed(panels), 2):
        inside = outer.x > inner.x and outer.x + outer.width < inner.x + inner.width
        assert inside or outer.width >= inner.width or outer.x != inner.x


@pytest.mark.parametrize("tree", [7, "text", None, {}, {"tuple": 3}, {"tuple": ["x"]}, {"a": [], "b": []}, [0]])
def test_outlines_that_are_not_whole_have_no_picture(tree: Any) -> None:
    assert draw_returned(came(tree, OUTPUT)) is None
    assert returned_picture(None) is None


def test_what_is_nested_too_deep_has_no_picture() -> None:
    tree: Any = 0
    for _ in range(400):
        tree = {"list": [tree]}
    assert draw_returned(came(tree, OUTPUT)) is None


def test_hostile_names_stay_text() -> None:
    found = came({"</title><script>": [0, {"dict": {'"><script>': 1}}]}, OUTPUT, replace(H, dtype="<script>"))
    assert "<script" not in (returned_picture(found) or "")


def test_the_page_shows_it_in_its_group() -> None:
    found = came({"tuple": [0, {"list": [1, 2]}]}, OUTPUT, H, C)
    events = list(sample.events())
    group = next(event for event in events if isinstance(event, GroupFound))
    page = html(Results.of([replace(event, returned=found) if event is group else event for event in events]))
    assert (returned_picture(found) or "?") in page
    assert "Promised and returned" not in html(Results.of(events))
