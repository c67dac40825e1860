"""Quantized layers: what is asked, that what is allowed follows from the scheme, and that it is not too much."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from driving import framework
from playing import case, reference, subject

from conformance.checks import Followed, Observation, Reply, Unclaimed, Verdict, judge
from conformance.checks.laws import check
from conformance.checks.observation import expectations
from conformance.engine.session import Session
from conformance.engine.worker import Limits
from conformance.generate.phases import Batch
from conformance.generate.tensors import tensors
from conformance.laws import LAWS, Plan, Quantized, Way
from conformance.reference import ELSEWHERE, Expected, evaluate, precision
from conformance.reference.quantized import EIGHT_BITS
from conformance.spec import Array, Case, Sizes, Value, structure

LAW = LAWS["quantization"]
SIZES = Sizes(batch=3, timesteps=5, features=4, units=3)
LSTM = case("torch", "lstm", SIZES, dtype="float32", hx=True)


def planned(of: Case) -> Plan:
    found = LAW.plan(replace(subject(of, "quantization"), ways={"quantizes": [Way("a way")]}))
    assert found is not None
    return found


def allowed(of: Case) -> tuple[Expected, ...]:
    held_to = precision(of.config.dtype, ELSEWHERE)
    return evaluate(of.config, [tensors(of)], held_to, "signed", EIGHT_BITS)[0]


def verdict(of: Case, answer: list[Array]) -> Verdict:
    """What is said of an implementation whose outputs are right, and whose quantized layer answers this."""
    given = tensors(of)
    (due,) = expectations([of], [given], precision("float32"))
    own = [array.astype(of.config.dtype) for array in reference(of.config, given)]
    replies = [Reply(tuple(arrays), structure(of.config), 0.0) for arrays in (own, answer)]
    followed = Followed(planned(of), (replies[1],))
    found = check(LAW)(Observation(of, due, reply=replies[0], laws={"quantization": followed}))
    assert found is not None
    return found


def test_every_way_that_there_is_is_taken_and_judged_by_itself() -> None:
    found = planned(LSTM)
    assert [call.manner.route for call in found.calls] == ["a way"]
    assert found.relations == (Quantized(0),)
    assert LAW.plan(subject(LSTM, "quantization")) is None


def test_who_cannot_be_quantized_is_not_asked() -> None:
    (due,) = expectations([LSTM], [tensors(LSTM)], precision("float32"))
    own = Reply(tuple(reference(LSTM.config, tensors(LSTM))), structure(LSTM.config), 0.0)
    found = check(LAW)(Observation(LSTM, due, reply=own, laws={"quantization": Unclaimed("quantizes")}))
    assert found == Verdict("unsupported", "does not claim to be quantized")


@pytest.mark.parametrize("number", [0, 1, 2])
def test_an_output_may_be_off_by_what_is_allowed_and_no_more(number: int) -> None:
    due = allowed(LSTM)
    for share, outcome in ((0.9, "pass"), (1.1, "fail")):
        answer = [np.asarray(it.value).astype("float32") for it in due]
        answer[number][-1, -1, -1] += share * due[number].allowed[-1, -1, -1]
        found = verdict(LSTM, answer)
        assert found.outcome == outcome, found.message
    assert "a quantized layer (a way) errs by more than eight bits may" in str(found.message)
    assert found.cause == "a way: values"


@pytest.mark.parametrize("layer", ["lstm", "gru"])
def test_what_is_allowed_says_something_in_ordinary_cases(layer: str) -> None:
    plain = case("torch", layer, SIZES, dtype="float32")
    for due in allowed(plain):
        assert 1e-4 < float(np.median(due.allowed)) < 0.1


def test_it_is_what_one_finds_by_hand_for_one_product() -> None:
    """One step of a linear unit without recurrence: y = w x, both rounded to steps of |w| / 127.5 and |x| / 127."""
    of = case("keras", "simple_rnn", Sizes(1, 1, 1, 1), dtype="float64", activation="linear", use_bias=False)
    x, w = float(tensors(of).x.ravel()[0]), float(tensors(of).weights[0].ravel()[0])
    due = evaluate(of.config, [tensors(of)], precision("float64"), "signed", EIGHT_BITS)[0][0]
    half_x, half_w = abs(x) / 254, abs(w) / 255
    worst = abs(w) * half_x + half_w * (abs(x) + half_x)
    np.testing.assert_allclose(due.allowed.ravel() / 2, worst, rtol=0.01, atol=2e-4)  # twice, in float64


@pytest.mark.framework
@pytest.mark.parametrize(
    ("layer", "options"),
    [
        ("lstm", {"hx": True, "num_layers": 2, "bidirectional": True}),
        ("gru", {"batch_first": True}),
        ("gru", {"input": "packed_unsorted", "hx": True}),
        ("lstm", {"input": "packed", "batch_first": True}),
    ],
)
def test_pytorch_passes(layer: str, options: dict[str, Value]) -> None:
    of = case("torch", layer, SIZES, dtype="float32", **options)
    with closing(Session(framework("torch"), Limits(seconds=120))) as session:
        if not session.start().ways["quantizes"]:
            pytest.skip("this PyTorch has no quantize_dynamic any more")
        batch, held_to = Batch("pinned", of.config, (of,)), {"float32": precision("float32")}
        (seen,) = session.observe_batch(batch, held_to, "eager", thorough=False, laws=("quantization",))
    assert judge(seen)["quantization"] == Verdict("pass")
