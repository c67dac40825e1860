"""Checks of form on observations made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from observing import case, expectation, observed, refused, right_reply, with_outputs

from conformance.checks import Built, Observation, form, judge


def test_a_right_implementation_passes_everything() -> None:
    assert {name: verdict.outcome for name, verdict in judge(observed()).items()} == dict.fromkeys(
        (
            "survival", "accepted", "weights", "initial_weights", "structure", "shape", "dtype", "order", "values",
            "determinism", "inputs_unchanged", "weights_unchanged", "earlier_results",
        ),
        "pass",
    )  # fmt: skip


# ---------------------------------------------------------------- rejection and acceptance


def test_a_refusal_with_the_documented_error_passes() -> None:
    seen = Observation(case(rejection="units_zero"), built=refused("ValueError", "construct"))
    assert judge(seen)["rejection"].outcome == "pass"
    assert "values" not in judge(seen)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('in user code: File "/home/me/lib/site-packages/keras/src/rnn.py", line 3', 'File "keras/src/rnn.py", line 3'),
        ('File "/home/me/my layers/mine.py", line 1', 'File "mine.py", line 1'),
        ('File "C:\\Users\\me\\mine.py", line 1', 'File "mine.py", line 1'),
        ("see /home/me/mine.py", "see mine.py"),
        ("shapes (1, 2)/(3, 4) of a/b.py", "shapes (1, 2)/(3, 4) of a/b.py"),
        ("no such file: /etc/layers.toml", "no such file: /etc/layers.toml"),
    ],
)
def test_where_files_of_python_lie_is_not_told(said: str, told: str) -> None:
    assert form.describe(replace(refused("ValueError", "call"), message=said)).endswith(told)


def test_a_subclass_of_the_documented_error_passes() -> None:
    refusal = replace(refused("UnitsError", "construct"), bases=("UnitsError", "ValueError", "Exception"))
    assert judge(Observation(case(rejection="units_zero"), built=refusal))["rejection"].outcome == "pass"


def test_another_error_fails() -> None:
    verdict = judge(Observation(case(rejection="units_zero"), built=refused("KeyError", "construct")))["rejection"]
    assert (verdict.outcome, verdict.cause) == ("fail", "units_zero")
    assert verdict.message == "units = 0 raised KeyError, documented is ValueError"


def test_acceptance_of_something_invalid_is_an_error() -> None:
    valid = expectation(case())
    seen = Observation(case(rejection="units_zero"), built=Built(()), reply=right_reply(valid))
    assert judge(seen)["rejection"].outcome == "error"


def test_an_error_of_the_adapter_is_no_refusal() -> None:
    seen = Observation(case(rejection="units_zero"), built=refused("ValueError", "adapter"))
    assert judge(seen)["rejection"].outcome == "error"


@pytest.mark.parametrize("stage", ["construct", "build", "weights", "call"])
def test_a_valid_case_that_raises_is_an_error_and_the_rest_is_not_run(stage: str) -> None:
    seen = replace(observed(), reply=refused("NotImplementedError", stage, "no\n  such   thing"))
    verdicts = judge(seen)
    assert verdicts["accepted"].outcome == "error"
    assert verdicts["accepted"].message == f"NotImplementedError at {stage}: no such thing"
    assert {verdicts[name].outcome for name in ("structure", "shape", "dtype", "order", "values")} == {"not run"}
    assert "determinism" not in verdicts


def test_errors_that_differ_in_names_and_numbers_have_one_signature() -> None:
    config = case().config
    one = form.signature(refused(message="LSTM: shape (2, 3) of <Tensor at 0x7f> is not 'a' at step 17"), config)
    other = form.signature(refused(message="GRU: shape (4, 5, 6) of <Tensor at 0x99> is not 'b' at step 3"), config)
    assert one == other != form.signature(refused(message="something else"), config)


# ---------------------------------------------------------------- weights


def test_a_missing_weight_fails_and_nothing_is_said_about_initial_values() -> None:
    seen = replace(observed(), built=Built(observed().built.weights[:-1]))  # type: ignore[union-attr]
    assert judge(seen)["weights"].message == "2 weights, expected 3: kernel, recurrent_kernel, bias"
    assert "initial_weights" not in judge(seen)


def test_weights_of_other_shape_or_type_fail() -> None:
    kernel, recurrent, bias = observed().built.weights  # type: ignore[union-attr]
    for arrays, cause in (((recurrent, kernel, bias), "shape"), ((kernel.astype("f8"), recurrent, bias), "dtype")):
        assert judge(replace(observed(), built=Built(arrays)))["weights"].cause == cause


def test_a_forget_bias_that_does_not_start_at_one_fails() -> None:
    *kernels, bias = observed().built.weights  # type: ignore[union-attr]
    verdict = judge(replace(observed(), built=Built((*kernels, 0 * bias))))["initial_weights"]
    assert (verdict.outcome, verdict.cause) == ("fail", "unit_forget")


def test_initial_values_of_pytorch_lie_within_their_limit() -> None:
    seen = observed(case("torch"))
    assert judge(seen)["initial_weights"].outcome == "pass"
    first, *others = seen.built.weights  # type: ignore[union-attr]
    edge, outside = np.full_like(first, 1 / np.sqrt(5)), np.full_like(first, 1.001 / np.sqrt(5))
    assert judge(replace(seen, built=Built((edge, *others))))["initial_weights"].outcome == "pass"
    assert judge(replace(seen, built=Built((outside, *others))))["initial_weights"].outcome == "fail"


# ---------------------------------------------------------------- structure, shape, type


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        ({"list": [0, 1, 2]}, "returned [output 0, output 1, output 2], expected (output, h, c)"),
        ({"tuple": [0, {"tuple": [1, 2]}]}, "returned (output 0, (output 1, output 2)), expected (output, h, c)"),
        ({"tuple": [0, 1, {"other": "NoneType"}]}, "returned (output 0, output 1, NoneType), expected (output, h, c)"),
        ({"dict": {"y": 0}}, "returned {y: output 0}, expected (output, h, c)"),
    ],
)
def test_another_nesting_fails_and_what_depends_on_it_is_not_run(returned: object, told: str) -> None:
    seen = observed(case(return_state=True))
    verdicts = judge(replace(seen, reply=replace(seen.reply, structure=returned)))  # type: ignore[type-var]
    assert (verdicts["structure"].outcome, verdicts["structure"].message) == ("fail", told)
    assert [verdicts[name].outcome for name in ("shape", "dtype", "order", "values")] == ["not run"] * 4


def test_another_shape_fails_and_names_the_axes() -> None:
    verdicts = judge(with_outputs(observed(), lambda outputs: [outputs[0].T]))
    assert verdicts["shape"].message == "output has shape (5, 2), expected (2, 5) (batch, units)"
    assert [verdicts[name].outcome for name in ("dtype", "order", "values")] == ["pass", "not run", "not run"]


def test_another_type_fails_though_the_values_are_right() -> None:
    verdicts = judge(with_outputs(observed(), lambda outputs: [outputs[0].astype(np.float64)]))
    assert verdicts["dtype"].message == "output is float64, expected float32"
    assert verdicts["values"].outcome == "pass"


def test_a_packed_output_is_spelled_with_its_parts() -> None:
    seen = observed(case("torch", input="packed"))
    assert judge(seen)["structure"].outcome == "pass"
    assert form.spell(seen.expectation.structure) == (  # type: ignore[union-attr]
        "(packed(output 0, output 1, output 2, output 3), (output 4, output 5))"
    )
