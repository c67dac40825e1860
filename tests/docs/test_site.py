"""The documentation builds without a warning: every page is in the contents, every link and anchor leads somewhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conformance.cli import main
from conformance.spec import dialect_names, load_clauses, load_dialect

ROOT = Path(__file__).parents[2]

pytest.importorskip("sphinx", reason="the documentation is built with the extra `docs`")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = ["-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", str(folder / "trees")]
    said = subprocess.run(
        [sys.executable, *command, str(ROOT / "docs"), str(folder / "html")],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert said.returncode == 0, said.stderr
    return folder / "html"


def test_every_clause_is_in_the_reference(site: Path) -> None:
    page = (site / "reference" / "clauses.html").read_text(encoding="utf-8")
    assert len(load_clauses()) > 100
    for clause in load_clauses():
        assert f'id="{clause.lower()}"' in page


def test_every_option_is_in_the_reference(site: Path) -> None:
    page = (site / "reference" / "options.html").read_text(encoding="utf-8")
    for dialect in map(load_dialect, dialect_names()):
        assert dialect.title in page
        for option in dialect.options:
            assert option in page


def test_every_command_is_in_the_reference(site: Path) -> None:
    page = (site / "reference" / "cli.html").read_text(encoding="utf-8")
    for name in main.commands:
        assert f"rnn-conformance-{name}" in page


def test_the_functions_are_in_the_reference(site: Path) -> None:
    page = (site / "reference" / "python.html").read_text(encoding="utf-8")
    for name in ("check_layer", "parametrize_with_checks", "DeviationError"):
        assert f"conformance.authors.{name}" in page


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        assert 'src="http' not in page
        assert "fonts.googleapis" not in page


def test_nothing_is_left_to_be_filled_in(site: Path) -> None:
    for path in site.rglob("*.html"):
        assert "made: " not in path.read_text(encoding="utf-8") or path.name in ("search.html", "genindex.html")
