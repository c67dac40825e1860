"""The registry: clauses and checks belong together, and nothing outside the adapters names a framework."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path

import pytest

import conformance
from conformance.checks import CHECKS
from conformance.spec import load_clauses

PACKAGE = Path(conformance.__file__).parent
FRAMEWORKS = re.compile(r"\b(tensorflow|jax|tf|keras|torch|pytorch)\b", re.IGNORECASE)


def test_every_required_clause_is_tested_by_a_check_that_exists() -> None:
    for clause in load_clauses().values():
        assert set(clause.checks) <= set(CHECKS), clause.id
        assert clause.checks or clause.status == "unspecified", clause.id


def test_every_check_tests_a_clause() -> None:
    tested = {check for clause in load_clauses().values() for check in clause.checks}
    assert tested == set(CHECKS)


@pytest.mark.parametrize("check", CHECKS.values(), ids=lambda check: check.name)
def test_a_check_waits_only_for_earlier_ones(check: object) -> None:
    earlier = set(takewhile(lambda name: name != check.name, CHECKS))  # type: ignore[attr-defined]
    assert set(check.after) <= earlier  # type: ignore[attr-defined]


def _code(path: Path) -> str:
    """The code of a module without comments and docstrings: prose may say where a fact comes from."""
    text = re.sub(r'"""(?:.|\n)*?"""', "", path.read_text(encoding="utf-8"))
    return re.sub(r"(^|  )#.*", "", text, flags=re.MULTILINE)


def _of_the_program() -> list[Path]:
    """All modules but the adapters and those of single dialects in the reference and the converters."""
    dialects = {
        path
        for name in ("__init__", "gradients", "keras*", "torch*")
        for path in (PACKAGE / "reference").glob(f"{name}.py")
    }
    apart = ("adapters", "convert")
    return sorted(path for path in PACKAGE.rglob("*.py") if path.parent.name not in apart and path not in dialects)


@pytest.mark.parametrize("path", _of_the_program(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_framework_is_named_outside_its_adapter(path: Path) -> None:
    if path.parent.name == "cli":  # its help teaches by example; decisions may not depend on a name all the same
        assert not re.search(r"""[=!]=\s*["'](keras|torch|tensorflow|jax)""", _code(path))
    else:
        assert FRAMEWORKS.findall(_code(path)) == []
