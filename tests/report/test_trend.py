"""Versions beside each other: order, merged cells, denominators, and causes with the versions that have them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.report.trend import html, trend
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
    assert [(cell.outcome, cell.span) for cell in accepted.cells] == [("error", 3)]


def test_a_cause_that_the_newest_version_declares_has_not_ended() -> None:
    names = ("keras3.12-torch2.13", "keras3.15-torch2.13")
    (family,) = trend((stored(name), f"{name}.html") for name in names)
    cause = next(cause for cause in family.causes if cause.check == "values")
    assert not cause.ended
    assert cause.span == "in all of these versions"
    assert "declared" in cause.counts[-1][1]


def test_runs_of_other_specifications_are_compared_on_common_cases_alone() -> None:
    one = stored("torch2.13")
    other = replace(one, header=replace(one.header, spec="0.9"), cases=one.cases[:50])
    (family,) = trend([(one, "a.html"), (other, "b.html")])
    assert len({len(run.cases) for run in family.runs}) == 1
    assert "only the" in family.notes[0]


def test_the_page_escapes_and_links() -> None:
    page = html(trend([(stored("torch2.13"), "torch2.13.html")]), ["tox -m <matrix>"])
    assert 'href="torch2.13.html"' in page
    assert "tox -m &lt;matrix&gt;" in page
