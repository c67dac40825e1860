"""Gradients: what is asked, how it is judged, and that faults of a backward pass are seen by nothing else."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from playing import SIZES, case, plan, reference, subject

from conformance.adapters import wire
from conformance.checks import Followed, Observation, Refusal, Reply, Unclaimed, Verdict
from conformance.checks.derivatives import NEGLIGIBLE
from conformance.checks.laws import check
from conformance.checks.observation import expectations
from conformance.engine import requests
from conformance.engine.answers import NonsenseError, checked
from conformance.engine.events import CaseJudged
from conformance.engine.implementations import Launch
from conformance.engine.run import RunOptions, run
from conformance.generate.phases import PROFILES
from conformance.generate.tensors import tensors
from conformance.laws import LAWS, Differentiated
from conformance.reference import Accuracy, Precision, precision
from conformance.reference.gradients import gradients
from conformance.spec import Array, Case, Sizes, Value, outputs, specs_path, structure

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "reference"))
from emulation import Style
from gradient_emulation import Emulation
from test_reference_gradients import Detached, Forgetful, ResetTwice, WrongSlope

LAW = LAWS["gradients"]
WORKER = Path(__file__).resolve().parents[1] / "mutants" / "worker.py"
EXACT = precision("float64")


def cotangents(of: Case) -> dict[str, Array]:
    """What the law weighs, by name."""
    found = plan(of, "gradients")
    assert found is not None
    (call,) = found.calls
    lengths = call.tensors.lengths
    promised = outputs(of.config, None if lengths is None else [int(length) for length in lengths])
    return {promised[number].name: array for number, array in call.cotangents.items()}


def right(of: Case, held_to: Precision = EXACT) -> list[Array]:
    """The gradients of the reference, in the type of the case."""
    (found,) = gradients(of.config, [tensors(of)], [cotangents(of)], held_to)
    return [np.asarray(it.value).astype(of.config.dtype) for it in found]


def verdict(of: Case, answer: list[Array] | Reply | Refusal, held_to: Precision = EXACT) -> Verdict:
    """What is said of an implementation whose outputs are right, and which gives these gradients."""
    given, planned = tensors(of), plan(of, "gradients")
    assert planned is not None
    (due,) = expectations([of], [given], held_to)
    own = Reply(tuple(reference(of.config, given)), structure(of.config), 0.0)
    if isinstance(answer, list):
        answer = Reply(tuple(answer), {"list": list(range(len(answer)))}, 0.0)
    found = check(LAW)(Observation(of, due, reply=own, laws={"gradients": Followed(planned, (answer,))}))
    assert found is not None
    return found


# ---------------------------------------------------------------- what is asked


@pytest.mark.parametrize(
    ("dialect", "options", "weighed"),
    [
        ("keras", {"return_state": True}, {"output", "h", "c"}),
        ("keras", {"bidirectional": True, "merge_mode": "None"}, {"forward_output", "backward_output"}),
        ("torch", {}, {"output", "h_n", "c_n"}),
        ("torch", {"input": "packed"}, {"output.padded", "h_n", "c_n"}),
    ],
)
def test_every_output_that_is_a_promised_number_is_weighed(
    dialect: str, options: dict[str, Value], weighed: set[str]
) -> None:
    of = case(dialect, **options)
    assert set(cotangents(of)) == weighed
    for cotangent in cotangents(of).values():
        assert cotangent.dtype == "float64"
        assert np.abs(cotangent).min() > 0


def test_what_is_left_open_is_not_weighed() -> None:
    """What a layer shows at masked steps before the first that it reads."""
    of = case(mask="left", return_sequences=True, initial_state=True)
    mask, cotangent = tensors(of).mask, cotangents(of)["output"]
    assert mask is not None
    open_ = ~np.logical_or.accumulate(mask, axis=1)
    assert open_.any()
    np.testing.assert_array_equal(cotangent == 0, np.broadcast_to(open_[..., None], cotangent.shape))


def test_the_layer_of_the_case_is_called_as_the_case_says() -> None:
    of = case(initial_state=True)
    found = plan(of, "gradients")
    assert found is not None
    (call,) = found.calls
    assert (call.config, call.layer, found.relations) == (of.config, 0, (Differentiated(0),))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_there_is_nothing_to_judge_by_in_half_precision(dtype: str) -> None:
    of = case()
    half = replace(of, config=of.config.with_options(dtype=dtype))
    assert LAW.plan(subject(half, "gradients")) is None


def test_who_does_not_claim_gradients_is_not_asked() -> None:
    of = case()
    (due,) = expectations([of], [tensors(of)], EXACT)
    own = Reply(tuple(reference(of.config, tensors(of))), structure(of.config), 0.0)
    found = check(LAW)(Observation(of, due, reply=own, laws={"gradients": Unclaimed("gradients")}))
    assert found == Verdict("unsupported", "does not claim to compute gradients")


def test_the_request_has_a_cotangent_for_each_output() -> None:
    found = plan(case("torch", input="packed"), "gradients")
    assert found is not None
    (call,) = found.calls
    fields, arrays = requests.call(1, call.tensors, "eager", cotangents=call.cotangents)
    assert "cotangents" not in fields
    assert [name for name in arrays if name.startswith("cotangents")] == [
        "cotangents.2",
        "cotangents.4",
        "cotangents.5",
    ]


# ---------------------------------------------------------------- what is answered

X = np.zeros((2, 3, 4))


def answer(*names: str, **more: object) -> requests.Message:
    return checked(1, "call", {"id": 1, "ok": True, "seconds": 0, **more}, dict.fromkeys(names, X))


def test_gradients_are_in_the_order_of_the_arguments() -> None:
    got = requests.reply(
        answer("gradients.weights.1", "gradients.initial_state.0", "gradients.x", "gradients.weights.0")
    )
    assert isinstance(got, Reply)
    assert len(got.outputs) == 4
    assert got.structure == {"list": [0, 1, 2, 3]}


@pytest.mark.parametrize(
    "names", [("gradients.weights.0",), ("gradients.x", "gradients.weights.1"), ("gradients.x", "outputs.0")]
)
def test_gradients_with_gaps_are_no_answer(names: tuple[str, ...]) -> None:
    with pytest.raises(NonsenseError):
        answer(*names)


# ---------------------------------------------------------------- how it is judged

CASES = (
    case("keras", "gru", return_sequences=True, mask="gaps"),
    case("keras", "lstm", Sizes(2, 3, 2, 2), bidirectional=True, merge_mode="mul", initial_state=True),
    case("torch", "lstm", Sizes(2, 3, 2, 2), num_layers=2, proj_size=1, input="packed", hx=True),
    case("torch", "gru", Sizes(1, 5, 4, 2), bidirectional=True, input="unbatched"),
)


@pytest.mark.parametrize("of", CASES, ids=lambda of: f"{of.config.dialect}-{of.config.layer}")
def test_each_gradient_is_judged_to_the_last_element(of: Case) -> None:
    given = right(of)
    assert verdict(of, given) == Verdict("pass")
    (bound,) = gradients(of.config, [tensors(of)], [cotangents(of)], EXACT, "signed")
    for number, due in enumerate(bound):
        place = tuple(size - 1 for size in given[number].shape)
        negligible = NEGLIGIBLE * EXACT.u * np.abs(given[number]).max()
        for off, outcome in ((0.9 * due.allowed[place], "pass"), (1.2 * max(due.allowed[place], negligible), "fail")):
            changed = [array.copy() for array in given]
            changed[number][place] += off
            found = verdict(of, changed)
            assert found.outcome == outcome, (due.name, off, found.message)
            assert outcome == "pass" or f"gradient with respect to {due.name}[" in str(found.message)


def test_the_message_names_the_argument_and_the_element() -> None:
    of = case("keras", "lstm")
    changed = right(of)
    changed[2][1, 5] = 7
    found = verdict(of, changed)
    assert found.message is not None
    assert found.message.startswith(
        "the gradients of a weighted sum of all outputs: "
        "gradient with respect to recurrent_kernel[units 1, gates*units 5] is 7, expected "
    )
    assert found.worst is not None
    assert found.worst.index == {"units": 1, "gates*units": 5}


def test_a_step_is_not_said_to_be_the_first_wrong_one() -> None:
    """Errors of a backward pass begin at the end."""
    changed = right(case())
    changed[0][0, 2, 0] = np.nan
    found = verdict(case(), changed)
    assert (found.outcome, found.worst and found.worst.first_step) == ("fail", None)


def test_a_gradient_of_another_shape_is_wrong() -> None:
    found = verdict(case(), [array.ravel() for array in right(case())])
    assert found.outcome == "fail"
    assert "shapes" in str(found.message)
    assert verdict(case(), right(case())[:-1]).outcome == "fail"


def test_outputs_are_no_gradients() -> None:
    of = case(return_state=True)
    found = verdict(of, Reply(tuple(reference(of.config, tensors(of))), structure(of.config), 0.0))
    assert found.outcome == "fail"


def test_an_error_is_an_error() -> None:
    found = verdict(case(), Refusal("call", "RuntimeError", ("RuntimeError", "Exception"), "no backward"))
    assert found.outcome == "error"
    assert "RuntimeError" in str(found.message)


# ---------------------------------------------------------------- faults of a backward pass

USUAL = Accuracy((2.0, 0.0), (4.0, 0.0))


@pytest.mark.parametrize(
    ("fault", "layer", "options"),
    [
        (WrongSlope, "lstm", {"return_sequences": True}),
        (Forgetful, "gru", {"return_sequences": True, "mask": "right"}),
        (Detached, "lstm", {}),
        (ResetTwice, "gru", {"reset_after": True}),
    ],
)
def test_a_wrong_backward_pass_fails_and_a_right_one_passes(
    fault: type[Emulation], layer: str, options: dict[str, Value]
) -> None:
    """In float32, with outputs that are right."""
    seen = []
    for seed in range(5):
        of = case("keras", layer, SIZES, dtype="float32", **options)
        of = replace(of, data=replace(of.data, seed=seed))
        style, given, weighed = Style("float32", USUAL), tensors(of), cotangents(of)
        held_to = precision("float32", USUAL)
        found = verdict(of, Emulation(of.config, given, style).gradients(weighed), held_to)
        assert found.outcome == "pass", found.message
        seen.append(verdict(of, fault(of.config, given, style).gradients(weighed), held_to).outcome)
    assert seen.count("fail") >= 4


# ---------------------------------------------------------------- a worker with a backward pass


def test_a_worker_with_a_right_backward_pass_passes() -> None:
    """Over the wire, on every configuration that it has."""
    profile = replace(PROFILES["quick"], draws=1, sizes=0, random=30, laws=len(LAWS))
    launch = Launch("fake:backward_pass", (sys.executable, str(WORKER), "keras", "--fault", "backward_pass"))
    seen = run(RunOptions((launch,), profile, 1, phases=("covering", "random"), only={"layer": "gru"}))
    found = [event.outcomes for event in seen if isinstance(event, CaseJudged) and "gradients" in event.outcomes]
    assert {outcomes["gradients"].outcome for outcomes in found} == {"pass"}
    assert len(found) >= 5


def test_what_goes_over_the_wire_follows_the_schema() -> None:
    validator = Draft202012Validator(json.loads((specs_path() / "schemas" / "protocol.schema.json").read_text()))
    found = plan(case(), "gradients")
    assert found is not None
    (call,) = found.calls
    fields, arrays = requests.call(1, call.tensors, "eager", cotangents=call.cotangents)
    told = wire.encode({"id": 1, **fields}, arrays.items()).split(b"\n", 1)[0]
    validator.validate(json.loads(told))
