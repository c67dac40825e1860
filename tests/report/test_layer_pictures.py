"""The picture of a layer: every output drawn once and connected, no text on another, small, safe, repeatable."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from click.testing import CliRunner

from conformance.cli import main
from conformance.errors import SpecError
from conformance.generate.covering import load
from conformance.report.drawing import Drawing, draw_layer, standalone, svg
from conformance.report.drawing.canvas import Box, Text
from conformance.report.drawing.wiring import returned
from conformance.report.html import TEMPLATES
from conformance.report.pictures import layer_picture
from conformance.spec import Case, DataSpec, LayerConfig, OutputContract, Sizes, dialect_names

SIZES = {
    Sizes(2, 4, 5, 4): 3,
    Sizes(2, 3, 2, 4): 2,
    Sizes(2, 9, 5, 4): 2,
    Sizes(16, 1000, 128, 256): 2,
    Sizes(1, 1, 1, 1): 2,
}
"""Sizes -> strength of the covering array that is drawn with them."""

LIMIT = 12_000
"""Bytes of a picture."""


def configs(sizes: Sizes) -> Iterator[LayerConfig]:
    """Configurations in which every valid pair (or triple) of option values appears, as far as the sizes allow."""
    for dialect in dialect_names():
        for row in load(dialect, SIZES[sizes]):
            options = {name: value for name, value in row.items() if name != "layer"}
            fitting = replace(sizes, batch=1) if options.get("input") == "unbatched" else sizes
            try:
                yield LayerConfig.of(dialect, str(row["layer"]), options, fitting)
            except SpecError:  # an option needs more units or steps; other sizes have it
                continue


def overlap(one: Text, other: Text) -> bool:
    a, b = one.extent, other.extent
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def touches(box: Box, x: float, y: float) -> bool:
    """Whether a wire that ends there enters the box; a strip may be entered at one of its slots."""
    return box.x - 1 <= x <= box.x + box.width + 1 and box.y - 1 <= y <= box.y + box.height + 1


def defects(config: LayerConfig, drawing: Drawing) -> Iterator[str]:
    """What is wrong with a picture."""
    for output in returned(config):
        yield from output_defects(output, drawing)
    if {box.output for box in drawing.boxes} - {""} != {output.name for output in returned(config)}:
        yield "something is drawn as an output that is none"
    for one, other in combinations(drawing.texts, 2):
        if overlap(one, other):
            yield f"'{one.words}' and '{other.words}' overlap"
    corners = [(text.words, text.extent[side : side + 2]) for text in drawing.texts for side in (0, 2)]
    corners += [("a wire", point) for wire in drawing.wires for point in wire.points]
    for what, (x, y) in corners:
        if not (0 <= x <= drawing.width and 0 <= y <= drawing.height):
            yield f"'{what}' leaves the picture"


def output_defects(output: OutputContract, drawing: Drawing) -> Iterator[str]:
    """What is wrong with one output: it is drawn and named once, tells its shape, and every wire to it enters it."""
    boxes = [box for box in drawing.boxes if box.output == output.name]
    words = [text.words for text in drawing.texts]
    ends = [wire.points[-1] for wire in drawing.wires if wire.output == output.name]
    if (len(boxes), words.count(output.name)) != (1, 1):
        yield f"{output.name} is drawn {len(boxes)} times and named {words.count(output.name)} times"
    elif not ends or not all(touches(boxes[0], *end) for end in ends):
        yield f"{output.name} is not connected"
    if str(output.shape) not in words:
        yield f"the shape of {output.name} is not told"


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_every_valid_layer_has_a_whole_picture(sizes: Sizes) -> None:
    tried = 0
    for config in configs(sizes):
        drawing = draw_layer(config)
        picture = svg(drawing)
        assert list(defects(config, drawing)) == [], config
        assert len(picture.encode()) < LIMIT, config
        ET.fromstring(picture)  # noqa: S314 - our own
        assert picture == svg(draw_layer(config))
        tried += 1
    assert tried > 20


def config_of(dialect: str, layer: str, **options: bool | str | int) -> LayerConfig:
    return LayerConfig.of(dialect, layer, options, Sizes(2, 4, 5, 4))


def end_of(drawing: Drawing, kind: str) -> Box:
    """The cell that a chain processes last."""
    return next(box for box in drawing.boxes if box.kind.startswith(f"cell {kind} end"))


def test_the_two_directions_end_at_opposite_steps() -> None:
    plain = draw_layer(config_of("keras", "lstm", bidirectional=True))
    assert end_of(plain, "f").x > end_of(plain, "b").x
    turned = draw_layer(config_of("keras", "lstm", bidirectional=True, go_backwards=True))
    assert end_of(turned, "f").x < end_of(turned, "b").x
    assert "The forward layer ends at step 3, the backward layer at step 0" in plain.words


def test_a_sequence_that_was_read_backwards_comes_in_processing_order() -> None:
    drawing = draw_layer(config_of("keras", "gru", return_sequences=True, go_backwards=True))
    slots = [text.words for text in drawing.texts if text.words.startswith("[:")]
    assert slots == ["[:, 0]", "[:, 1]", "[:, 2]", "[:, 3]", "[:, 3]", "[:, 2]", "[:, 1]", "[:, 0]"]


@pytest.mark.parametrize(("mask", "column"), [("right", 3), ("left", 0), ("gaps", 1)])
def test_masked_steps_keep_the_state_and_take_no_input(mask: str, column: int) -> None:
    drawing = draw_layer(config_of("keras", "gru", mask=mask))
    cells = [box for box in drawing.boxes if box.kind.startswith("cell")]
    assert [number for number, cell in enumerate(cells) if "masked" in cell.kind] == [column]
    entries = [wire.points[0][0] for wire in drawing.wires if wire.points[0][0] == wire.points[-1][0]]
    assert cells[column].x + cells[column].width / 2 not in entries[:3]


def test_given_initial_states_are_named_and_zeros_are_dashed() -> None:
    given = draw_layer(config_of("torch", "lstm", hx=True, bidirectional=True))
    assert {"h_0[0]", "c_0[0]", "h_0[1]", "c_0[1]"} <= {text.words for text in given.texts}
    zero = draw_layer(config_of("torch", "lstm"))
    assert [text.words for text in zero.texts if "= 0" in text.words] == ["h, c = 0"]


def test_states_of_a_stack_are_collected_layer_by_layer() -> None:
    drawing = draw_layer(config_of("torch", "gru", num_layers=3, bidirectional=True))
    (panel,) = (box for box in drawing.boxes if box.output == "h_n")
    inside = [text for text in drawing.texts if text.x > panel.x and text.words.startswith("[")]
    assert [text.words for text in sorted(inside, key=lambda text: text.y)] == [f"[{n}]" for n in range(6)]


def test_it_can_be_read_by_those_who_do_not_see_it() -> None:
    root = ET.fromstring(svg(draw_layer(config_of("keras", "lstm", bidirectional=True))))  # noqa: S314 - our own
    assert root.get("role") == "img"
    assert root.findtext("title") == "How Keras 3 bidirectional LSTM makes its outputs"
    assert "output (2, 8): the forward layer's output" in str(root.findtext("desc"))


@pytest.mark.parametrize("mask", ["none", "right"])
def test_no_muted_text_stands_on_a_coloured_cell(mask: str) -> None:
    drawing = draw_layer(config_of("keras", "lstm", bidirectional=True, mask=mask))
    cells = [box for box in drawing.boxes if box.kind.startswith("cell")]
    inside = [text for text in drawing.texts if any(touches(box, text.x, text.y) for box in cells)]
    assert len(inside) == 2 * len(cells)
    assert {text.kind for text in inside} == {"name", ""}


def test_hostile_text_stays_text() -> None:
    drawing = Drawing('x"><script>', "</title><script>alert(1)</script>", "\x00\x1b[31m\u202e</desc>", 10, 10)
    drawing.box(Box(0, 0, 5, 5, '"><script>'), ["<script>&\x07"])
    picture = svg(drawing)
    root = ET.fromstring(picture)  # noqa: S314 - our own
    assert "<script" not in picture
    assert [text.text for text in root.iter("text")] == ["<script>&␇"]


def test_a_picture_has_no_style_attribute_and_no_identifier() -> None:
    """The page's content security policy lets no style attribute through; identifiers would clash."""
    picture = svg(draw_layer(config_of("torch", "lstm", bidirectional=True)))
    assert " style=" not in picture
    assert " id=" not in picture


def test_a_file_has_the_colours_of_the_page_in_both_themes() -> None:
    picture = standalone(draw_layer(config_of("keras", "lstm", bidirectional=True)))
    css = (TEMPLATES / "pictures.css").read_text(encoding="utf-8")
    assert "prefers-color-scheme:dark" in picture
    for name in ("--ground", "--ink", "--link", "--known", "--pass"):
        assert f"var({name})" in css
        assert picture.count(f"{name}:#") == 2
    assert ET.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - our own


def test_cases_without_a_layer_have_no_picture() -> None:
    case = Case(config_of("keras", "gru"), DataSpec("normal", 1))
    assert "<svg" in str(layer_picture(case.canonical()))
    assert layer_picture(replace(case, rejection="units_zero").canonical()) is None
    assert layer_picture({"config": {"dialect": "later"}}) is None


SNAPSHOT = Path(__file__).parent / "worked_example.svg"
"""Made by `rnn-conformance explain keras LSTM --bidirectional --return-state --units 3 --input 1,4,5 --svg FILE`."""


def drawn(file: Path) -> str:
    """The picture without its colours."""
    return re.sub("<style>.*</style>", "", file.read_text(encoding="utf-8"))


def test_explain_draws_the_worked_example(tmp_path: Path) -> None:
    file = tmp_path / "new" / "layer.svg"
    words = ["explain", "keras", "LSTM", "--bidirectional", "--return-state", "--units", "3", "--input", "1,4,5"]
    done = CliRunner().invoke(main, [*words, "--svg", str(file)])
    assert done.exit_code == 0
    assert done.output.endswith(f"drawn: {file}\n")
    assert drawn(file) == drawn(SNAPSHOT)
    assert [found.name for found in file.parent.iterdir()] == ["layer.svg"]
    alone = CliRunner().invoke(main, [*words, "--svg", "-"])
    assert alone.output == file.read_text(encoding="utf-8")


def test_explain_says_where_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(main, ["explain", "keras", "GRU", "--svg", str(tmp_path / "file" / "layer.svg")])
    assert done.exit_code == 2
    assert "choose another place with --svg" in done.stderr
