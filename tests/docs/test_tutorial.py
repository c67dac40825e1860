"""docs/tutorial.md is walked word by word: the layer fails, is explained, mended, and passes."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import assert_shown, blocks, commands, page, run

PAGE = page("docs/tutorial.md")
LAYER, MENDED, TEST = blocks(PAGE, "python")
MISTAKE = '        output = sequence if self.config["return_sequences"] else sequence[:, -1]\n'
FIRST, EXPLAIN, REPLAY, SECOND, COMPARE = (command for command in commands() if command.page == "tutorial.md")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tutorial")


@pytest.fixture(scope="module")
def first(folder: Path) -> str:
    """What the first run prints; it leaves the wrong layer and the results."""
    (folder / "my_bilstm.py").write_text(LAYER, encoding="utf-8")
    said = run(folder, FIRST.words)
    assert said.returncode == 1, said.stderr
    return said.stdout


@pytest.fixture(scope="module")
def second(folder: Path, first: str) -> str:
    """What is printed once the layer is mended."""
    assert first
    assert LAYER.count(MISTAKE) == 1
    (folder / "my_bilstm.py").write_text(LAYER.replace(MISTAKE, MENDED), encoding="utf-8")
    said = run(folder, SECOND.words)
    assert said.returncode == 0, said.stdout
    return said.stdout


def test_the_first_run_shows_what_the_page_shows(first: str) -> None:
    (shown,) = (block for block in blocks(PAGE, "") if "looks like" in block)
    assert_shown(first, tuple(line for line in shown.splitlines()))
    assert first.count("smallest case") == 1


def test_the_page_explains_every_line_of_a_failure(first: str) -> None:
    for word in ("cases", "when", "smallest case", "message", "looks like", "replay"):
        assert f"   {word}" in first
        assert f"* **{word}**" in PAGE


def test_the_report_is_where_the_page_says(folder: Path, first: str) -> None:
    assert first
    assert (folder / "first" / "index.html").exists()
    assert "first/index.html" in PAGE


def test_mended_it_passes(folder: Path, second: str) -> None:
    assert "no deviation" in second
    replayed = run(folder, REPLAY.words)
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr


def test_comparing_says_that_it_is_fixed(folder: Path, second: str) -> None:
    assert second
    said = run(folder, COMPARE.words)
    assert said.returncode == 0
    assert "1 fixed" in said.stdout


def test_as_a_test(folder: Path, second: str) -> None:
    assert second
    (folder / "test_my_bilstm.py").write_text(TEST, encoding="utf-8")
    words = ["python", "-m", "pytest", "-q", "-p", "conformance.pytest_plugin", "-p", "no:cacheprovider"]
    said = run(folder, [*words, "-k", "values or shape", "test_my_bilstm.py"])
    assert "passed" in said.stdout, said.stdout + said.stderr
    assert said.returncode == 0
