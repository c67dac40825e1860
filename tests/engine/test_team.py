"""Several workers share the cases of an implementation: the verdicts and their order are those of one worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from running import FAULTS, HONEST, ONE_LAYER, TARGETED, groups, judged, launch, outcomes, planned, small_run, target

from conformance.adapters import wire
from conformance.engine.events import ImplementationStarted
from conformance.engine.implementations import Launch
from conformance.engine.session import Modes
from conformance.engine.team import Team
from conformance.engine.trials import Trials
from conformance.engine.worker import Limits
from conformance.generate.phases import PROFILES, plan
from conformance.reference import precision
from conformance.spec import load_dialect


def children() -> int:
    return len(psutil.Process().children(recursive=True))


def test_three_workers_say_what_one_says_in_the_same_order() -> None:
    alone, together = (small_run(launch(HONEST), only=ONE_LAYER, workers=count) for count in (1, 3))
    assert [(case.id, case.mode, case.outcomes) for case in judged(alone)] == [
        (case.id, case.mode, case.outcomes) for case in judged(together)
    ]
    assert len(judged(alone)) > 100


def test_every_worker_runs_its_share_and_none_is_left() -> None:
    before = children()
    hello_of = launch(HONEST)
    team = Team(hello_of, Limits(), 3)
    try:
        hello = team.start()
        assert children() - before >= 3
        batches = [
            one
            for one in plan(load_dialect("keras"), PROFILES["quick"], 0, ("covering",))
            if not one.cases[0].rejection
        ]
        modes, held_to = (
            Modes.of(hello),
            {name: precision(name) for name in ("float32", "float64", "float16", "bfloat16")},
        )
        seen = [sent.batch for sent, _ in team.observe(batches[:9], held_to, modes, Trials(hello))]
        assert seen == batches[:9]
        assert [session.forward_seconds > 0 for session in team._sessions] == [True] * 3
        team.close(keep=1)
        assert children() - before == 1
    finally:
        team.close()
    assert children() == before


@pytest.mark.parametrize("workers", [2, 3])
def test_a_worker_that_dies_costs_no_case_of_the_others(workers: int) -> None:
    fatal = planned(ONE_LAYER)[20]
    events = small_run(launch(TARGETED, "crashes_on", TARGET=target(fatal)), only=ONE_LAYER, workers=workers)
    survived = outcomes(events, "survival")
    assert {case for case, found in survived.items() if found != "pass"} == {fatal.id}
    assert {case.id for case in planned(ONE_LAYER)} <= set(survived)


def test_a_fault_is_explained_as_by_one_worker() -> None:
    alone, together = (groups(small_run(launch(FAULTS, "wrong_shape"), workers=count)) for count in (1, 2))
    assert alone == together
    assert alone


def test_all_processes_have_a_directory_in_common_that_goes_with_the_last() -> None:
    before = set(psutil.Process().children())
    team = Team(launch(HONEST), Limits(), 2)
    try:
        team.start()
        named = {Path(it.environ()[wire.SHARED]) for it in set(psutil.Process().children()) - before}
        (shared,) = named
        (shared / "something").touch()
        team.close(keep=1)
        assert [it.name for it in shared.iterdir()] == ["something"]
    finally:
        team.close()
    assert not shared.exists()


def test_workers_remove_it_if_the_engine_cannot(tmp_path: Path) -> None:
    script, shared = tmp_path / "engine.py", tmp_path / "shared"
    shared.mkdir()
    starts = "subprocess.Popen(json.loads(sys.argv[1]), stdin=subprocess.PIPE, stdout=subprocess.PIPE)"
    script.write_text(
        f"import json, os, subprocess, sys\nworker = {starts}\nworker.stdin.write(sys.argv[2].encode())\n"
        "worker.stdin.flush()\nworker.stdout.readline()\nos._exit(0)\n"
    )
    command, hello = launch(HONEST).command, json.dumps({"id": 1, "op": "hello"}) + "\n"
    subprocess.run(
        [sys.executable, str(script), json.dumps(command), hello],
        env={**os.environ, wire.SHARED: str(shared)},
        check=True,
    )
    for _ in range(100):
        if not shared.exists():
            break
        time.sleep(0.1)
    assert not shared.exists()


def test_a_program_that_cannot_be_started_is_broken_once(tmp_path: Path) -> None:
    before = children()
    events = small_run(Launch("gone", (sys.executable, str(tmp_path / "none.py"))), workers=3)
    (started,) = (event for event in events if isinstance(event, ImplementationStarted))
    assert started.state == "broken"
    assert children() == before
