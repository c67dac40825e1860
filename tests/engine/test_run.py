"""Whole runs against implementations that misbehave: every case has its outcome, and the run goes on."""

from __future__ import annotations

import queue
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from running import (
    FAULTS,
    HONEST,
    ONE_LAYER,
    SMALL,
    TARGETED,
    footer,
    groups,
    judged,
    launch,
    outcomes,
    planned,
    small_run,
    started,
    target,
)

from conformance.engine.events import Leaf, Outline
from conformance.engine.implementations import Launch
from conformance.engine.run import RunOptions, run
from conformance.engine.worker import Limits
from conformance.generate.phases import PROFILES
from conformance.results.codec import decode, encode
from conformance.results.read import read_results
from conformance.results.write import Writer


def children() -> list[int]:
    return [child.pid for child in psutil.Process().children(recursive=True)]


# ---------------------------------------------------------------- one bad case


@pytest.mark.parametrize(
    ("fault", "outcome", "limits"),
    [
        ("crashes_on", "crash", Limits()),
        ("hangs_on", "timeout", Limits(seconds=1.5)),
        ("eats_on", "crash", Limits(memory=400 << 20)),
    ],
)
def test_a_loss_is_the_outcome_of_its_case_and_the_rest_is_run(fault: str, outcome: str, limits: Limits) -> None:
    bad = planned(ONE_LAYER)[20]
    before = children()
    events = small_run(launch(TARGETED, fault, TARGET=target(bad)), only=ONE_LAYER, limits=limits)
    survived = outcomes(events, "survival")
    assert {case for case, found in survived.items() if found != "pass"} == {bad.id}
    assert survived[bad.id] == outcome
    values = outcomes(events, "values")
    assert values.pop(bad.id) == "not run"
    assert set(values.values()) <= {"pass", "unspecified"}
    assert len(values) == len(planned(ONE_LAYER)) - 1
    assert [(group.check, group.outcome, group.cases) for group in groups(events)] == [("survival", outcome, (bad.id,))]
    assert footer(events).complete
    assert children() == before


def test_a_crash_that_does_not_happen_again_is_still_told(tmp_path: Path) -> None:
    bad = planned(ONE_LAYER)[20]
    events = small_run(launch(TARGETED, "crashes_on", TARGET=target(bad), ONCE=str(tmp_path / "done")), only=ONE_LAYER)
    lost = [case for case in judged(events) if case.outcomes["survival"].outcome == "crash"]
    assert len(lost) == 1
    assert "did not happen again" in (lost[0].outcomes["survival"].message or "")


# ---------------------------------------------------------------- always bad


def test_stray_prints_do_no_harm() -> None:
    events = small_run(launch(FAULTS, "prints"))
    assert set(outcomes(events, "values").values()) <= {"pass", "unspecified"}
    assert footer(events).complete


@pytest.mark.parametrize(
    ("fault", "check", "outcome", "message"),
    [
        ("lies", "accepted", "error", "NotImplementedError at call: not"),
        ("returns_nan", "values", "fail", "is nan, expected"),
        ("returns_one_too_many", "structure", "fail", "returned (output 0, output 1), expected output"),
        ("returns_none", "structure", "fail", "returned NoneType, expected output"),
        ("wrong_dtype", "dtype", "fail", "output is float64, expected float32"),
        ("wrong_shape", "shape", "fail", "output has shape (1, "),
    ],
)
def test_every_case_is_judged_and_the_failures_have_one_cause(
    fault: str, check: str, outcome: str, message: str
) -> None:
    events = small_run(launch(FAULTS, fault))
    found = outcomes(events, check)
    assert set(found.values()) == {outcome} or (check == "values" and set(found.values()) == {outcome, "unspecified"})
    (group,) = [group for group in groups(events) if group.check == check]
    assert len(group.cases) == sum(value == outcome for value in found.values())
    assert group.when == ()
    assert message in group.message
    assert group.looks_like is None


@pytest.mark.parametrize(
    ("fault", "tree", "shapes", "dtypes"),
    [
        ("returns_one_too_many", {"tuple": [0, 1]}, {(1, 1), (3,)}, {"float32", "float64"}),
        ("returns_dict", {"dict": {"output": {"list": [0, {"other": "str"}]}}}, {(1, 1)}, {"float32"}),
        ("returns_none", {"other": "NoneType"}, set(), set()),
        ("wrong_dtype", 0, {(1, 1)}, {"float64"}),
    ],
)
def test_a_group_of_a_wrong_form_has_the_outlines_of_what_was_promised_and_what_came(
    fault: str, tree: object, shapes: set[tuple[int, ...]], dtypes: set[str]
) -> None:
    group = next(it for it in groups(small_run(launch(FAULTS, fault))) if it.check in ("structure", "dtype"))
    assert group.returned is not None
    assert group.returned.promised == Outline(0, (Leaf("output", (1, 1), "float32"),))
    assert group.returned.came.tree == tree
    assert {leaf.shape for leaf in group.returned.came.arrays} == shapes
    assert {leaf.dtype for leaf in group.returned.came.arrays} == dtypes
    assert encode(decode(encode(group))) == encode(group)


def test_a_group_of_wrong_values_has_numbers_and_no_outline() -> None:
    (group,) = (it for it in groups(small_run(launch(FAULTS, "returns_nan"))) if it.check == "values")
    assert group.returned is None
    assert group.evidence is not None


# ---------------------------------------------------------------- not usable at all


def test_an_implementation_that_dies_at_import_is_broken_and_nothing_is_judged() -> None:
    events = small_run(launch(FAULTS, "dies_at_import"))
    (broken,) = started(events)
    assert broken.state == "broken"
    assert "libwanted.so" in (broken.message or "")
    assert judged(events) == []
    assert not footer(events).complete
    assert "broken" in footer(events).reason


def test_an_implementation_that_is_lost_too_often_is_broken_and_the_rest_is_not_run() -> None:
    before = children()
    events = small_run(launch(FAULTS, "exits"))
    assert started(events)[-1].state == "broken"
    assert "lost too often" in (started(events)[-1].message or "")
    assert len(judged(events)) < len(planned(SMALL))
    assert not footer(events).complete
    assert children() == before


def test_a_broken_implementation_does_not_stop_the_others() -> None:
    both = (launch(FAULTS, "dies_at_import"), launch(HONEST))
    events = list(run(RunOptions(both, PROFILES["quick"], phases=("covering",), only={"layer": "simple_rnn"})))
    assert {event.name: event.state for event in started(events)} == {both[0].name: "broken", both[1].name: "ready"}
    assert {case.implementation for case in judged(events)} == {both[1].name}


def test_the_command_line_ends_with_3_for_a_broken_implementation(tmp_path: Path) -> None:
    program = f"cmd:{sys.executable} {FAULTS} keras --fault dies_at_import"
    command = [sys.executable, "-m", "conformance", "run", program, "--profile", "quick", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=FAULTS.parents[3], check=False)
    assert done.returncode == 3, done.stderr
    assert "Traceback (most recent call last)" not in done.stderr


# ---------------------------------------------------------------- the end


class Interrupted(queue.SimpleQueue):  # type: ignore[type-arg]
    """Somebody presses Ctrl-C while the hundredth event is awaited."""

    got = 0

    def get(self, *arguments: Any, **named: Any) -> Any:
        Interrupted.got += 1
        if Interrupted.got == 100:
            raise KeyboardInterrupt
        return super().get(*arguments, **named)


def test_ctrl_c_leaves_a_readable_file_with_a_footer_and_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conformance.engine.run.queue.SimpleQueue", Interrupted)
    before = children()
    with Writer(tmp_path / "results.jsonl") as writer:
        for event in run(RunOptions((launch(HONEST),), PROFILES["quick"])):
            writer(event)
    found = read_results(tmp_path / "results.jsonl")
    assert found.footer is not None
    assert (found.footer.complete, found.footer.reason) == (False, "interrupted")
    assert 50 < len(found.cases) < 1500
    assert children() == before


def test_who_stops_listening_leaves_no_process() -> None:
    before = children()
    events = run(RunOptions((launch(HONEST),), PROFILES["quick"]))
    for _ in range(30):
        next(events)
    events.close()
    assert children() == before


# ---------------------------------------------------------------- what is not claimed, and what is the same


def test_what_is_not_claimed_is_unsupported_and_counted() -> None:
    events = small_run(launch(TARGETED, "claims_little"), only={"layer": "gru"})
    found = outcomes(events, "values")
    (ready,) = started(events)
    assert len(judged(events)) == ready.planned
    lacking = {
        case.id
        for case in judged(events)
        if case.case["config"]["options"].get("mask") != "none"
        or case.case["config"]["options"].get("dtype") != "float32"
    }
    assert {case for case, outcome in found.items() if outcome == "unsupported"} == lacking & set(found)
    assert 0 < len(lacking) < len(found)
    assert set(found.values()) <= {"pass", "unspecified", "unsupported"}
    messages = {it.outcomes["values"].message for it in judged(events) if it.id in lacking & set(found)}
    assert messages <= {f"does not claim {it}" for it in ("mask=left", "mask=right", "mask=gaps", "mask=full_rows")} | {
        f"does not claim dtype={dtype}" for dtype in ("float64", "float16", "bfloat16")
    }


def everything(launched: Launch, seed: int) -> list[tuple[str, str, dict[str, tuple[str, float | None]]]]:
    """Case ids, modes and verdicts of a run with random cases."""
    events = small_run(launched, phases=("random",), only={"layer": "simple_rnn"}, seed=seed)
    return [
        (case.id, case.mode, {name: (it.outcome, it.ratio) for name, it in case.outcomes.items()})
        for case in judged(events)
    ]


def test_the_same_seed_gives_the_same_cases_and_the_same_verdicts() -> None:
    launched = launch(HONEST, OMP_NUM_THREADS="1")
    first = everything(launched, 5)
    assert first == everything(launched, 5)
    assert {case for case, *_ in first}.isdisjoint(case for case, *_ in everything(launched, 6))
