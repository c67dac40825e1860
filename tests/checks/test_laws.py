"""How each relation of a law is judged: one observation that fits, and ways in which it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from observing import case, expectation, refused, right_reply

from conformance.checks import Followed, Lost, Observation, Refusal, Reply, Unclaimed, Verdict
from conformance.checks.laws import check
from conformance.laws import (
    LAWS,
    Call,
    Handed,
    Judged,
    Law,
    Manner,
    Part,
    Plan,
    Poisoned,
    Relation,
    Same,
    Subject,
    Unlike,
)
from conformance.spec import Array, Case

ALL = (...,)
SHOWN = case(return_sequences=True, return_state=True)
"""An LSTM with the outputs (output, h, c); (2, 4, 5) and twice (2, 5)."""


def nothing(_subject: Subject) -> None:
    """The plans here are made by hand."""


def seen(of: Case, plan: Plan, *replies: Reply, everywhere: bool = False) -> Verdict:
    """What is said about a right case and these answers to further calls."""
    due = expectation(of)
    law = Law("made_up", "a law for these tests", nothing, everywhere=everywhere)
    observation = Observation(of, due, reply=right_reply(due), laws={law.name: Followed(plan, replies)})
    verdict = check(law)(observation)
    assert verdict is not None
    return verdict


def again(of: Case, manner: Manner = Manner()) -> Call:  # noqa: B008 - it is frozen
    return Call(of.config, expectation(of).tensors, manner=manner)


def changed(reply: Reply, output: int, change: Callable[[Array], Array]) -> Reply:
    arrays = list(reply.outputs)
    arrays[output] = change(arrays[output].copy())
    return replace(reply, outputs=tuple(arrays))


def one(relation: Relation, of: Case = SHOWN) -> Plan:
    """A plan of one further call that is like the case's own."""
    return Plan((again(of),), (relation,), "told")


def right(of: Case = SHOWN) -> Reply:
    return right_reply(expectation(of))


# ---------------------------------------------------------------- the same up to rounding

WHOLE = one(Same(1, ALL, (Part(0, 1),)))


def test_equal_values_are_the_same() -> None:
    assert seen(SHOWN, WHOLE, right()) == Verdict("pass")


@pytest.mark.parametrize(("factor", "outcome"), [(1.9, "pass"), (2.1, "fail")])
def test_they_may_differ_by_twice_the_allowance_of_the_case(factor: float, outcome: str) -> None:
    of = case(return_sequences=True, return_state=True, dtype="float64")
    allowed = expectation(of).signed[1].allowed
    assert (
        seen(of, one(Same(1, ALL, (Part(0, 1),)), of), changed(right(of), 1, lambda h: h + factor * allowed)).outcome
        == outcome
    )


def test_the_message_names_the_worst_element_and_both_values() -> None:
    def change(h: Array) -> Array:
        h[1, 2], h[0, 0] = 7, h[0, 0] + 0.5
        return h

    found = seen(SHOWN, WHOLE, changed(right(), 1, change))
    assert found.worst is not None
    assert found.worst.index == {"batch": 1, "units": 2}
    assert found.worst.got == 7
    assert found.message is not None
    assert found.message.startswith("told: h[batch 1, units 2] is 7, in the case itself ")


def test_further_calls_have_the_promised_types_as_well() -> None:
    wide = changed(right(), 1, lambda h: h.astype(np.float64))
    found = seen(SHOWN, WHOLE, wide)
    assert found.message == "told: types are float32, float64, float32, expected float32, float32, float32"
    assert found.cause == "dtype"


def test_another_check_tells_that_the_case_itself_has_another_type() -> None:
    due, wide = expectation(SHOWN), changed(right(), 1, lambda h: h.astype(np.float64))
    law = Law("made_up", "", nothing)
    observed = Observation(SHOWN, due, reply=wide, laws={"made_up": Followed(WHOLE, (wide,))})
    assert check(law)(observed) == Verdict("pass")


def test_elements_that_are_not_named_do_not_matter() -> None:
    def spoilt(output: Array) -> Array:
        output[:, 3] = 9
        return output

    for steps, outcome in ((slice(0, 3), "pass"), (slice(2, 4), "fail")):
        index = (slice(None), steps, slice(None))
        assert seen(SHOWN, one(Same(0, index, (Part(0, 0, index),))), changed(right(), 0, spoilt)).outcome == outcome


def test_a_place_in_the_message_is_one_of_the_whole_output() -> None:
    def spoilt(output: Array) -> Array:
        output[0, 0, 4] = 9
        return output

    last = (slice(None), slice(3, 4), slice(None))
    first = (slice(None), slice(0, 1), slice(None))
    moved = changed(right(), 0, lambda output: output[:, ::-1])
    found = seen(SHOWN, one(Same(0, last, (Part(0, 0, first),))), changed(moved, 0, spoilt))
    assert found.worst is not None
    assert found.worst.index == {"batch": 0, "timesteps": 3, "units": 4}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_never_the_same_as_a_number(value: float) -> None:
    assert seen(SHOWN, WHOLE, changed(right(), 1, lambda h: np.full_like(h, value))).outcome == "fail"


def test_negative_zero_is_zero() -> None:
    zeros = np.zeros((2, 5), "float32")
    of = replace(right(), outputs=(right().outputs[0], zeros, zeros))
    law = Law("made_up", "", nothing)
    observed = Observation(
        SHOWN, expectation(SHOWN), reply=of, laws={"made_up": Followed(WHOLE, (changed(of, 1, np.negative),))}
    )
    assert check(law)(observed) == Verdict("pass")


@pytest.mark.parametrize(
    ("mode", "combined"),
    [("sum", "sum"), ("mul", "mul"), ("ave", "ave"), ("sum", "mul"), ("ave", "sum"), ("mul", "ave")],
)
def test_parts_are_combined_first(mode: str, combined: str) -> None:
    merged, apart = (case(bidirectional=True, merge_mode=name) for name in (mode, "None"))
    relation = Same(0, ALL, (Part(0, 0), Part(0, 1)), combined)
    found = seen(merged, Plan((again(apart),), (relation,), "told"), right(apart))
    assert found.outcome == ("pass" if mode == combined else "fail")


# ---------------------------------------------------------------- several routes


def of_routes(**replies: Reply | Refusal) -> Verdict:
    """What is said of routes with these answers."""
    law, calls = LAWS["routes"], [again(SHOWN, Manner(route=route)) for route in replies]
    relations = tuple(Same(0, ALL, (Part(call, 0),)) for call in range(len(calls)))
    followed = Followed(Plan(tuple(calls), relations, "told"), tuple(replies.values()))
    verdict = check(law)(Observation(SHOWN, expectation(SHOWN), reply=right(), laws={"routes": followed}))
    assert verdict is not None
    return verdict


def test_every_route_that_fails_is_named() -> None:
    wrong = changed(right(), 0, lambda output: output + 1)
    found = of_routes(one=refused("KeyError"), two=right(), three=wrong, four=wrong)
    assert [(part.outcome, part.cause) for part in found.parts] == [
        ("error", "one: call: KeyError: no"),
        ("fail", "three: values"),
        ("fail", "four: values"),
    ]
    assert [f"the route {name} gives something else" in found.told for name in ("one", "three", "four")] == [True] * 3
    assert of_routes(one=right(), two=right()) == Verdict("pass")
    assert of_routes(one=right(), two=wrong).also is None


# ---------------------------------------------------------------- where the specification says nothing

OPEN = case(return_sequences=True, initial_state=True, mask="left")
"""What stands before the first step of a row is left open where its initial state is not zero."""


def before_the_mask(change: float) -> Reply:
    due = expectation(OPEN)
    assert due.tensors.mask is not None
    assert not due.tensors.mask.all()
    first = ~due.tensors.mask
    return changed(
        right(OPEN), 0, lambda output: np.where(first[..., None], output + output.dtype.type(change), output)
    )


def test_open_values_are_not_compared() -> None:
    plan = one(Same(0, ALL, (Part(0, 0),)), OPEN)
    assert seen(OPEN, plan, before_the_mask(0.5)) == Verdict("pass")
    assert seen(OPEN, plan, before_the_mask(np.nan)) == Verdict("pass")


def test_a_law_that_binds_everywhere_wants_numbers_there() -> None:
    """Nobody knows the rounding of a value that is left open; so a small difference is no fault, NaN is."""
    plan = one(Same(0, ALL, (Part(0, 0),)), OPEN)
    assert seen(OPEN, plan, before_the_mask(1e-7), everywhere=True) == Verdict("pass")
    assert seen(OPEN, plan, before_the_mask(np.nan), everywhere=True).outcome == "fail"


def test_nan_in_both_is_the_same() -> None:
    law = Law("made_up", "", nothing, everywhere=True)
    plan, nan = one(Same(0, ALL, (Part(0, 0),)), OPEN), before_the_mask(np.nan)
    observed = Observation(OPEN, expectation(OPEN), reply=nan, laws={"made_up": Followed(plan, (nan,))})
    assert check(law)(observed) == Verdict("pass")


# ---------------------------------------------------------------- judged by the reference


def test_a_further_call_is_what_the_reference_expects() -> None:
    other = replace(SHOWN, data=replace(SHOWN.data, seed=8))
    plan = Plan((again(other),), (Judged(0, other.config, expectation(other).tensors),), "told")
    assert seen(SHOWN, plan, right(other)) == Verdict("pass")
    found = seen(SHOWN, plan, right(SHOWN))
    assert found.outcome == "fail"
    assert found.message is not None
    assert " expected " in found.message


def test_the_states_that_another_call_returned_are_put_in_their_place() -> None:
    """What must come is asked of the reference with the states that really came, whatever they are."""
    given = case(return_sequences=True, return_state=True, initial_state=True)
    tensors = expectation(given).tensors
    assert tensors.initial_state is not None
    plan = Plan((again(SHOWN), again(given)), (Judged(1, given.config, tensors, Handed(0, (1, 2))),), "told")
    handed = replace(right(), outputs=(right().outputs[0], *tensors.initial_state))
    assert seen(SHOWN, plan, handed, right(given)) == Verdict("pass")
    exchanged = replace(handed, outputs=(handed.outputs[0], *tensors.initial_state[::-1]))
    assert seen(SHOWN, plan, exchanged, right(given)).outcome == "fail"


# ---------------------------------------------------------------- NaN where it must be, and nowhere else


def poisoned() -> tuple[Plan, Reply]:
    """NaN at batch 1, step 2."""
    tensors = expectation(SHOWN).tensors
    x = tensors.x.copy()
    x[1, 2, 0] = np.nan
    output, *states = (array.copy() for array in right().outputs)
    output[1, 2:] = np.nan
    for state in states:
        state[1] = np.nan
    return Plan((Call(SHOWN.config, replace(tensors, x=x)),), (Poisoned(0),), "told"), replace(
        right(), outputs=(output, *states)
    )


def test_nan_from_its_step_on_in_its_row_is_right() -> None:
    assert seen(SHOWN, *poisoned()) == Verdict("pass")


@pytest.mark.parametrize(
    ("place", "value"),
    [((1, 1, 0), np.nan), ((0, 2, 0), np.nan), ((1, 2, 4), 0.0), ((1, 3, 0), np.inf), ((0, 0, 0), 3.0)],
    ids=["a step too early", "in another row", "not in all units", "infinity in its place", "changes a number"],
)
def test_nan_elsewhere_or_missing_is_wrong(place: tuple[int, ...], value: float) -> None:
    plan, reply = poisoned()
    reply.outputs[0][place] = value
    found = seen(SHOWN, plan, reply)
    assert found.outcome == "fail"
    assert found.worst is not None
    assert tuple(found.worst.index.values()) == place


# ---------------------------------------------------------------- something else


def unlike() -> tuple[Plan, Case]:
    """Tanh in the case, relu in the further call."""
    other = case(return_sequences=True, return_state=True, activation="relu")
    return Plan((Call(other.config, expectation(SHOWN).tensors, layer=1),), (Unlike(0),), "told"), other


def test_what_the_option_gives_differs() -> None:
    plan, other = unlike()
    due = replace(expectation(SHOWN), case=other)
    reply = replace(right(), outputs=tuple(array + 1 for array in right().outputs))
    assert seen(SHOWN, plan, reply) == Verdict("pass"), "whether it is right is for other cases to say"
    assert seen(SHOWN, plan, right()) == Verdict("fail", "told", cause="told")
    assert due.case is other


# ---------------------------------------------------------------- before numbers are looked at


def test_form_is_looked_at_first() -> None:
    nested = replace(right(), structure={"list": [0, 1, 2]})
    assert seen(SHOWN, WHOLE, nested).cause == "structure"
    short = changed(right(), 1, lambda h: h[:1])
    assert seen(SHOWN, WHOLE, short).cause == "shape"


def test_a_further_call_that_raises_is_an_error() -> None:
    found = seen(SHOWN, WHOLE, refused(message="read-only"))  # type: ignore[arg-type]
    assert found.outcome == "error"
    assert found.message is not None
    assert "read-only" in found.message


def test_a_layer_to_compare_with_may_be_refused() -> None:
    """Whether such a layer can be had is for the cases of its own configuration to say."""
    plan = replace(WHOLE, calls=(replace(WHOLE.calls[0], layer=1),))
    assert seen(SHOWN, plan, refused(stage="construct")).outcome == "not run"  # type: ignore[arg-type]
    stateful = replace(plan, calls=(replace(plan.calls[0], arguments=(("stateful", True),)),))
    assert seen(SHOWN, stateful, refused(stage="construct")).outcome == "error"  # type: ignore[arg-type]


NESTED = [{"tuple": [first, first + 1, first + 2]} for first in (0, 3, 6, 9)]


def test_threads_give_one_result_for_each() -> None:
    """Two threads with the arguments of the call, two with those of the case."""
    relations = tuple(Same(0, ALL, (Part(0, 3 * result),)) for result in range(4))
    plan = Plan((again(SHOWN, Manner(threads=2)),), relations, "told")
    four = replace(right(), outputs=4 * right().outputs, structure={"list": NESTED})
    assert seen(SHOWN, plan, four) == Verdict("pass")
    assert seen(SHOWN, plan, changed(four, 9, lambda output: output + 1)).outcome == "fail"
    assert seen(SHOWN, plan, right()).cause == "structure"
    assert seen(SHOWN, plan, replace(four, structure={"list": NESTED[::-1]})).cause == "structure"


@pytest.mark.parametrize("outcome", ["crash", "timeout"])
def test_a_lost_process_is_charged_to_the_law(outcome: str) -> None:
    law = Law("made_up", "", nothing)
    lost = Lost(outcome, "gone")  # type: ignore[arg-type]
    observed = Observation(SHOWN, expectation(SHOWN), reply=right(), laws={"made_up": Followed(WHOLE, (), lost)})
    assert check(law)(observed) == Verdict(outcome, "gone", cause=outcome)  # type: ignore[arg-type]


def test_what_is_not_claimed_is_unsupported() -> None:
    law = Law("made_up", "", nothing, ("threads",))
    observed = Observation(SHOWN, expectation(SHOWN), reply=right(), laws={"made_up": Unclaimed("threads")})
    assert check(law)(observed) == Verdict("unsupported", "does not claim to be called from several threads at a time")


def test_a_law_that_was_not_tried_says_nothing() -> None:
    law = Law("made_up", "", nothing)
    assert check(law)(Observation(SHOWN, expectation(SHOWN), reply=right())) is None
    assert (
        check(law)(Observation(SHOWN, expectation(SHOWN), reply=refused(), laws={"made_up": Followed(WHOLE, ())}))
        is None
    )
