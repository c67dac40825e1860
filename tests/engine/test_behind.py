"""One broken option does not hide the rest: what cannot be called is run again with that option at its default."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest
from running import TARGETED, groups, judged, launch, planned, small_run

from conformance.engine.behind import DRAWS
from conformance.engine.events import CaseJudged, Event, ImplementationStarted, MorePlanned, RunFinished
from conformance.engine.uncalled import Uncalled
from conformance.generate.covering import covered
from conformance.generate.shard import Shard
from conformance.report.behind import untested_of
from conformance.results import Results
from conformance.spec import Case, LayerConfig, Value

LSTM = {"layer": "lstm", "dtype": "float32"}
BACKWARDS = ("go_backwards", True)


def run(*refused: str, **options: object) -> list[Event]:
    """A run of an implementation that refuses some options."""
    return small_run(launch(TARGETED, "refuses", REFUSED=",".join(refused)), **{"only": LSTM, **options})


@cache
def refusing(*refused: str) -> list[Event]:
    """The usual run; made once."""
    return run(*refused)


def behind(events: Sequence[Event]) -> list[CaseJudged]:
    return [one for one in judged(events) if one.phase == "behind"]


def pairs(configs: Sequence[LayerConfig]) -> set[frozenset[tuple[str, Value]]]:
    return covered([config.options for config in configs], 2)


def overtaken(events: Sequence[Event]) -> list[CaseJudged]:
    """The cases with which more are judged than were planned until then."""
    planned, found, done = 0, [], 0
    for event in events:
        if isinstance(event, ImplementationStarted):
            planned += event.planned
        elif isinstance(event, MorePlanned):
            planned += event.cases
        elif isinstance(event, CaseJudged):
            done += 1
            found += [event] if done > planned else []
    return found


def called(events: Sequence[Event]) -> list[LayerConfig]:
    """The valid configurations that could be called."""
    cases = [(one.case, one.outcomes) for one in judged(events) if "rejection" not in one.case]
    return [Case.from_canonical(case).config for case, found in cases if found["accepted"].outcome == "pass"]


def backwards() -> LayerConfig:
    """One that reads backwards."""
    return next(case.config for case in planned(LSTM) if case.config.options["go_backwards"])


def only_backwards() -> frozenset[tuple[str, Value]]:
    """Two option values that the planned cases have together only where `go_backwards=True`."""
    configs = [case.config for case in planned(LSTM)]
    backwards, others = ([it for it in configs if it.options["go_backwards"] is value] for value in (True, False))
    found = pairs(backwards) - pairs(others)
    return min((pair for pair in found if BACKWARDS not in pair), key=lambda pair: sorted(map(str, pair)))


def test_where_nothing_is_refused_nothing_is_behind() -> None:
    events = refusing("use_bias=never")
    assert len(called(events)) == len(planned(LSTM)) > 100
    assert not any(one.phase == "behind" or one.instead for one in judged(events))


@pytest.mark.parametrize(
    ("refused", "swaps"),
    [
        (["go_backwards=True"], {("go_backwards=True", "go_backwards=False")}),
        (["go_backwards=False"], {("go_backwards=False", "go_backwards=True")}),  # its default is what is broken
        (["mask=gaps"], {("mask=gaps", "mask=none")}),
        (
            ["go_backwards=True", "use_bias=False"],
            {("go_backwards=True", "go_backwards=False"), ("use_bias=False", "use_bias=True")},
        ),
    ],
)
def test_the_option_at_fault_has_its_default_and_the_rest_stays(
    refused: list[str], swaps: set[tuple[str, str]]
) -> None:
    events = refusing(*refused)
    found = behind(events)
    assert {(one.instead.option, one.instead.now) for one in found if one.instead is not None} == swaps
    assert {one.outcomes["accepted"].outcome for one in found} == {"pass"}
    cases = {one.id: Case.from_canonical(one.case).config for one in judged(events)}
    for one in found:
        assert one.instead is not None
        lost, name = cases[one.instead.of], one.instead.option.partition("=")[0]
        assert {key for key, value in lost.options.items() if cases[one.id].options[key] != value} == {name}
        assert lost.sizes == cases[one.id].sizes


def test_every_pair_of_the_other_values_is_called_all_the_same() -> None:
    everything = pairs([case.config for case in planned(LSTM)])
    lost = {pair for pair in everything if BACKWARDS in pair}
    assert everything - lost <= pairs(called(refusing("go_backwards=True")))
    assert only_backwards() not in pairs(
        [case.config for case in planned(LSTM) if not case.config.options["go_backwards"]]
    )


def test_a_fault_that_another_one_hides_is_found() -> None:
    hidden = only_backwards()
    events = refusing("go_backwards=True", " ".join(f"{name}={value}" for name, value in hidden))
    whens = {group.when for group in groups(events)}
    assert ("go_backwards=True",) in whens
    assert any({f"{name}={value}" for name, value in hidden} & set(when) for when in whens - {("go_backwards=True",)})


def test_only_as_much_is_run_as_was_lost() -> None:
    events = refusing("go_backwards=True")
    configs = {Case.from_canonical(one.case).config for one in behind(events)}
    assert len(behind(events)) == DRAWS * len(configs)
    for config in configs:
        assert pairs([config]) - pairs([it for it in called(events) if it not in configs])


def test_all_that_is_judged_was_planned_before() -> None:
    events = refusing("go_backwards=True", "use_bias=False")
    rounds = [it.cases for it in events if isinstance(it, MorePlanned)]
    assert rounds
    assert sum(rounds) == len(behind(events))
    assert overtaken(events) == []
    (said,) = Results.of(events).implementations
    assert said.planned == len(judged(events))


def test_where_nothing_can_be_called_nothing_is_behind() -> None:
    assert behind(refusing("dtype=float32")) == []


def test_what_no_single_option_helps_is_told_to_be_untested() -> None:
    events = refusing("unit_forget_bias=False", "activation=sigmoid")
    configs = {case.config for case in planned(LSTM)}
    both = {it for it in configs if (it.get("unit_forget_bias"), it.get("activation")) == (False, "sigmoid")}
    uncalled = Uncalled.of((Case.from_canonical(one.case), one) for one in judged(events))
    assert {config for config in uncalled.lost if not uncalled.others(config)} == both
    (told,) = untested_of(Results.of(events))
    assert told.configs == len(both) > 0
    assert told.of == {one.id for one in judged(events) if Case.from_canonical(one.case).config in both}


def test_if_nothing_can_be_called_all_is_told_to_be_untested_and_nothing_if_one_option_helps() -> None:
    (told,) = untested_of(Results.of(refusing("dtype=float32")))
    assert told.configs == len({case.config for case in planned(LSTM)})
    assert list(untested_of(Results.of(refusing("go_backwards=True")))) == []


def test_what_the_user_did_not_ask_for_is_not_run() -> None:
    whole = refusing("go_backwards=True")
    almost_all = len(judged(whole)) - len(behind(whole)) - 1
    for less in ({"only": {**LSTM, "go_backwards": "true"}}, {"configs": (backwards(),)}, {"max_cases": almost_all}):
        events = run("go_backwards=True", **less)
        assert "error" in {one.outcomes["accepted"].outcome for one in judged(events) if "accepted" in one.outcomes}
        assert behind(events) == []


@pytest.mark.parametrize("kept", [0, 3, 9])
def test_a_run_goes_on_behind_where_it_was_cut_off(kept: int) -> None:
    whole = refusing("go_backwards=True", "use_bias=False")
    assert len(behind(whole)) > kept
    last = behind(whole)[kept]
    earlier = tuple(whole[: whole.index(last)])
    again = run("go_backwards=True", "use_bias=False", earlier=earlier)

    def timeless(events: Sequence[Event]) -> list[Event]:
        return [
            replace(it, seconds=None) if isinstance(it, CaseJudged) else it
            for it in events
            if not isinstance(it, ImplementationStarted | MorePlanned | RunFinished)
        ]

    assert timeless(again) == timeless(whole)
    assert Results.of(again).implementations == Results.of(whole).implementations
    assert overtaken(again) == []


def test_shards_share_what_is_behind_and_no_case_is_in_two() -> None:
    refused = ("go_backwards=True", "use_bias=False")
    parts = [run(*refused, shard=Shard(number, 3)) for number in (1, 2, 3)]
    ids = [one.id for part in parts for one in judged(part)]
    assert len(ids) == len(set(ids))
    whole = refusing(*refused)
    assert pairs(called(whole)) <= pairs([config for part in parts for config in called(part)])
