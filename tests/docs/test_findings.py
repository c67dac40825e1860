"""docs/findings.md lists every script of specs/deviations once, with clauses that exist and that the script names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conformance.spec import load_clauses, specs_path

PAGE = (Path(__file__).parents[2] / "docs" / "findings.md").read_text(encoding="utf-8")
SCRIPTS = sorted((specs_path() / "deviations").glob("*.py"))
ROWS = dict(re.findall(r"^\| \[(\w+)\]\([^)]*\) \| (.*) \|$", PAGE, re.MULTILINE))


def test_every_script_has_a_row() -> None:
    assert sorted(ROWS) == [path.stem for path in SCRIPTS]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_row_names_clauses_that_the_script_names(path: Path) -> None:
    named = re.findall(r"[A-Z]+-[A-Z]+-[0-9]+", ROWS[path.stem].rpartition("|")[2])
    assert named
    script = path.read_text(encoding="utf-8")
    for clause in named:
        assert clause in load_clauses()
        assert clause in script


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_imports_nothing_of_this_project_and_says_what_it_finds(path: Path) -> None:
    script = path.read_text(encoding="utf-8")
    assert not re.search(r"^\s*(import|from) conformance", script, re.MULTILINE)
    assert {"deviates", "conforms"} <= set(re.findall(r"deviates|conforms", script))


def test_the_readme_counts_them() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert f"\n{len(SCRIPTS)} deviations in current releases" in readme
