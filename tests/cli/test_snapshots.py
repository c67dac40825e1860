"""What commands print, whole, as it was last looked at and found good.

After a change that is meant: `UPDATE_SNAPSHOTS=1 python -m pytest tests/cli/test_snapshots.py`, and look at the diff.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from conformance.cli import main

SNAPSHOTS = Path(__file__).with_name("snapshots")

VARIES = (
    (r"[^\s']*/(?=conformance/|results\.jsonl|index\.html)", "…/"),
    (r"\d+(\.\d+)? s\b", "N s"),
    (r"numpy \d[\w.]*", "numpy N"),
    (r"\d{4}-\d\d-\d\dT[\d:+]+", "TIME"),
    (r"\b(in|of) \d+ checks", r"\1 N checks"),
    (r"time of all layers: .*", "time of all layers: N"),
    (r"(?m)^  command .*", "  command     …"),
    (r"\d\.\d·\|y\|( \+ [\d.e-]+)?", "N·|y|"),
)
"""What another machine, another day or another version of NumPy changes."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    printed("demo", "--out", str(folder))
    return folder / "results.jsonl"


def printed(*words: str) -> str:
    """What a command prints on standard output, without what varies."""
    said = CliRunner(env={"COLUMNS": "80"}).invoke(main, list(words))
    text = said.stdout
    for pattern, instead in VARIES:
        text = re.sub(pattern, instead, text)
    return text


def check(name: str, text: str) -> None:
    file = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("demo", ["demo"]),
        ("doctor", ["doctor", "demo"]),
        ("explain_keras", ["explain", "keras", "LSTM", "--bidirectional", "--return-state", "--input", "1,4,5"]),
        ("explain_torch", ["explain", "torch", "GRU", "--num-layers", "2", "--bidirectional", "--input", "4,1,5"]),
    ],
)
def test_a_command(name: str, words: list[str]) -> None:
    check(name, printed(*words))


def test_a_comparison(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(results.parent)  # short names: lines are folded
    text = results.read_text(encoding="utf-8")
    Path("later.jsonl").write_text(re.sub(r'"started":"....', '"started":"2100', text, count=1), encoding="utf-8")
    check("compare", printed("compare", "results.jsonl", "later.jsonl"))


def test_a_case_again(results: Path) -> None:
    (group,) = re.findall(r"rnn-conformance replay (\w+)", (SNAPSHOTS / "demo.txt").read_text(encoding="utf-8"))
    said = printed("replay", group, "--results", str(results)).splitlines()
    verdicts = [
        line for line in said if not line.startswith(("  pass", "  not run"))
    ]  # those grow with every new check
    check("replay", "\n".join(verdicts) + "\n")
