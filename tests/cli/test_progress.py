"""What a run shows while it goes on."""

from __future__ import annotations

import sys

import pytest

from conformance.cli.progress import progress
from conformance.engine.events import CaseJudged, Event, ImplementationStarted, MorePlanned, Verdict
from conformance.engine.run import RunOptions

STARTED = ImplementationStarted("fake", "ready", versions={"numpy": "2"}, planned=2)


def shown(capsys: pytest.CaptureFixture[str], *events: Event) -> list[str]:
    """The lines of some events, without the headline."""
    with progress(RunOptions(())) as see:
        for event in events:
            see(event)
    return capsys.readouterr().err.splitlines()[1:]


def case(phase: str, outcome: str = "pass") -> CaseJudged:
    return CaseJudged("fake", "id", {}, phase, "eager", {"values": Verdict(outcome)})  # type: ignore[arg-type]


def test_no_more_is_done_than_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    planned = (case("covering"), case("covering", "error"))
    assert shown(capsys, STARTED, *planned, MorePlanned("fake", 2), case("behind"), case("behind")) == [
        "fake: numpy 2; 2 cases",
        "fake: covering: 2 of 2 cases, 1 with deviations",
        "fake: behind: 4 of 4 cases, 1 with deviations",
    ]


def test_on_a_terminal_the_bar_grows(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    lines = shown(capsys, STARTED, case("covering"), case("covering"), MorePlanned("fake", 2), case("behind"))
    assert any("3/4" in line and "behind" in line for line in lines)
