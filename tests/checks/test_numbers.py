"""Checks of values, order and repetition on observations made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from observing import case, expectation, observed, refused, right_reply, with_outputs

from conformance.checks import Observation, Reply, judge
from conformance.checks.numbers import compare
from conformance.reference import Expected
from conformance.spec import Array, Value


def moved(seen: Observation, by: float, place: tuple[int, ...] = (1, 2)) -> Observation:
    """One element of the first output moved by a multiple of its allowance."""
    due = seen.expectation.signed[0]  # type: ignore[union-attr]

    def change(outputs: list[Array]) -> list[Array]:
        first = due.value.copy()  # type: ignore[union-attr]
        first[place] += by * due.allowed[place]
        return [first, *outputs[1:]]

    return with_outputs(seen, change)


def test_an_error_within_the_allowance_passes_and_is_recorded() -> None:
    verdict = judge(moved(observed(), 0.9))["values"]
    assert verdict.outcome == "pass"
    assert verdict.ratio is not None
    assert 0.5 < verdict.ratio <= 1


def test_an_error_beyond_the_allowance_fails_and_says_where() -> None:
    verdict = judge(moved(observed(), -1.5))["values"]
    assert (verdict.outcome, verdict.cause, verdict.bound) == ("fail", "wrong values", "signed")
    assert verdict.ratio == pytest.approx(1.5, rel=1e-6)
    assert verdict.worst is not None
    assert (verdict.worst.output, verdict.worst.index) == ("output", {"batch": 1, "units": 2})
    assert verdict.message is not None
    assert verdict.message.startswith("output[batch 1, units 2] is ")


def test_the_first_wrong_step_is_told() -> None:
    seen = observed(case(return_sequences=True))
    verdict = judge(moved(moved(seen, 5, (0, 2, 1)), 9, (0, 3, 1)))["values"]
    assert verdict.worst is not None
    assert verdict.worst.first_step == 3
    both = with_outputs(moved(seen, 9, (0, 3, 1)), lambda it: [_bumped(it[0], (1, 2, 0))])
    assert judge(both)["values"].worst.first_step == 2  # type: ignore[union-attr]


def _bumped(array: Array, place: tuple[int, ...]) -> Array:
    array[place] += 1e-3
    return array


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_fails(bad: float) -> None:
    def change(outputs: list[Array]) -> list[Array]:
        outputs[0][0, 0] = bad
        return outputs

    verdict = judge(with_outputs(observed(), change))["values"]
    assert (verdict.outcome, verdict.cause, verdict.ratio) == ("fail", "not finite", np.inf)


def test_values_that_are_no_numbers_fail() -> None:
    verdict = judge(with_outputs(observed(), lambda outputs: [outputs[0] + 0j]))["values"]
    assert verdict.outcome == "fail"


def test_the_sign_of_zero_and_flushed_subnormals_do_not_matter() -> None:
    due = Expected("y", np.array([0.0, 1e-40]), np.array([0.0, 1.2e-38]))
    assert compare(np.array([-0.0, 0.0], np.float32), due).largest <= 1  # type: ignore[union-attr]


def test_nothing_is_allowed_where_nothing_is_rounded() -> None:
    due = Expected("y", np.array([1.0]), np.array([0.0]))
    assert compare(np.array([1.0]), due).largest == 0  # type: ignore[union-attr]
    assert compare(np.array([np.nextafter(1, 2)]), due).largest > 1  # type: ignore[union-attr]


# ---------------------------------------------------------------- elements that say little


def test_open_and_void_elements_are_not_judged_but_counted() -> None:
    seen = observed()
    due = seen.expectation.step[0]  # type: ignore[union-attr]
    specified, allowed = np.ones((2, 5), bool), due.allowed.copy()
    specified[0, 0], allowed[0, 1] = False, np.inf
    open_ = (replace(due, specified=specified, allowed=allowed),)
    changed = replace(seen.expectation, step=open_)  # type: ignore[type-var]
    changed.__dict__["signed"] = open_

    def spoil(outputs: list[Array]) -> list[Array]:
        outputs[0][0, :2] = np.nan
        return outputs

    verdict = judge(with_outputs(replace(seen, expectation=changed), spoil))["values"]
    assert verdict.outcome == "pass"
    assert verdict.elements is not None
    assert (verdict.elements.judged, verdict.elements.void, verdict.elements.unspecified) == (9, 1, 1)


def test_a_case_without_any_judged_value_is_unspecified() -> None:
    seen = observed()
    due = seen.expectation.step[0]  # type: ignore[union-attr]
    open_ = (replace(due, specified=np.zeros((2, 5), bool)),)
    changed = replace(seen.expectation, step=open_)  # type: ignore[type-var]
    changed.__dict__["signed"] = open_
    assert judge(replace(seen, expectation=changed))["values"].outcome == "unspecified"


def test_weak_and_uninformative_elements_are_counted() -> None:
    seen = observed()
    due = seen.expectation.step[0]  # type: ignore[union-attr]
    allowed = due.allowed.copy()
    allowed[0, 0], allowed[0, 1:3] = 0.2, 1e-3
    loose = (replace(due, allowed=allowed),)
    changed = replace(seen.expectation, step=loose)  # type: ignore[type-var]
    changed.__dict__["signed"] = loose
    elements = judge(replace(seen, expectation=changed))["values"].elements
    assert elements is not None
    assert (elements.judged, elements.uninformative, elements.weak, elements.measured) == (10, 1, 2, True)


# ---------------------------------------------------------------- order


def test_exchanged_states_are_a_matter_of_order_and_not_of_values() -> None:
    verdicts = judge(with_outputs(observed(case(return_state=True)), lambda it: [it[0], it[2], it[1]]))
    assert verdicts["order"].outcome == "fail"
    assert verdicts["order"].message == "c comes in the place of output, h comes in the place of c" or (
        verdicts["order"].message == "c comes in the place of h, h comes in the place of c"
    )
    assert verdicts["values"].outcome == "not run"


def test_wrong_values_are_not_a_matter_of_order() -> None:
    verdicts = judge(with_outputs(observed(case(return_state=True)), lambda it: [it[0], it[1], 2 * it[2]]))
    assert (verdicts["order"].outcome, verdicts["values"].outcome) == ("pass", "fail")


@pytest.mark.parametrize("options", [{"merge_mode": "None"}, {"merge_mode": "None", "return_sequences": True}])
def test_exchanged_halves_are_found(options: dict[str, Value]) -> None:
    seen = observed(case("keras", "gru", bidirectional=True, **options))
    assert judge(seen)["order"].outcome == "pass"
    verdict = judge(with_outputs(seen, lambda it: it[::-1]))["order"]
    assert verdict.message == (
        "backward_output comes in the place of forward_output, forward_output comes in the place of backward_output"
    )


def test_an_output_of_which_only_the_form_is_promised_may_hold_anything() -> None:
    seen = observed(case("torch", input="packed"))
    assert judge(with_outputs(seen, lambda it: [it[0] + 9, *it[1:]]))["values"].outcome == "pass"
    assert judge(with_outputs(seen, lambda it: [it[0], it[1] + 1, *it[2:]]))["values"].outcome == "fail"


# ---------------------------------------------------------------- repetition


def second(seen: Observation, change: float) -> Observation:
    assert isinstance(seen.reply, Reply)
    return replace(seen, again=replace(seen.reply, outputs=(seen.reply.outputs[0] * np.float32(1 + change),)))


def test_a_second_call_may_differ_by_rounding_which_is_left_open() -> None:
    assert judge(second(observed(), 0))["determinism"].outcome == "pass"
    assert judge(second(observed(), 2e-7))["determinism"].outcome == "unspecified"
    assert judge(second(observed(), 1e-2))["determinism"].outcome == "fail"


def test_a_second_call_that_gives_something_else_fails() -> None:
    seen = observed()
    other = right_reply(expectation(case(return_state=True)))
    assert judge(replace(seen, again=other))["determinism"].cause == "structure"


def test_a_second_call_that_raises_fails() -> None:
    verdict = judge(replace(observed(), again=refused()))["determinism"]
    assert (verdict.outcome, verdict.cause) == ("fail", "raised")


def test_a_second_call_that_gives_nan_fails() -> None:
    assert judge(second(observed(), np.nan))["determinism"].outcome == "fail"
