"""Checks of what lives on, on observations made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from observing import case, observed, refused

from conformance.checks import Lost, Observation, Recalled, judge


@pytest.mark.parametrize("outcome", ["crash", "timeout"])
def test_a_lost_process_is_its_own_outcome_and_the_rest_is_not_run(outcome: str) -> None:
    verdicts = judge(replace(observed(), reply=Lost(outcome, "it died")))  # type: ignore[arg-type]
    assert verdicts["survival"].outcome == outcome
    assert verdicts["survival"].message == "it died"
    rest = ("accepted", "structure", "shape", "dtype", "order", "values")
    assert {verdicts[name].outcome for name in rest} == {"not run"}


def test_a_loss_that_did_not_happen_again_says_so() -> None:
    verdicts = judge(replace(observed(), reply=Lost("crash", "it died", repeated=False)))
    assert verdicts["survival"].message == "it died; it did not happen again when the case was run alone"


def test_a_lost_process_is_no_refusal() -> None:
    verdicts = judge(Observation(case(rejection="units_zero"), reply=Lost("crash", "it died")))
    assert verdicts["rejection"].outcome == "not run"


@pytest.mark.parametrize("name", ["x", "mask", "initial_state"])
def test_changed_arguments_are_found(name: str) -> None:
    seen = observed(case(mask="gaps", initial_state=True))
    assert seen.recalled is not None
    if name == "initial_state":
        first, *others = seen.recalled.initial_state or ()
        now = replace(seen.recalled, initial_state=(first + 1, *others))
    else:
        array = getattr(seen.recalled, name)
        now = replace(seen.recalled, **{name: ~array if name == "mask" else array + 1})
    verdict = judge(replace(seen, recalled=now))["inputs_unchanged"]
    assert verdict.outcome == "fail"
    assert verdict.message == f"the call changed {name}" + ("[0]" if name == "initial_state" else "")


def test_changed_lengths_are_found() -> None:
    seen = observed(case("torch", input="packed"))
    assert seen.recalled is not None
    assert seen.recalled.lengths is not None
    now = replace(seen.recalled, lengths=seen.recalled.lengths[::-1] + 1)
    assert judge(replace(seen, recalled=now))["inputs_unchanged"].cause == "lengths"


def test_changed_weights_are_found_by_name() -> None:
    seen = observed()
    was, _ = seen.weights_after["bias"]
    verdict = judge(replace(seen, weights_after={**seen.weights_after, "bias": (was, was + 1)}))["weights_unchanged"]
    assert verdict.message == "calls changed the weight bias"


def test_overwritten_results_are_found() -> None:
    seen = observed()
    assert seen.recalled is not None
    now = replace(seen.recalled, outputs=tuple(2 * array for array in seen.recalled.outputs))
    verdict = judge(replace(seen, recalled=now))["earlier_results"]
    assert verdict.message == "a later call changed an earlier result: output"


def test_what_was_not_looked_at_is_not_judged() -> None:
    seen = replace(observed(), again=None, recalled=None, weights_after={}, built=None)
    looked = {"determinism", "inputs_unchanged", "weights_unchanged", "earlier_results", "weights", "initial_weights"}
    assert not looked & set(judge(seen))


def test_a_layer_that_cannot_be_looked_at_again_passes_nothing() -> None:
    verdicts = judge(replace(observed(), recalled=refused(), weights_after={}))
    for check in ("inputs_unchanged", "weights_unchanged", "earlier_results"):
        assert verdicts[check].outcome == "not run"


def test_what_is_missing_when_it_is_read_again_is_a_failure() -> None:
    seen = observed(case(initial_state=True, mask="right"))
    assert isinstance(seen.recalled, Recalled)
    verdicts = judge(replace(seen, recalled=replace(seen.recalled, initial_state=None, mask=None, outputs=())))
    assert verdicts["inputs_unchanged"].outcome == "fail"
    assert verdicts["earlier_results"].outcome == "fail"
