"""Every planted fault is found by the check that is meant to find it, with its condition and its name."""

from __future__ import annotations

import pytest
from catalogue import MUTANTS, Mutant

from conformance.engine.events import Event, GroupFound, ImplementationStarted, RunFinished
from conformance.engine.run import RunOptions, run

SEED = 1


def events(mutant: Mutant) -> list[Event]:
    options = RunOptions((mutant.launch,), mutant.profile, SEED, phases=mutant.phases, only=mutant.only)
    return list(run(options))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.id)
def test_it_is_found_and_explained(mutant: Mutant) -> None:
    seen = events(mutant)
    assert [it.message for it in seen if isinstance(it, ImplementationStarted) and it.state == "broken"] == []
    assert [it.complete for it in seen if isinstance(it, RunFinished)] == [True]
    groups = [it for it in seen if isinstance(it, GroupFound) and it.check == mutant.check]
    explained = [it for it in groups if set(mutant.when) <= set(it.when)]
    told = [(it.when, it.looks_like, len(it.cases), it.message) for it in groups]
    assert explained, f"{mutant.check} found {told}"
    assert mutant.looks_like in {it.looks_like for it in explained}, f"{mutant.check} found {told}"


def test_faults_are_named_once_for_each_dialect() -> None:
    names = [mutant.id for mutant in MUTANTS]
    assert len(set(names)) == len(names) >= 120
