"""Gradient descent: what is asked, that each step is judged from the weights before it, that frozen means frozen."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from living import on_framework, on_worker
from playing import case, plan, reference, subject
from test_gradients import cotangents

from conformance.adapters import wire
from conformance.checks import Followed, Observation, Reply, Unclaimed, Verdict, judge
from conformance.checks.descent import wrong_element
from conformance.checks.laws import check
from conformance.checks.observation import expectations
from conformance.engine import requests
from conformance.engine.answers import NonsenseError, checked
from conformance.engine.implementations import Launch
from conformance.generate.tensors import tensors
from conformance.laws import LAWS, Call, Descended
from conformance.laws.training import RATE
from conformance.reference import precision
from conformance.reference.gradients import gradients
from conformance.spec import Array, Case, Value, specs_path, structure

LAW = LAWS["descent"]
WORKER = Path(__file__).resolve().parents[1] / "mutants" / "worker.py"
EXACT = precision("float64")


def call_of(of: Case) -> Call:
    found = plan(of, "descent")
    assert found is not None
    (call,) = found.calls
    return call


def weighed(of: Case, call: Call) -> dict[str, Array]:
    """The cotangents of this law, by name."""
    return dict(zip(cotangents(of), call.cotangents.values(), strict=True))


def trained(of: Case, rate: float = RATE) -> list[list[Array]]:
    """The weights after each step, as the reference's gradients lead to them."""
    given, call, steps = tensors(of), call_of(of), []
    for _ in range(call.manner.steps):
        (found,) = gradients(of.config, [given], [weighed(of, call)], EXACT)
        moved = tuple(
            weight if place in call.manner.frozen else weight - rate * np.asarray(found[1 + place].value)
            for place, weight in enumerate(given.weights)
        )
        given = replace(given, weights=moved)
        steps.append([*moved])
    return steps


def verdict(of: Case, steps: list[list[Array]]) -> Verdict:
    """What is said of an implementation that is right but for the weights that it answers."""
    planned = plan(of, "descent")
    assert planned is not None
    (due,) = expectations([of], [tensors(of)], EXACT)
    own = Reply(tuple(reference(of.config, tensors(of))), structure(of.config), 0.0)
    weights = tuple(weight for step in steps for weight in step)
    reply = Reply(weights, {"list": list(range(len(weights)))}, 0.0)
    found = check(LAW)(Observation(of, due, reply=own, laws={"descent": Followed(planned, (reply,))}))
    assert found is not None
    return found


# ---------------------------------------------------------------- what is asked


def seeded(of: Case, seed: int) -> Case:
    return replace(of, data=replace(of.data, seed=seed))


def test_three_steps_are_asked_of_the_layer_itself_with_no_weight_frozen_or_one_or_all_but_one_or_all() -> None:
    found = [plan(seeded(case(), seed), "descent") for seed in (4, 5, 6, 7)]
    for it in found:
        assert it is not None
        assert [(call.layer, call.manner.steps) for call in it.calls] == [(0, 3)]
        assert it.relations == (Descended(0),)
    assert [len(it.calls[0].manner.frozen) for it in found if it] == [0, 1, 2, 3]


def test_there_is_nothing_to_judge_by_in_half_precision() -> None:
    half = replace(case(), config=case().config.with_options(dtype="float16"))
    assert LAW.plan(subject(half, "descent")) is None


def test_who_does_not_claim_training_is_not_asked() -> None:
    of = case()
    (due,) = expectations([of], [tensors(of)], EXACT)
    own = Reply(tuple(reference(of.config, tensors(of))), structure(of.config), 0.0)
    found = check(LAW)(Observation(of, due, reply=own, laws={"descent": Unclaimed("train")}))
    assert found == Verdict("unsupported", "does not claim to be trained")


def test_what_goes_over_the_wire_follows_the_schema() -> None:
    validator = Draft202012Validator(json.loads((specs_path() / "schemas" / "protocol.schema.json").read_text()))
    call = call_of(FROZEN)
    fields, arrays = requests.call(1, call.tensors, "eager", manner=call.manner, cotangents=call.cotangents)
    assert (fields["steps"], fields["rate"], fields["frozen"]) == (3, 0.125, list(call.manner.frozen))
    told = wire.encode({"id": 1, **fields}, arrays.items()).split(b"\n", 1)[0]
    validator.validate(json.loads(told))


def test_trained_weights_with_gaps_are_no_answer() -> None:
    zero = np.zeros(2)
    answer = checked(1, "call", {"id": 1, "ok": True, "seconds": 0}, {"trained.0": zero, "trained.1": zero})
    got = requests.reply(answer)
    assert isinstance(got, Reply)
    assert (len(got.outputs), got.structure) == (2, {"list": [0, 1]})
    with pytest.raises(NonsenseError):
        checked(1, "call", {"id": 1, "ok": True, "seconds": 0}, {"trained.0": zero, "trained.2": zero})


# ---------------------------------------------------------------- how it is judged

CASES = (
    seeded(case("keras", "gru", return_sequences=True, mask="gaps"), 5),
    seeded(case("torch", "lstm", num_layers=2, input="packed", hx=True), 4),
)
FROZEN, FREE = CASES
every_case = pytest.mark.parametrize("of", CASES, ids=lambda of: of.config.dialect)


@every_case
def test_the_steps_of_the_reference_pass(of: Case) -> None:
    assert verdict(of, trained(of)) == Verdict("pass")


@every_case
def test_twice_the_rate_fails_at_the_first_step(of: Case) -> None:
    found = verdict(of, trained(of, 2 * RATE))
    assert found.outcome == "fail"
    assert " after step 1[" in str(found.message)


def test_a_step_is_judged_from_the_weights_before_it() -> None:
    """What is wrong after the second step is told as such."""
    first, second, third = trained(FREE)
    assert verdict(FREE, [first, [*second[:-1], second[-1] + 1e-9], third]).worst is not None
    found = verdict(FREE, [first, [*second[:-1], second[-1] + 1e-9], third])
    assert found.outcome == "fail"
    assert " after step 2[" in str(found.message)


def test_a_frozen_weight_has_no_allowance() -> None:
    (place,) = call_of(FROZEN).manner.frozen
    first, second, third = trained(FROZEN)
    first[place] = np.nextafter(first[place], 9)
    found = verdict(FROZEN, [first, second, third])
    assert found.outcome == "fail"
    assert "allowed difference 0" in str(found.message)


def test_weights_that_are_missing_are_wrong() -> None:
    found = verdict(FREE, trained(FREE)[:2])
    assert found.outcome == "fail"


def test_weights_that_are_no_numbers_are_wrong() -> None:
    steps = trained(FREE)
    steps[2][0][0, 0] = np.nan
    assert verdict(FREE, steps).outcome == "fail"


def test_nothing_is_said_once_a_number_may_have_overflowed() -> None:
    """Large steps of a layer without bounds lead anywhere, at last to numbers that are none."""
    of = case("keras", "simple_rnn", activation="linear", return_sequences=True)
    huge = replace(tensors(of), weights=tuple(weight * 1e120 for weight in tensors(of).weights))
    planned = LAW.plan(replace(subject(of, "descent"), tensors=huge))
    assert planned is not None
    (call,) = planned.calls
    lost = [np.full(weight.shape, np.nan) for weight in huge.weights]
    for place in call.manner.frozen:
        lost[place] = huge.weights[place]
    reply = Reply(tuple(lost * 3), {"list": []}, 0.0)
    assert wrong_element(Descended(0), call, reply, EXACT) is None


# ---------------------------------------------------------------- implementations


@pytest.mark.parametrize("variant", ["plain_descent", "descent_in_one_rounding"])
@pytest.mark.parametrize(
    ("layer", "options"), [("gru", {"mask": "gaps"}), ("lstm", {"initial_state": True, "return_sequences": True})]
)
def test_a_worker_that_is_trained_right_passes(variant: str, layer: str, options: dict[str, Value]) -> None:
    """Over the wire."""
    launch = Launch(f"fake:{variant}", (sys.executable, str(WORKER), "keras", "--fault", variant))
    for seed in (3, 4, 5, 6):
        of = seeded(case("keras", layer, dtype="float32", **options), seed)
        assert judge(on_worker(launch, of, "descent"))["descent"] == Verdict("pass")


@pytest.mark.framework
@pytest.mark.parametrize(
    ("name", "layer", "options"),
    [
        ("torch", "lstm", {"num_layers": 2, "input": "packed_unsorted", "hx": True}),
        ("torch", "gru", {"bidirectional": True}),
        ("torch", "simple_rnn", {"dtype": "float32", "nonlinearity": "relu"}),
        ("keras:tensorflow", "lstm", {"mask": "right", "initial_state": True, "return_state": True}),
        ("keras:tensorflow", "gru", {"dtype": "float32", "bidirectional": True, "return_sequences": True}),
        ("keras:torch", "gru", {"dtype": "float32", "mask": "gaps", "return_sequences": True}),
        ("keras:jax", "lstm", {"dtype": "float32", "bidirectional": True, "merge_mode": "None"}),
    ],
)
def test_frameworks_take_the_steps_of_the_reference(name: str, layer: str, options: dict[str, Value]) -> None:
    of = case(name.partition(":")[0], layer, **options)
    assert judge(on_framework(name, of, "descent"))["descent"] == Verdict("pass")


@pytest.mark.framework
@pytest.mark.parametrize("name", ["torch", "keras:tensorflow", "keras:torch", "keras:jax"])
def test_weights_that_were_frozen_are_trained_again(name: str) -> None:
    of = seeded(case(name.partition(":")[0], "lstm", dtype="float32"), 1)
    assert 0 < len(call_of(of).manner.frozen) < len(tensors(of).weights)
    seen = judge(on_framework(name, of, "descent", "squared_error"))
    assert (seen["descent"], seen["squared_error"]) == (Verdict("pass"), Verdict("pass"))
