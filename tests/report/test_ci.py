"""Annotations that nothing an implementation says can break out of, and a badge that never flatters."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import sample

from conformance.engine.events import Verdict
from conformance.report import view
from conformance.report.ci import annotated, badge
from conformance.results import compare

SAMPLE = sample.results()


def test_every_deviation_is_an_error_in_one_line() -> None:
    lines = annotated(SAMPLE)
    errors = [line for line in lines if line.startswith("::error title=")]
    assert len(errors) >= min(len(SAMPLE.groups), 10)
    assert not any("\n" in line for line in lines)


def test_text_of_an_implementation_cannot_end_an_annotation() -> None:
    group = replace(SAMPLE.groups[0], message="100 %\n::stop-commands::x\r")
    (line,) = [it for it in annotated(replace(SAMPLE, groups=(group,))) if "stop-commands" in it]
    assert line.startswith("::error title=")
    assert "100 %25" in line
    assert "\n" not in line
    assert "\r" not in line


@pytest.mark.parametrize("groups", [True, False])
def test_a_badge_says_deviations(groups: bool) -> None:
    said = json.loads(badge(view(SAMPLE if groups else replace(SAMPLE, groups=()))))
    assert said["schemaVersion"] == 1
    assert said["color"] != "brightgreen"  # it has deviations, grouped or not


def test_since_a_baseline_what_regressed_is_an_error_and_nothing_else() -> None:
    before = replace(SAMPLE, header=replace(SAMPLE.header, seed=2), groups=())
    errors = [line for line in annotated(SAMPLE, since=compare(before, SAMPLE)) if line.startswith("::error")]
    assert all(" is broken::" in line for line in errors)  # every deviation was there before
    bad = next(one for one in SAMPLE.cases if any(verdict.outcome == "fail" for verdict in one.outcomes.values()))
    mended = replace(bad, outcomes={check: Verdict("pass") for check in bad.outcomes})
    good = replace(before, cases=tuple(mended if one is bad else one for one in SAMPLE.cases))
    (line,) = [it for it in annotated(SAMPLE, since=compare(good, SAMPLE)) if " regressed::" in it]
    assert line.startswith("::error title=")
    assert "pass -> fail in 1 case" in line
