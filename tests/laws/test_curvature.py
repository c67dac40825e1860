"""Second derivatives: what is asked, that half of the digits must be right, and that a missing term is seen."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from playing import case, plan, reference, subject

from conformance.adapters import wire
from conformance.checks import Followed, Observation, Reply, Unclaimed, Verdict, judge
from conformance.checks.curvature import wrong_element
from conformance.checks.laws import check
from conformance.checks.observation import expectations
from conformance.engine import requests
from conformance.engine.implementations import Launch
from conformance.engine.session import Session
from conformance.engine.worker import Limits
from conformance.generate.phases import Batch
from conformance.generate.tensors import tensors
from conformance.laws import LAWS, Call, Curved
from conformance.reference import precision
from conformance.reference.gradients import gradient_names
from conformance.spec import Array, Case, Sizes, Value, specs_path, structure

LAW = LAWS["curvature"]
WORKER = Path(__file__).resolve().parents[1] / "mutants" / "worker.py"
EXACT = precision("float64")
LINEAR = case("keras", "simple_rnn", Sizes(1, 1, 1, 1), activation="linear", use_bias=False)
"""One step: y = x w; the loss is k y."""


def call_of(of: Case) -> Call:
    found = plan(of, "curvature")
    assert found is not None
    (call,) = found.calls
    assert found.relations == (Curved(0),)
    return call


def verdict(of: Case, answer: list[Array]) -> Verdict:
    """What is said of an implementation whose outputs are right, and which answers this."""
    planned, given = plan(of, "curvature"), tensors(of)
    assert planned is not None
    (due,) = expectations([of], [given], EXACT)
    own = Reply(tuple(reference(of.config, given)), structure(of.config), 0.0)
    reply = Reply(tuple(answer), {"list": list(range(len(answer)))}, 0.0)
    found = check(LAW)(Observation(of, due, reply=own, laws={"curvature": Followed(planned, (reply,))}))
    assert found is not None
    return found


def by_hand() -> list[Array]:
    """Of LINEAR: dx = k w and dw = k x change by k v_w and k v_x; the recurrent kernel acts on zero."""
    call = call_of(LINEAR)
    (k,), (to_x, to_w, to_u) = call.cotangents.values(), call.directions
    return [k.ravel() * to_w.reshape(to_x.shape), k.ravel() * to_x.reshape(to_w.shape), 0 * to_u]


def test_there_is_a_direction_for_all_that_is_given() -> None:
    call = call_of(case("torch", "lstm", hx=True))
    given = (call.tensors.x, *call.tensors.weights, *(call.tensors.initial_state or ()))
    assert [it.shape for it in call.directions] == [it.shape for it in given]
    assert len(call.directions) == len(gradient_names(call.config))
    assert all(0 < np.abs(it).max() <= 1 for it in call.directions)


def test_there_is_nothing_to_judge_by_in_half_precision_or_on_a_kink() -> None:
    of = case("torch", "simple_rnn", nonlinearity="relu")
    half = replace(of, config=of.config.with_options(dtype="float16"))
    lattice = replace(of, data=replace(of.data, kind="lattice"))
    assert plan(of, "curvature") is not None
    assert LAW.plan(subject(half, "curvature")) is None
    assert LAW.plan(subject(lattice, "curvature")) is None


def test_who_does_not_claim_it_is_not_asked() -> None:
    of = case()
    (due,) = expectations([of], [tensors(of)], EXACT)
    own = Reply(tuple(reference(of.config, tensors(of))), structure(of.config), 0.0)
    found = check(LAW)(Observation(of, due, reply=own, laws={"curvature": Unclaimed("curvature")}))
    assert found == Verdict("unsupported", "does not claim to compute second derivatives")


def test_what_goes_over_the_wire_follows_the_schema_and_names_every_direction() -> None:
    validator = Draft202012Validator(json.loads((specs_path() / "schemas" / "protocol.schema.json").read_text()))
    call = call_of(case("torch", "gru", hx=True, bias=False))
    fields, arrays = requests.call(1, call.tensors, "eager", cotangents=call.cotangents, directions=call.directions)
    named = [name for name in arrays if name.startswith("directions")]
    weights = ["directions.weights.0", "directions.weights.1"]
    assert named == ["directions.x", *weights, "directions.initial_state.0"]
    validator.validate(json.loads(wire.encode({"id": 1, **fields}, arrays.items()).split(b"\n", 1)[0]))


def test_what_is_expected_is_what_one_finds_by_hand() -> None:
    assert verdict(LINEAR, by_hand()) == Verdict("pass")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_half_of_the_digits_must_be_right(place: int) -> None:
    for off, outcome in ((1e-9, "pass"), (1e-5, "fail")):
        changed = by_hand()
        changed[place] = changed[place] + off
        found = verdict(LINEAR, changed)
        assert found.outcome == outcome, found.message
    assert "change of the gradient with respect to " in str(found.message)


def test_numbers_that_are_none_are_wrong_unless_something_may_overflow() -> None:
    lost = [np.full_like(it, np.nan) for it in by_hand()]
    assert verdict(LINEAR, lost).outcome == "fail"
    huge = replace(tensors(LINEAR), weights=tuple(weight * 1e305 for weight in tensors(LINEAR).weights))
    call = replace(call_of(LINEAR), tensors=replace(huge, x=huge.x * 1e305))
    assert wrong_element(call, Reply(tuple(lost), {"list": []}, 0.0), EXACT) is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{"hx": True}, {"bias": False, "batch_first": True}], ids=str)
def test_derivatives_by_complex_numbers_pass(dtype: str, options: dict[str, Value]) -> None:
    """Over the wire; an implementation that shares nothing with the reference."""
    of = case("torch", "simple_rnn", dtype=dtype, **options)
    session = Session(Launch("fake", (sys.executable, str(WORKER), "torch", "--fault", "second_derivatives")), Limits())
    try:
        session.start()
        batch, held_to = Batch("pinned", of.config, (of,)), {dtype: precision(dtype)}
        (seen,) = session.observe_batch(batch, held_to, "eager", thorough=False, laws=("curvature", "gradients"))
    finally:
        session.close()
    found = judge(seen)
    assert {name: found[name].outcome for name in ("curvature", "gradients")} == {
        "curvature": "pass",
        "gradients": "pass",
    }
