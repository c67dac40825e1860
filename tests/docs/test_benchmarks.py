"""benchmarks: the campaign counts what it should and goes on where it stopped; a diagnosis is timed if it is right."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import false_alarms
import first_diagnosis
import report_page
from catalogue import MUTANTS, launch

from conformance.engine.events import CaseJudged, Verdict
from conformance.engine.implementations import Launch
from conformance.spec import Case, DataSpec, LayerConfig, Sizes, Value

PASS, FAIL = Verdict("pass"), Verdict("fail", "wrong")
SOME = replace(false_alarms.CAMPAIGN, random=4, draws=2)
HONEST = Path(__file__).parents[1] / "workers" / "fakes" / "numpy_layers.py"


def judged(name: str, outcomes: dict[str, Verdict], **options: Value) -> CaseJudged:
    config = LayerConfig.of("keras", "lstm", options, Sizes(2, 3, 4, 5))
    case = Case(config, DataSpec("generic", 1))
    return CaseJudged(name, case.id, case.canonical(), "random", "eager", outcomes)


def tally(*events: CaseJudged) -> false_alarms.Tally:
    found = false_alarms.Tally(events[0].implementation, 1, 0, 0)
    for event in events:
        found = false_alarms.counted(found, event)
    return found


def test_a_deviation_is_an_alarm_and_silence_is_no_verdict() -> None:
    found = tally(
        judged("torch", {"values": PASS, "shape": PASS, "threads": Verdict("unsupported")}),
        judged("torch", {"values": FAIL, "shape": PASS, "rows": Verdict("not run")}),
        judged("torch", {"values": Verdict("unsupported")}),
    )
    assert (found.cases, found.verdicts, found.apart) == (2, 4, 0)
    (alarm,) = found.alarms
    assert "values: wrong" in alarm


def test_known_deviations_are_counted_apart_unless_something_else_is_wrong_too() -> None:
    known = Verdict("known", "some-id: some reason")
    found = tally(
        judged("keras:tensorflow", {"accepted": known}),
        judged("keras:tensorflow", {"values": known, "shape": FAIL}),
    )
    assert (found.cases, found.apart, len(found.alarms)) == (1, 1, 1)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(false_alarms, "CAMPAIGN", SOME)
    monkeypatch.setattr(false_alarms, "EMULATED", 20)


@pytest.mark.usefixtures("short")
def test_a_right_implementation_raises_no_alarm_and_a_wrong_one_does() -> None:
    right = false_alarms.examined(Launch("right", (sys.executable, str(HONEST), "torch")), 1, SOME)
    wrong = false_alarms.examined(launch("torch", "one_nan"), 1, SOME)
    every_law = replace(false_alarms.EVERY_LAW, random=2)
    of_laws = false_alarms.examined(Launch("right", (sys.executable, str(HONEST), "torch")), 1, every_law)
    assert right.cases == wrong.cases > 0
    assert of_laws.verdicts > 20 * of_laws.cases > 0
    assert right.alarms == of_laws.alarms == []
    assert len(wrong.alarms) > 0


@pytest.mark.usefixtures("short")
def test_a_campaign_goes_on_where_it_stopped(tmp_path: Path) -> None:
    record = tmp_path / "record.jsonl"

    def campaign(cases: int) -> list[tuple[int, int]]:
        done = CliRunner().invoke(false_alarms.main, ["emulation", "--cases", str(cases), "--record", str(record)])
        assert done.exit_code == 0, done.output
        return [(one.seed, one.cases) for one in false_alarms.recorded(record)]

    assert campaign(30) == [(1, 20), (2, 20)]
    assert campaign(30) == [(1, 20), (2, 20)]
    assert campaign(41) == [(1, 20), (2, 20), (3, 20)]


def test_only_the_right_diagnosis_is_timed() -> None:
    mutant = next(mutant for mutant in MUTANTS if mutant.id == "keras-changes_its_input")
    right = first_diagnosis.diagnosis(mutant)
    assert right.profile == "quick"
    assert right.explained is not None
    assert right.found is not None
    assert 0 < right.found <= right.explained


def test_the_layer_is_the_one_that_the_fault_is_about() -> None:
    layers = {mutant.id: first_diagnosis.layer(mutant) for mutant in MUTANTS}
    assert layers["keras-gates_igfo"] == "lstm"
    assert layers["torch-gru_gates_exchanged"] == "gru"
    assert layers["keras-mask_ignored"] == "simple_rnn"
    assert set(layers.values()) == {"simple_rnn", "lstm", "gru"}


@pytest.mark.browser
@pytest.mark.skipif(report_page.BROWSER is None, reason="no Chromium on this machine; install chromium to run this")
def test_every_filter_of_the_report_is_timed() -> None:
    said = CliRunner().invoke(report_page.main, ["--cases", "20", "--repeat", "1"])
    assert said.exit_code == 0, said.output
    first, usable, *filters = said.output.splitlines()
    assert first.startswith("20 cases on 6 implementations: ")
    assert usable.startswith("usable after ")
    assert [line.partition(")  ")[2] for line in filters] == list(report_page.QUERIES)
