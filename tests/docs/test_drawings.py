"""The drawings of the documentation are those that `explain --svg` makes now."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import ROOT, page, run

DRAWINGS = {
    "lstm-sequences-states": "keras LSTM --return-sequences --return-state --units 3 --input 1,4,5",
    "bidirectional-lstm-states": "keras LSTM --bidirectional --return-state --units 3 --input 1,4,5",
    "bidirectional-lstm-sequences": "keras LSTM --bidirectional --return-sequences --units 3 --input 1,4,5",
    "torch-bidirectional-lstm": "torch LSTM --bidirectional --units 3 --input 4,1,5",
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_is_what_explain_makes(name: str, tmp_path: Path) -> None:
    said = run(tmp_path, ["rnn-conformance", "explain", *DRAWINGS[name].split(), "--svg", "drawn.svg"])
    assert said.returncode == 0, said.stderr
    stored = ROOT / "docs" / "drawings" / f"{name}.svg"
    assert (tmp_path / "drawn.svg").read_text(encoding="utf-8") == stored.read_text(encoding="utf-8")


def test_every_drawing_is_shown() -> None:
    stored = {path.stem for path in (ROOT / "docs" / "drawings").glob("*.svg")}
    assert stored == set(DRAWINGS)
    text = page("docs/what-rnns-return.md")
    assert all(f"(drawings/{name}.svg)" in text for name in stored)
