"""Versions beside each other: order, merged cells, denominators, and causes with the versions that have them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from chromium import BROWSER, Chromium

from conformance.checks import Verdict
from conformance.engine.events import GroupFound, KnownSeen
from conformance.report.explanations import Explanation, read_explanations
from conformance.report.trend import html, trend, unexplained
from conformance.results import Results, read_results
from conformance.spec.paths import specs_path

STORED = specs_path().parent / "reports" / "results"


def stored(name: str) -> Results:
    file = STORED / f"{name}.jsonl.gz"
    if not file.is_file():
        pytest.skip("the published results are not in this installation")
    return read_results(file)


def test_versions_come_in_order_of_their_numbers_and_equal_neighbours_share_a_cell() -> None:
    names = ("keras3.12-torch2.13", "keras3.9-torch2.13", "keras3.6-torch2.13")
    (family,) = trend((stored(name), f"{name}.html") for name in names)
    assert [run.versions["keras"] for run in family.runs] == ["3.6.0", "3.9.2", "3.12.4"]
    for row in family.rows:
        assert sum(cell.span for cell in row.cells) == 3
        assert all(" of " in cell.text for cell in row.cells if cell.outcome is not None)
    accepted = next(row for row in family.rows if row.check == "accepted")
    assert {cell.outcome for cell in accepted.cells} == {"known"}


def test_runs_of_other_specifications_are_compared_on_common_cases_alone() -> None:
    one = stored("torch2.13")
    other = replace(one, header=replace(one.header, spec="0.9"), cases=one.cases[:50])
    (family,) = trend([(one, "a.html"), (other, "b.html")])
    assert len({len(run.cases) for run in family.runs}) == 1
    assert "only the" in family.notes[0]


def test_every_version_has_a_sentence_with_denominators() -> None:
    (family,) = trend([(stored("keras3.0-tf2.21"), "a.html"), (stored("keras3.15-tf2.21"), "b.html")])
    assert [run.verdict for run in family.runs] == [
        "19 deviations; 978 of 1,271 applicable cases pass; 275 known.",
        "no deviation; 982 of 1,275 applicable cases pass; 293 known.",
    ]
    assert replace(family.runs[0], state="broken").verdict == "broken: it could not be judged."
    page = html([family])
    assert all(run.verdict in page for run in family.runs)
    assert page.count('class="bar"') == 2


@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine; install chromium to run this")
@pytest.mark.parametrize("width", [1400, 390])
def test_the_page_opens_without_a_word_and_nothing_runs_off_the_side(tmp_path: Path, width: int) -> None:
    page = tmp_path / "trend.html"
    results = [stored(f"keras{version}-tf2.21") for version in ("3.0", "3.3", "3.6", "3.9", "3.12", "3.15")]
    page.write_text(html(trend((one, "a.html") for one in results), ["tox -m matrix"]), encoding="utf-8")
    with Chromium(tmp_path / "profile") as browser:
        browser.open(page, width=width)
        assert browser.ask("document.documentElement.scrollWidth") == width
        assert browser.ask("document.querySelectorAll('.copy').length") == 1
        assert browser.console == []


def test_the_page_escapes_and_links() -> None:
    page = html(trend([(stored("torch2.13"), "torch2.13.html")]), ["tox -m <matrix>"])
    assert 'href="torch2.13.html"' in page
    assert "tox -m &lt;matrix&gt;" in page


def with_group(name: str, version: str, message: str, cause: str, known: bool = False) -> Results:
    """Results of which one case fails a law in a way of this name, or shows that as known."""
    one = stored(name)
    verdict = Verdict("known" if known else "error", f"id: {message}" if known else message, cause=cause)
    failing = replace(one.cases[0], outcomes={"routes": verdict})
    group = replace(GROUP, implementation=failing.implementation, cases=(failing.id,), message=message)
    (said,) = one.implementations
    declared = KnownSeen(said.name, "an-id", "routes", (), "a `reason`", script="a_script.py", cases=1)
    return replace(
        one,
        implementations=(replace(said, versions={"torch": version}),),
        cases=(failing,),
        groups=() if known else (group,),
        known=(declared,) if known else (),
    )


GROUP = GroupFound(1, "torch", "routes", (), "error", (), True, (), 1, {}, "", "")
JSON, FILE = "the route json gives something else: no", "the route file gives something else: no"


def test_routes_that_fail_on_one_case_are_causes_of_their_own() -> None:
    old = with_group("torch2.13", "2.1", JSON, "json: call: no")
    new = with_group("torch2.13", "2.2", FILE, "file: call: no")
    (family,) = trend([(old, "a.html"), (new, "b.html")])
    assert [(cause.message, cause.ended) for cause in family.causes] == [(FILE, False), (JSON, True)]


@pytest.mark.parametrize(("cause", "ended"), [("json: call: no", False), ("file: call: no", True)])
def test_a_cause_goes_on_in_a_version_that_declares_the_same_and_nothing_else(cause: str, ended: bool) -> None:
    runs = [with_group("torch2.13", "2.1", JSON, "json: call: no")]
    runs += [with_group("torch2.13", version, JSON, cause, known=True) for version in ("2.2", "2.3")]
    (family,) = trend((run, "a.html") for run in runs)
    (one,) = family.causes
    assert one.ended == ended
    assert ["declared as known" in failing for _, failing, _ in one.counts] == [False, *[True] * (not ended) * 2]


def test_what_is_declared_stands_beside_the_versions_that_show_it() -> None:
    runs = [with_group("torch2.13", version, JSON, "json: no", known=version > "2.1") for version in ("2.1", "2.2")]
    (family,) = trend((run, "a.html") for run in runs)
    (row,) = family.declared
    assert [(cell.outcome, cell.text, cell.span) for cell in row.cells] == [(None, "", 1), ("known", "1", 1)]
    page = html([family])
    assert "a <code>reason</code>" in page
    assert "a_<wbr>script.py" in page


def test_causes_with_one_explanation_are_one_story_and_others_are_told() -> None:
    runs = [with_group("torch2.13", "2.1", JSON, "json: no"), with_group("torch2.13", "2.2", FILE, "file: no")]
    families = trend(
        ((run, "a.html") for run in runs), [Explanation("torch", "routes", "the route * no", "It is <new>.")]
    )
    assert [len(story.causes) for story in families[0].stories] == [2]
    assert list(unexplained(families)) == []
    assert html(families).count("It is &lt;new&gt;.") == 1
    families = trend(((run, "a.html") for run in runs), [Explanation("torch", "*", "*json*", "One.")])
    assert [line.partition("torch  routes  ")[2][:13] for line in unexplained(families)] == ["in torch 2.2,"]


def test_an_explanation_of_older_versions_does_not_explain_a_relapse() -> None:
    runs = [with_group("torch2.13", version, JSON, "json: no") for version in ("2.1", "2.2")]
    until = [Explanation("torch", "routes", "*json*", "It was mended.", {"torch": f"<{end}"}) for end in ("2.3", "2.2")]
    told = [list(unexplained(trend(((run, "a.html") for run in runs), [one]))) for one in until]
    assert [len(lines) for lines in told] == [0, 1]
    families = trend([(runs[0], "a.html"), (with_group("torch2.13", "2.2", JSON, "json: no", known=True), "b.html")])
    assert list(unexplained(families)) != []


def test_every_cause_of_the_published_pages_is_explained() -> None:
    said = read_explanations(STORED.parent / "explanations.toml")
    files = sorted(STORED.glob("*.jsonl.gz"))
    families = trend(((read_results(file), "a.html") for file in files), said)
    assert families
    assert list(unexplained(families)) == []
    told = [(family.name, cause.check, cause.message) for family in families for cause in family.causes]
    assert [one.message for one in said if not any(one.fits(*cause) for cause in told)] == []
