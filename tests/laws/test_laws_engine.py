"""Laws in whole runs: what is not claimed, what is lost, and failures that are but a consequence of others."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from playing import PLAYED

from conformance.checks import Outcome
from conformance.engine.events import CaseJudged, Event, GroupFound
from conformance.engine.implementations import Launch
from conformance.engine.run import RunOptions, run
from conformance.engine.worker import Limits
from conformance.generate.phases import PROFILES
from conformance.laws import LAWS

HERE = Path(__file__).resolve().parent
HONEST = HERE.parent / "workers" / "fakes" / "numpy_layers.py"
MUTANTS = HERE.parent / "mutants" / "worker.py"
ALL_LAWS = replace(PROFILES["quick"], draws=1, sizes=0, experiments=40, laws=len(LAWS))

ONE_WAY = {"layer": "simple_rnn", "bidirectional": "false"}
FEW = {**ONE_WAY, "dtype": "float32", "return_state": "false"}
"""A handful of configurations."""

OF_NAN = {"rows", "padding", "not_a_number"}
"""The laws that put NaN into an input."""


def events(
    script: Path, fault: str, only: dict[str, str], limits: Limits | None = None, dialect: str = "keras"
) -> list[Event]:
    flags = ("--fault", fault) if fault else ()
    launch = Launch(f"fake:{fault}", (sys.executable, str(script), dialect, *flags))
    options = RunOptions((launch,), ALL_LAWS, 1, phases=("covering",), only=only, limits=limits or Limits())
    return list(run(options))


def outcomes(seen: list[Event]) -> Mapping[str, set[Outcome]]:
    """Check -> its outcomes."""
    found: dict[str, set[Outcome]] = defaultdict(set)
    for event in seen:
        if isinstance(event, CaseJudged):
            for check, verdict in event.outcomes.items():
                found[check].add(verdict.outcome)
    return found


def groups(seen: list[Event], check: str) -> list[GroupFound]:
    return [event for event in seen if isinstance(event, GroupFound) and event.check == check]


@pytest.mark.parametrize(("dialect", "only"), [("keras", {"layer": "gru"}), ("torch", {"num_layers": "1"})])
def test_an_honest_implementation_keeps_every_law(dialect: str, only: dict[str, str]) -> None:
    found = outcomes(events(HONEST, "", only, dialect=dialect))
    tried = {name: seen for name, seen in found.items() if name in LAWS and seen != {"unsupported"}}
    assert all(seen == {"pass"} for seen in tried.values()), tried
    keras_alone = {"full_mask", "masked_tail", "time_reversal", "merge_modes", "stateful"}
    not_offered = {"routes", "runtimes", "mixed_precision"}
    assert set(tried) >= set(PLAYED) - not_offered - (keras_alone if dialect == "torch" else set())


def test_what_is_not_offered_is_unsupported_and_the_rest_is_tried() -> None:
    found = outcomes(events(HERE / "law_fakes.py", "offers_nothing", FEW))
    tried = {name: outcome for name, outcome in found.items() if name in LAWS}
    needing = {name for name in tried if LAWS[name].needs}
    assert {"threads", "layouts", "ownership"} <= needing
    assert {name: tried[name] for name in needing} == {name: {"unsupported"} for name in needing}
    assert {"rows", "instances", "history"} <= set(tried) - needing
    assert all(tried[name] <= {"pass", "unspecified", "not run"} for name in set(tried) - needing)


@pytest.mark.parametrize(
    ("fault", "outcome", "limits"),
    [("dies_of_nan", "crash", Limits()), ("sleeps_on_nan", "timeout", Limits(seconds=1.5))],
)
def test_a_loss_in_a_further_call_is_charged_to_its_law(fault: str, outcome: str, limits: Limits) -> None:
    seen = events(HERE / "law_fakes.py", fault, {**FEW, "use_bias": "true", "unroll": "false"}, limits)
    found = outcomes(seen)
    lost = {name for name, outcomes in found.items() if outcome in outcomes}
    assert lost == OF_NAN & set(found)
    assert "not_a_number" in lost
    assert found["survival"] == {"pass"}
    assert "pass" in found["values"]
    assert {outcome} == {group.outcome for name in lost for group in groups(seen, name)}


def test_a_law_that_fails_for_another_reason_is_a_consequence() -> None:
    """`go_backwards` is ignored; so layers without it fail the comparison with those that have it."""
    seen = events(MUTANTS, "go_backwards_ignored", {"bidirectional": "false"})
    (cause,) = groups(seen, "values")
    assert "go_backwards=True" in cause.when
    assert "time_reversal" in cause.also
    assert groups(seen, "time_reversal") == []
    broken = [event for event in seen if isinstance(event, CaseJudged) and failed(event, "time_reversal")]
    assert broken
    assert all(event.case["config"]["options"]["go_backwards"] is False for event in broken), "others fail themselves"


def failed(event: CaseJudged, check: str) -> bool:
    """Whether a check failed on a case."""
    return check in event.outcomes and event.outcomes[check].outcome == "fail"


def test_every_route_has_causes_of_its_own_and_is_tried_where_it_is_offered_only() -> None:
    """Their conditions overlap: a failure of one route must not count as one of the other."""
    seen = events(HERE / "law_fakes.py", "two_wrong_routes", {"bidirectional": "false"})
    found = {group.message.split()[2]: group for group in groups(seen, "routes")}
    assert set(found) == {"half", "sequences"}
    assert "use_bias=False" in found["half"].when
    assert found["sequences"].smallest["config"]["options"]["return_sequences"] is True
    assert not any(group.message.count("not offered") for group in found.values())
    both = {
        event.id
        for event in seen
        if isinstance(event, CaseJudged) and "routes" in event.outcomes and len(event.outcomes["routes"].parts) == 2
    }
    assert both
    assert both <= set(found["half"].cases) & set(found["sequences"].cases)


def test_every_way_to_declare_has_causes_of_its_own_and_is_asked_where_it_is_offered_only() -> None:
    seen = events(HERE / "law_fakes.py", "two_wrong_ways_to_declare", {"bidirectional": "false"})
    found = {group.message.split()[0]: group for group in groups(seen, "declared")}
    assert set(found) == {"shapes", "unknown"}
    assert (found["shapes"].outcome, found["unknown"].outcome) == ("fail", "error")
    assert "use_bias=False" in found["shapes"].when
    assert found["unknown"].smallest["config"]["options"]["unroll"] is False
    assert "ValueError" in found["unknown"].message


def test_a_law_that_alone_fails_is_a_cause() -> None:
    """NaN and infinities are the business of no other check."""
    seen = events(MUTANTS, "nan_counts_as_zero", ONE_WAY)
    found = groups(seen, "not_a_number")
    assert found
    assert all(group.looks_like is None for group in found)
    assert {event.check for event in seen if isinstance(event, GroupFound)} == {"not_a_number"}
