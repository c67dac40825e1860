"""docs/compare.md says what is so: every kind of change, options that exist, a declaration that can be read."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from conformance.checks import Verdict
from conformance.cli import main
from conformance.engine.declarations import read_deviations
from conformance.engine.deviations import condition
from conformance.results import KINDS, Thresholds
from conformance.results.speed import MEASURABLE

PAGE = (Path(__file__).parents[2] / "docs" / "compare.md").read_text(encoding="utf-8")


def help_of(command: str) -> str:
    return CliRunner().invoke(main, [command, "--help"]).output


def test_every_kind_is_in_the_table() -> None:
    rows = dict(re.findall(r"^\| (.+?) \| (.+) \|$", PAGE, re.MULTILINE))
    for kind, meaning in KINDS.items():
        if kind not in ("slower", "faster", "drifted"):
            assert rows[kind] == meaning
    assert f"by more than a factor of {Thresholds.drift:g} (`--drift`) and is above {Thresholds.negligible}" in PAGE
    assert f"by more than a factor of {Thresholds.speed:g} (`--slower`)" in PAGE
    assert f"fewer than {MEASURABLE * 1e6:g} µs" in PAGE


def test_every_option_that_is_named_exists() -> None:
    known = "".join(help_of(command) for command in ("run", "compare", "merge", "accept"))
    for option in set(re.findall(r"--[a-z][a-z-]*", PAGE)):
        assert option in known, option


def test_the_declaration_of_the_page_can_be_read(tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "known.toml"
    file.write_text(block, encoding="utf-8")
    (known,) = read_deviations(file)
    assert known.concerns("keras:tensorflow", {"keras": "3.15.1"})
    assert known.witness is not None
    assert known.explains(known.check, known.witness, "eager", Verdict("error"))


def test_every_condition_that_the_page_shows_can_be_read() -> None:
    shown = PAGE.rpartition("Conditions are written as in the report:")[2]
    texts = re.findall(r"`([^`]+)`", shown)
    assert len(texts) == 7
    for text in texts:
        condition(text)
