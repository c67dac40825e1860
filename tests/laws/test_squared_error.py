"""Losses that depend on outputs: what is asked, their slopes beside difference quotients, frameworks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from living import on_framework
from playing import case, plan, reference
from test_descent import seeded

from conformance.adapters import wire
from conformance.checks import Followed, Observation, Reply, Verdict, judge
from conformance.checks.laws import check
from conformance.checks.losses import slopes
from conformance.checks.observation import expectations
from conformance.engine import requests
from conformance.generate.tensors import tensors
from conformance.laws import LAWS, Call, Descended, Penalty
from conformance.reference import precision
from conformance.reference.gradients import gradients, unmerged
from conformance.spec import Array, Case, LayerConfig, Tensors, Value, outputs_of, specs_path, structure

EXACT = precision("float64")
STEP = 1e-6
Loss = Callable[[LayerConfig, Tensors], float]


def call_of(of: Case, law: str = "squared_error") -> tuple[Call, Descended]:
    found = plan(of, law)
    assert found is not None
    (call,), (relation,) = found.calls, found.relations
    assert isinstance(relation, Descended)
    return call, relation


# ---------------------------------------------------------------- what is asked


@pytest.mark.parametrize(
    ("of", "targets"),
    [
        (case("keras", "lstm", return_state=True), ["output", "h", "c"]),
        (case("keras", "gru", bidirectional=True, return_sequences=True, merge_mode="mul"), ["output"]),
        (case("torch", "gru", input="packed"), ["output.padded", "h_n"]),
    ],
    ids=["states", "merged", "packed"],
)
def test_every_output_has_targets(of: Case, targets: list[str]) -> None:
    call, relation = call_of(of)
    promised = outputs_of(of.config, tensors(of))
    assert (call.manner.steps, relation, call.cotangents) == (2, Descended(0), {})
    assert [promised[number].name for number in call.targets] == targets
    assert all(target.shape == promised[number].shape for number, target in call.targets.items())


def test_a_sequence_with_a_mask_has_none_but_its_states_do() -> None:
    assert plan(case("keras", "gru", mask="right", return_sequences=True), "squared_error") is None
    call, _ = call_of(case("keras", "gru", mask="right", return_sequences=True, return_state=True))
    assert list(call.targets) == [1]
    call, _ = call_of(case("keras", "gru", mask="right"))
    assert list(call.targets) == [0]


def test_there_is_nothing_to_judge_by_in_half_precision() -> None:
    assert plan(case("keras", "gru", dtype="float16"), "squared_error") is None


def test_what_goes_over_the_wire_follows_the_schema() -> None:
    validator = Draft202012Validator(json.loads((specs_path() / "schemas" / "protocol.schema.json").read_text()))
    call, _ = call_of(case("keras", "lstm", return_state=True))
    fields, arrays = requests.call(1, call.tensors, "eager", manner=call.manner, targets=call.targets)
    assert {"targets.0", "targets.1", "targets.2"} <= arrays.keys()
    validator.validate(json.loads(wire.encode({"id": 1, **fields}, arrays.items()).split(b"\n", 1)[0]))


def test_the_output_is_penalized_in_training_where_it_is_specified_and_alone() -> None:
    def penalties(**options: Value) -> set[Penalty | None]:
        cases = (seeded(case("keras", "gru", **options), seed) for seed in range(8))
        return {call_of(it, "regularized_training")[1].output for it in cases}

    assert len(penalties()) > 2
    assert penalties(return_state=True) == {None}
    assert penalties(mask="left", initial_state=True, return_sequences=True) == {None}


# ---------------------------------------------------------------- slopes


def squares(call: Call) -> Loss:
    def loss(config: LayerConfig, given: Tensors) -> float:
        outputs = reference(config, given)
        return float(sum(((outputs[number] - target) ** 2).mean() for number, target in call.targets.items()))

    return loss


def activity(call: Call, penalty: Penalty) -> Loss:
    """With the weighed sum of outputs."""

    def loss(config: LayerConfig, given: Tensors) -> float:
        outputs = reference(config, given)
        total = sum((outputs[number] * weighed).sum() for number, weighed in call.cotangents.items())
        halves = reference(unmerged(config), given)
        of_halves = sum(penalty.l1 * np.abs(it).sum() + penalty.l2 * (it**2).sum() for it in halves)
        return float(total + of_halves / config.sizes.batch)

    return loss


def quotient(loss: Loss, config: LayerConfig, given: Tensors, place: int) -> Array:
    """How a loss changes with every number of a weight."""
    found = np.zeros(given.weights[place].shape)
    for index in np.ndindex(found.shape):
        sides = []
        for step in (STEP, -STEP):
            weight = given.weights[place].astype(np.float64)
            weight[index] += step
            weights = (*given.weights[:place], weight, *given.weights[place + 1 :])
            sides.append(loss(config, replace(given, weights=weights)))
        found[index] = (sides[0] - sides[1]) / (2 * STEP)
    return found


SQUARED = (
    case("keras", "lstm", return_state=True),
    case("keras", "gru", bidirectional=True, return_sequences=True, merge_mode="mul"),
    case("keras", "simple_rnn", mask="gaps"),
    case("torch", "gru", num_layers=2, input="packed"),
    case("torch", "lstm", bidirectional=True, proj_size=1),
)
PENALIZED = (
    case("keras", "gru", return_sequences=True),
    case("keras", "lstm", bidirectional=True, return_sequences=True, merge_mode="concat"),
    case("keras", "gru", bidirectional=True, merge_mode="mul"),
    case("keras", "simple_rnn", bidirectional=True, return_sequences=True, merge_mode="ave", mask="gaps"),
    case("keras", "lstm", mask="right", return_sequences=True, go_backwards=False),
    case("keras", "gru", bidirectional=True, merge_mode="None", return_sequences=True),
)


@pytest.mark.parametrize("of", SQUARED, ids=lambda of: f"{of.config.dialect}-{of.config.layer}")
def test_the_slope_of_mean_squared_errors_is_that_of_difference_quotients(of: Case) -> None:
    call, relation = call_of(of)
    agrees(of, call, relation, squares(call))


@pytest.mark.parametrize("of", PENALIZED, ids=lambda of: of.config.layer)
def test_the_slope_of_a_penalty_of_the_output_is_that_of_difference_quotients(of: Case) -> None:
    call, relation = call_of(of, "regularized_training")
    penalty = Penalty(0.5, 0.25)
    agrees(of, call, replace(relation, output=penalty), activity(call, penalty))


def agrees(of: Case, call: Call, relation: Descended, loss: Loss) -> None:
    (found,) = gradients(of.config, [call.tensors], [slopes(relation, call, EXACT)], EXACT, "signed")
    for place in range(len(call.tensors.weights)):
        due = found[1 + place]
        assert due.allowed.max() < 1e-10
        np.testing.assert_allclose(due.value, quotient(loss, of.config, call.tensors, place), atol=1e-7, rtol=1e-6)


def test_a_slope_is_known_no_better_than_the_output() -> None:
    """In float32 the bound of a gradient grows by what the output may err, even if the weights hardly count."""
    call, relation = call_of(case("keras", "gru", dtype="float32"))
    found = slopes(relation, call, precision("float32"))["output"]
    assert not isinstance(found, np.ndarray)
    (due,) = (it for it in expectations([case("keras", "gru", dtype="float32")], [call.tensors], precision("float32")))
    target = call.targets[0]
    assert (found.box >= due.signed[0].allowed * 2 / target.size / precision("float32").reference).all()


def test_where_the_sign_of_an_output_is_in_doubt_so_is_its_slope() -> None:
    of = case("keras", "gru")
    zero = replace(tensors(of), weights=tuple(0 * it for it in tensors(of).weights), x=0 * tensors(of).x)
    relation = Descended(0, output=Penalty(l1=0.5))
    found = slopes(relation, Call(of.config, zero), EXACT)["output"]
    assert not isinstance(found, np.ndarray)
    assert (found.value == 0).all()
    assert (found.box >= 0.5 / of.config.sizes.batch).all()


# ---------------------------------------------------------------- how it is judged


def trained(of: Case, factor: float = 1.0) -> list[Array]:
    """The weights after each step; a fault multiplies the slope of the loss."""
    call, relation = call_of(of)
    given, steps = call.tensors, []
    for _ in range(call.manner.steps):
        due = slopes(relation, replace(call, tensors=given), EXACT)
        (found,) = gradients(of.config, [given], [due], EXACT)
        moved = tuple(
            weight - factor * call.manner.rate * np.asarray(gradient.value)
            for weight, gradient in zip(given.weights, found[1 : 1 + len(given.weights)], strict=True)
        )
        given = replace(given, weights=moved)
        steps += moved
    return steps


def verdict(of: Case, weights: list[Array]) -> Verdict:
    planned = plan(of, "squared_error")
    assert planned is not None
    (due,) = expectations([of], [tensors(of)], EXACT)
    own = Reply(tuple(reference(of.config, tensors(of))), structure(of.config), 0.0)
    reply = Reply(tuple(weights), {"list": list(range(len(weights)))}, 0.0)
    laws: Mapping[str, Followed] = {"squared_error": Followed(planned, (reply,))}
    found = check(LAWS["squared_error"])(Observation(of, due, reply=own, laws=laws))
    assert found is not None
    return found


@pytest.mark.parametrize("of", SQUARED, ids=lambda of: f"{of.config.dialect}-{of.config.layer}")
def test_right_steps_pass_and_other_reductions_fail(of: Case) -> None:
    assert verdict(of, trained(of)) == Verdict("pass")
    for factor in (0.5, 2.0, 1 + 1e-9):
        assert verdict(of, trained(of, factor)).outcome == "fail"


@pytest.mark.framework
@pytest.mark.parametrize("law", ["squared_error", "descent"])
@pytest.mark.parametrize(
    ("name", "layer", "options"),
    [
        ("torch", "lstm", {"num_layers": 2, "input": "packed_unsorted", "hx": True}),
        ("torch", "simple_rnn", {"dtype": "float32", "bidirectional": True}),
        ("keras:tensorflow", "gru", {"dtype": "float32", "bidirectional": True, "return_sequences": True}),
        ("keras:tensorflow", "lstm", {"dtype": "float32", "mask": "right", "return_state": True}),
        ("keras:torch", "gru", {"dtype": "float32", "bidirectional": True, "merge_mode": "None"}),
        ("keras:jax", "simple_rnn", {"dtype": "float32", "return_state": True}),
    ],
)
def test_frameworks_train_towards_targets_and_leave_frozen_layers_alone(
    name: str, layer: str, options: dict[str, Value], law: str
) -> None:
    """Seed 3 freezes the whole layer in `descent`."""
    of = seeded(case(name.partition(":")[0], layer, **options), 3)
    assert judge(on_framework(name, of, law))[law] == Verdict("pass")
