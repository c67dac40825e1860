"""docs/checks: every check has a page, what is generated is up to date, and every link leads somewhere."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from conformance.checks import CHECKS

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs"))
import generate

PAGES = generate.PAGES
HEADINGS = (
    "Why it matters",
    "What must hold",
    "How it is judged",
    "What breaks it",
    "A failure",
    "Reading and mending it",
)
every_check = pytest.mark.parametrize("check", CHECKS)


def text(check: str) -> str:
    return (PAGES / f"{check}.md").read_text(encoding="utf-8")


def test_there_is_a_page_for_every_check_and_no_other() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == {"README", *CHECKS}


@every_check
def test_a_page_has_all_parts_in_order(check: str) -> None:
    first, *_ = text(check).splitlines()
    assert first == f"# {check}"
    assert tuple(re.findall(r"^## (.*)$", text(check), re.MULTILINE)) == HEADINGS
    (said,) = re.findall(r"^\*\*Property\.\*\* (.*?)\n\n", text(check), re.MULTILINE | re.DOTALL)
    assert said.endswith(".")


@every_check
def test_a_page_generates_its_own_parts(check: str) -> None:
    sections = re.findall(r"<!-- generated: (\w+) (\w+)", text(check))
    assert sections == [("clauses", check), ("faults", check), ("failure", check)]


@every_check
def test_a_page_shows_a_failure_of_its_check_if_there_is_one(check: str) -> None:
    told = text(check).partition("## A failure")[2]
    if check != "survival" and not any(check in record["failures"] for record in generate.stored()):
        assert "No planted fault shows one." in told
    else:
        (shown,) = re.findall(r"```\n(.*?)```", told, re.DOTALL)
        assert re.match(rf"\d+  (fail|error|crash|timeout)  {check}  ", shown)


def test_what_is_generated_is_up_to_date() -> None:
    assert [page.name for page in generate.stale()] == [], "run `python docs/generate.py`"


@pytest.mark.parametrize("page", generate.pages(), ids=lambda page: page.stem)
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    assert targets
    broken = [target for target in targets if not resolves(page, target)]
    assert broken == []


def resolves(page: Path, target: str) -> bool:
    """Whether a link to a file, or to a heading or anchor in it, has something to lead to."""
    name, _, anchor = target.partition("#")
    file = (page.parent / name).resolve() if name else page
    if not file.exists():
        return False
    return not anchor or anchor in anchors(file.read_text(encoding="utf-8"))


def anchors(markdown: str) -> set[str]:
    """The names of headings, as the usual web sites make them, and explicit anchors."""
    headings = re.findall(r"^#+ (.*)$", markdown, re.MULTILINE)
    names = {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
    return names | set(re.findall(r'<a id="([^"]+)"', markdown))


def test_a_broken_link_would_be_noticed() -> None:
    page = PAGES / "values.md"
    assert resolves(page, "order.md")
    assert resolves(page, "values.md#how-it-is-judged")
    assert not resolves(page, "values.md#nowhere")
    assert not resolves(page, "nothing.md")
