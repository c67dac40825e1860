"""Penalties and constraints: what is asked, the bound of a sum, and what a step makes of them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from living import on_framework
from playing import case, plan, reference

from conformance.adapters import wire
from conformance.checks import Followed, Observation, Reply, Verdict, judge
from conformance.checks.descent import wrong_element
from conformance.checks.laws import check
from conformance.checks.observation import expectations
from conformance.checks.penalties import expected
from conformance.engine import requests
from conformance.engine.answers import NonsenseError, checked
from conformance.generate.tensors import tensors
from conformance.laws import LAWS, Call, Descended, Penalised, Penalty, Plan
from conformance.reference import precision
from conformance.spec import Case, Value, as_floats, specs_path, structure

SINGLE, EXACT = precision("float32"), precision("float64")
NARROW = {"dtype": "float32"}


def planned(of: Case, law: str = "penalties") -> Plan:
    found = plan(of, law)
    assert found is not None
    return found


def verdict(of: Case, answers: list[float]) -> Verdict:
    """What is said of an implementation that is right but for the sums of penalties that it answers."""
    (due,) = expectations([of], [tensors(of)], EXACT)
    own = Reply(tuple(reference(of.config, tensors(of))), structure(of.config), 0.0)
    replies = tuple(Reply((np.array(answer),), {"list": [0]}, 0.0) for answer in answers)
    found = check(LAWS["penalties"])(
        Observation(of, due, reply=own, laws={"penalties": Followed(planned(of), replies)})
    )
    assert found is not None
    return found


def by_hand(relation: Penalised, call: Call) -> float:
    """The sum of penalties, written out."""
    total = 0.0
    for number, penalty in relation.weights.items():
        weight = as_floats(call.tensors.weights[number])
        total += penalty.l1 * np.abs(weight).sum() + penalty.l2 * (weight**2).sum()
    if relation.output is not None:
        options = {"merge_mode": "None"} if call.config.bidirectional else {}
        for output in reference(call.config.with_options(**options), call.tensors):
            parts = relation.output.l1 * np.abs(output).sum() + relation.output.l2 * (output**2).sum()
            total += parts / call.config.sizes.batch
    return float(total)


CASES = (
    case("keras", "gru"),
    case("keras", "lstm", bidirectional=True, merge_mode="sum", return_sequences=True),
    case("keras", "simple_rnn", use_bias=False, mask="right", zero_output_for_mask=True, return_sequences=True),
)
every_case = pytest.mark.parametrize("of", CASES, ids=lambda of: of.config.layer)


# ---------------------------------------------------------------- what is asked


@every_case
def test_weights_are_penalized_alone_then_with_the_output_in_two_calls(of: Case) -> None:
    found = planned(of)
    first, second, third = (it for it in found.relations if isinstance(it, Penalised))
    assert [call.layer for call in found.calls] == [1, 2, 2]
    assert all(call.manner.penalty for call in found.calls)
    assert "activity_regularizer" not in dict(found.calls[0].arguments)
    assert first.output is None
    assert second.output == third.output != Penalty()
    assert len(first.weights) == len(of_weights := tensors(of).weights)
    assert not np.array_equal(of_weights[0], found.calls[2].tensors.weights[0])


@pytest.mark.parametrize(
    "options", [{"return_state": True}, {"mask": "left", "initial_state": True, "return_sequences": True}]
)
def test_an_output_is_not_penalized_where_something_is_left_open(options: dict[str, Value]) -> None:
    relations = planned(case("keras", "gru", **options)).relations
    assert [it.output for it in relations if isinstance(it, Penalised)] == [None]


def test_what_goes_over_the_wire_follows_the_schema() -> None:
    validator = Draft202012Validator(json.loads((specs_path() / "schemas" / "protocol.schema.json").read_text()))
    call = planned(CASES[0]).calls[0]
    built = requests.build(1, call.config, arguments=dict(call.arguments))
    for fields, arrays in (built, requests.call(1, call.tensors, "eager", manner=call.manner)):
        validator.validate(json.loads(wire.encode({"id": 1, **fields}, arrays.items()).split(b"\n", 1)[0]))


def test_a_penalty_is_one_array() -> None:
    got = requests.reply(checked(1, "call", {"id": 1, "ok": True, "seconds": 0}, {"penalty.0": np.array(2.0)}))
    assert isinstance(got, Reply)
    assert (float(got.outputs[0]), got.structure) == (2.0, {"list": [0]})
    with pytest.raises(NonsenseError):
        checked(1, "call", {"id": 1, "ok": True, "seconds": 0}, {"penalty.1": np.array(2.0)})


def test_every_weight_has_a_penalty_a_constraint_both_or_neither() -> None:
    kinds: set[tuple[bool, bool]] = set()
    for seed in range(20):
        of = replace(CASES[0], data=replace(CASES[0].data, seed=seed))
        (relation,) = planned(of, "regularized_training").relations
        assert isinstance(relation, Descended)
        assert relation.constraints
        kinds |= {(place in relation.penalties, place in relation.constraints) for place in range(3)}
    assert len(kinds) == 4


# ---------------------------------------------------------------- how it is judged


@every_case
def test_the_formulas_written_out_pass(of: Case) -> None:
    found = planned(of)
    pairs = [(it, found.calls[it.call]) for it in found.relations if isinstance(it, Penalised)]
    assert verdict(of, [by_hand(*pair) for pair in pairs]) == Verdict("pass")


@every_case
@pytest.mark.parametrize("wrong", range(3))
def test_a_sum_that_is_a_little_off_fails(of: Case, wrong: int) -> None:
    found = planned(of)
    sums = [by_hand(it, found.calls[it.call]) for it in found.relations if isinstance(it, Penalised)]
    sums[wrong] *= 1 + 1e-9
    assert verdict(of, sums).outcome == "fail"


@every_case
def test_the_bound_holds_for_sums_in_any_order_and_little_more(of: Case) -> None:
    """In float32, element by element, shuffled: no sum is outside, and the bound is not wide."""
    of = replace(of, config=of.config.with_options(**NARROW))
    (relation, *_), calls = planned(of).relations, planned(of).calls
    assert isinstance(relation, Penalised)
    due = expected(relation, calls[0], SINGLE)
    assert float(due.allowed) < 1e-4 * float(np.asarray(due.value))
    for seed in range(50):
        total = np.float32(0)
        for number, penalty in relation.weights.items():
            for element in np.random.default_rng(seed).permutation(calls[0].tensors.weights[number].ravel()):
                total += np.float32(penalty.l1) * abs(element) + np.float32(penalty.l2) * element * element
        assert abs(float(total) - float(np.asarray(due.value))) <= float(due.allowed)


def test_where_a_weight_is_zero_any_slope_of_its_absolute_value_is_right() -> None:
    of = case("keras", "simple_rnn", use_bias=False)
    found = planned(of, "regularized_training")
    (call,), relation = found.calls, Descended(0, {0: Penalty(l1=0.5)})
    plain = replace(call.manner, steps=1, rate=1.0, frozen=())
    call = replace(call, manner=plain, cotangents={0: 0 * call.cotangents[0]})
    zero = np.zeros_like(call.tensors.weights[0])
    call = replace(call, tensors=replace(call.tensors, weights=(zero, *call.tensors.weights[1:])))
    for slope, right in ((0.0, True), (0.5, True), (-0.5, True), (0.6, False)):
        reply = Reply((zero - slope, *call.tensors.weights[1:]), {"list": []}, 0.0)
        assert (wrong_element(relation, call, reply, EXACT) is None) == right


# ---------------------------------------------------------------- implementations


@pytest.mark.framework
@pytest.mark.parametrize("law", ["penalties", "regularized_training"])
@pytest.mark.parametrize(
    ("name", "layer", "options"),
    [
        ("keras:tensorflow", "lstm", {"bidirectional": True, "return_sequences": True, "merge_mode": "mul"}),
        ("keras:tensorflow", "gru", {"dtype": "float32", "mask": "gaps", "return_sequences": True}),
        ("keras:torch", "gru", {"dtype": "float32", "bidirectional": True, "return_state": True}),
        ("keras:jax", "lstm", {"dtype": "float32", "return_sequences": True}),
    ],
)
def test_frameworks_count_penalties_and_keep_constraints(
    name: str, layer: str, options: dict[str, Value], law: str
) -> None:
    assert judge(on_framework(name, case("keras", layer, **options), law))[law] == Verdict("pass")


@pytest.mark.framework
def test_a_simple_rnn_of_keras_forgets_its_output() -> None:
    seen = on_framework("keras:tensorflow", case("keras", "simple_rnn", dtype="float32"), "penalties")
    found = judge(seen)["penalties"]
    assert (found.outcome, found.cause) == ("fail", "penalties of weights and output: values")
