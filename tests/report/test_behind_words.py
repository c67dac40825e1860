"""What was run in the place of cases that cannot be called is said beside the failure, in words and with numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import sample

from conformance.cli.summary import summary
from conformance.engine.events import Instead, Verdict
from conformance.report import html, markdown
from conformance.report.block import block
from conformance.report.model import view
from conformance.report.select import selected
from conformance.results import Results, where
from conformance.results.codec import decode, encode

UNTESTED = (
    "3 configurations stay untested: nothing can be called there, "
    "and no other value of a single option is known to help"
)
WORDS = "with merge_mode=concat, not merge_mode=ave: 1 configuration, 2 cases: 1 fail, 1 pass"


def results() -> Results:
    """The made-up run, in which two cases were run in the place of the first one of a failure."""
    run = sample.results()
    (group,) = (group for group in run.groups if group.when == ("merge_mode=ave",))
    (lost,) = {one.id: one for one in run.cases if one.id == group.cases[0]}.values()
    instead = Instead(lost.id, "merge_mode=ave", "merge_mode=concat")
    verdicts = (Verdict("fail", "output differs", cause="output"), Verdict("pass"))
    options = {**lost.case["config"]["options"], "merge_mode": "concat"}
    case = {**lost.case, "config": {**lost.case["config"], "options": options}}
    more = (
        replace(lost, id=f"behind{place}", case=case, phase="behind", outcomes={"values": it}, instead=instead)
        for place, it in enumerate(verdicts)
    )
    return replace(run, cases=(*run.cases, *more))


def test_a_failure_says_what_is_behind_it() -> None:
    report = view(results())
    told = [group for group in report.groups if group.behind]
    assert [group.when for group in told] == [("merge_mode=ave",)]
    assert f"   behind it      {WORDS}\n" in block(told[0])
    assert [one.words for one in report.behind] == [WORDS]
    assert "- behind it: with merge" in markdown(results())


def test_the_terminal_and_the_page_list_it() -> None:
    text = summary(results(), "text", Path())
    assert f"  {sample.FAST}  {WORDS}" in text
    page = html(results(), "results.jsonl")
    assert page.count(WORDS) == 2  # beside the failure, and under coverage
    assert "behind" in [phase.phase for phase in view(results()).coverage[0].phases]


def test_nothing_is_said_where_everything_can_be_called() -> None:
    good = selected(sample.results(), where.parse(f"impl:{sample.GOOD}"))
    assert view(good).behind == ()
    assert "Behind" not in html(good, "results.jsonl")
    assert "behind" not in [phase.phase for phase in view(good).coverage[0].phases]


def nothing_works() -> Results:
    """The made-up run, of which only one implementation is left, with the cases that it cannot call."""
    run = sample.results()
    (group,) = (group for group in run.groups if group.when == ("merge_mode=ave",))
    return replace(run, cases=tuple(one for one in run.cases if one.id in group.cases), groups=(group,))


def test_what_no_single_option_would_bring_within_reach_is_told_with_its_failures() -> None:
    results = nothing_works()
    report = view(results)
    (one,) = report.behind
    (group,) = report.failures_of(one)
    assert group.when == ("merge_mode=ave",)
    assert set(one.of) == set(group.ids)
    assert f"   behind it      {UNTESTED}\n" in block(group)
    assert f"  {sample.FAST}  {UNTESTED} (failure {group.number})" in summary(results, "text", Path())
    link = f'{UNTESTED}; failure <a href="#{group.anchor}">{group.number}</a></li>'
    assert link in html(results, "results.jsonl")


def test_of_a_part_of_the_results_nothing_is_told_to_be_untested() -> None:
    assert view(nothing_works()).behind != ()
    assert view(nothing_works(), notes=["Only some verdicts are here."]).behind == ()
    assert view(replace(nothing_works(), footer=None)).behind == ()


def test_it_survives_the_results_file() -> None:
    for record in results().cases[-2:]:
        assert decode(encode(record)) == record
