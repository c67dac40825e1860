"""What each law asks for: an LSTM on (3, 5, 4) with 2 units, and the further calls that belong to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from playing import case, plan, subject

from conformance.generate.tensors import tensors
from conformance.laws import LAWS, Handed, Judged, Manner, Part, Plan, Poisoned, Same, Unlike, Way, laws_for
from conformance.spec import Array, Case, LayerConfig, Sizes

SEQUENCE = case(return_sequences=True)
"""One output, (batch, timesteps, units)."""

STATES = case(return_sequences=True, return_state=True)
"""Three outputs: the sequence, h and c."""

BOTH = case(return_sequences=True, return_state=True, bidirectional=True)
"""Five: the sequence of (3, 5, 2 + 2), then h and c of each direction."""


def planned(of: Case, law: str) -> Plan:
    found = plan(of, law)
    assert found is not None
    return found


def steps(start: int | None, stop: int | None) -> tuple[slice, ...]:
    return (slice(None), slice(start, stop), slice(None))


def assert_same(some: Sequence[Array], others: Sequence[Array]) -> None:
    for one, other in zip(some, others, strict=True):
        np.testing.assert_array_equal(one, other)


# ---------------------------------------------------------------- the data of a call


def test_rows() -> None:
    """The others are NaN; alone; and every row one place further."""
    own, found = tensors(SEQUENCE).x, planned(SEQUENCE, "rows")
    others, alone, moved = found.calls
    (row,) = np.flatnonzero(~np.isnan(others.tensors.x).any(axis=(1, 2)))
    assert np.isnan(np.delete(others.tensors.x, row, axis=0)).all()
    assert alone.config.sizes.batch == 1
    np.testing.assert_array_equal(alone.tensors.x, own[[row]])
    np.testing.assert_array_equal(moved.tensors.x, own[[2, 0, 1]])
    assert [relation.parts[0].call for relation in found.relations if isinstance(relation, Same)] == [0, 1, 2]


def test_rows_of_packed_sequences_keep_their_order() -> None:
    """It is that of their lengths. Alone, a row has only its own steps."""
    found = planned(case("torch", input="packed"), "rows")
    assert len(found.calls) == 2
    alone = found.calls[1]
    assert alone.tensors.lengths is not None
    assert alone.tensors.x.shape == (5, 1, 4)


def test_padding() -> None:
    """NaN wherever the mask is False."""
    masked = case(mask="gaps")
    (call,) = planned(masked, "padding").calls
    mask = tensors(masked).mask
    assert mask is not None
    np.testing.assert_array_equal(np.isnan(call.tensors.x).all(axis=2), ~mask)


def test_padding_of_packed_sequences() -> None:
    """NaN after the end of every sequence; time comes first here."""
    packed = case("torch", input="packed_unsorted")
    lengths, (call,) = tensors(packed).lengths, planned(packed, "padding").calls
    assert lengths is not None
    assert np.isnan(call.tensors.x).all(axis=2).sum(axis=0).tolist() == (5 - lengths).tolist()


def test_full_mask() -> None:
    (call,) = planned(SEQUENCE, "full_mask").calls
    assert call.tensors.mask is not None
    assert call.tensors.mask.all()
    assert call.config.get("mask") != "none"


@pytest.mark.parametrize(
    ("options", "shown"),
    [({}, slice(-2, None)), ({"go_backwards": True}, slice(2, None)), ({"bidirectional": True}, slice(-2, None))],
)
def test_masked_tail(options: dict[str, Any], shown: slice) -> None:
    """Two masked steps more. Of a layer that reads backwards they are shown first."""
    found = planned(case(return_sequences=True, **options), "masked_tail")
    (call,) = found.calls
    assert call.tensors.mask is not None
    assert call.tensors.mask.sum(axis=1).tolist() == [5, 5, 5]
    assert not call.tensors.mask[:, 5:].any()
    own = slice(None, -2) if shown.stop is None and shown.start == -2 else shown
    (same,) = [relation for relation in found.relations if isinstance(relation, Same)]
    rows = np.zeros((3, 7, 4 if "bidirectional" in options else 2))
    assert rows[same.parts[0].index].shape[1] == 5
    assert rows[:, own].shape[1] == 5


def test_zero_state() -> None:
    (call,) = planned(SEQUENCE, "zero_state").calls
    assert call.config.get("initial_state") is True
    assert call.tensors.initial_state is not None
    assert [state.tolist() for state in call.tensors.initial_state] == 2 * [[[0.0, 0.0]] * 3]


def test_causality() -> None:
    """Other late steps: what is shown before them stays."""
    found = planned(SEQUENCE, "causality")
    (call,) = found.calls
    changed = (call.tensors.x != tensors(SEQUENCE).x).any(axis=(0, 2))
    first = int(changed.argmax())
    assert first > 0
    assert changed[first:].all()
    assert found.relations == (Same(0, steps(None, first), (Part(0, 0, steps(None, first)),)),)


def test_causality_of_two_directions() -> None:
    """Other early steps as well: what the backward half shows after them stays."""
    late, early = planned(BOTH, "causality").calls
    own = tensors(BOTH).x
    assert ((late.tensors.x == own).all(axis=(0, 2)) == (early.tensors.x != own).all(axis=(0, 2))).all()


def test_not_a_number() -> None:
    """One NaN in the whole input, at a step that is not masked."""
    masked = case(mask="right")
    found = planned(masked, "not_a_number")
    ((row, step, _),) = np.argwhere(np.isnan(found.calls[0].tensors.x))
    mask = tensors(masked).mask
    assert mask is not None
    assert mask[row, step]
    assert found.relations == (Poisoned(0),)


def test_infinity() -> None:
    """Of one feature some numbers are infinite, large, tiny or -0; the reference is asked with large ones instead."""
    found = planned(SEQUENCE, "infinity")
    (call,), (judged,) = found.calls, found.relations
    assert isinstance(judged, Judged)
    sent, asked = call.tensors.x, judged.tensors.x
    assert np.isinf(sent).any()
    assert len(np.unique(np.argwhere(sent != tensors(SEQUENCE).x)[:, 2])) == 1
    np.testing.assert_array_equal(asked, np.clip(sent, -1e30, 1e30))


# ---------------------------------------------------------------- the way through time


def test_chunks() -> None:
    """Two parts on one layer; the second begins with h and c as the first returned them."""
    found = planned(STATES, "chunks")
    first, second = found.calls
    cut = first.config.sizes.timesteps
    assert second.config.sizes.timesteps == 5 - cut
    assert (first.manner, second.manner) == (Manner(), Manner(weights=False, carry=(1, 2)))
    np.testing.assert_array_equal(np.concatenate([first.tensors.x, second.tensors.x], axis=1), tensors(STATES).x)
    assert Same(0, steps(None, cut), (Part(0, 0),)) in found.relations
    assert Same(1, (...,), (Part(1, 1),)) in found.relations


def test_chunks_of_a_layer_that_reads_backwards() -> None:
    """It begins with the last steps."""
    first, second = planned(case(return_state=True, go_backwards=True), "chunks").calls
    own = tensors(case(return_state=True, go_backwards=True)).x
    np.testing.assert_array_equal(np.concatenate([second.tensors.x, first.tensors.x], axis=1), own)


def test_time_reversal() -> None:
    (call,) = planned(SEQUENCE, "time_reversal").calls
    assert call.layer == 1
    assert call.config == SEQUENCE.config.with_options(go_backwards=True)
    np.testing.assert_array_equal(call.tensors.x, tensors(SEQUENCE).x[:, ::-1])


def test_two_directions() -> None:
    """Two layers with half of the weights each; the second half of the sequence is the second layer's, turned round."""
    found, own = planned(BOTH, "two_directions"), tensors(BOTH)
    forward, backward = found.calls
    assert not forward.config.bidirectional
    assert_same(forward.tensors.weights + backward.tensors.weights, own.weights)
    np.testing.assert_array_equal(backward.tensors.x, own.x[:, ::-1])
    halves = [(slice(None), slice(None), it) for it in (slice(None, 2), slice(2, None))]
    turned = (slice(None), slice(None, None, -1), slice(None))
    assert found.relations[:2] == (Same(0, halves[0], (Part(0, 0),)), Same(0, halves[1], (Part(1, 0, turned),)))
    names = [(it.output, it.parts[0].call, it.parts[0].output) for it in found.relations[2:] if isinstance(it, Same)]
    assert names == [(1, 0, 1), (2, 0, 2), (3, 1, 1), (4, 1, 2)]


def test_direction_swap() -> None:
    """The weights exchanged, the input turned round: forward_h is what backward_h was."""
    found, own = planned(BOTH, "direction_swap"), tensors(BOTH)
    (call,) = found.calls
    assert_same(call.tensors.weights, own.weights[3:] + own.weights[:3])
    exchanged = {it.output: it.parts[0].output for it in found.relations if isinstance(it, Same) and it.output}
    assert exchanged == {1: 3, 2: 4, 3: 1, 4: 2}


@pytest.mark.parametrize("mode", ["sum", "mul", "ave"])
def test_merge_modes(mode: str) -> None:
    found = planned(case(bidirectional=True, merge_mode=mode), "merge_modes")
    assert found.calls[0].config.get("merge_mode") == "None"
    assert found.relations == (Same(0, (...,), (Part(0, 0), Part(0, 1)), mode),)


def test_option_effect() -> None:
    """One option has another value, with which the reference gives clearly other numbers."""
    found = planned(STATES, "option_effect")
    (call,) = found.calls
    assert sum(value != STATES.config.get(name) for name, value in call.config.items) == 1
    assert found.relations == (Unlike(0),)
    changed = next(name for name, value in call.config.items if value != STATES.config.get(name))
    assert found.told.startswith(f"{changed}={STATES.config.get(changed)} gives the same as {changed}=")


# ---------------------------------------------------------------- a layer that lives


def test_layouts() -> None:
    assert [call.manner.layout for call in planned(SEQUENCE, "layouts").calls] == ["fortran", "strided", "read-only"]


def test_threads() -> None:
    """Four results of one output: two with the rows moved, two of the case's own call."""
    found = planned(SEQUENCE, "threads")
    (call,) = found.calls
    assert call.manner.threads == 2
    np.testing.assert_array_equal(call.tensors.x, tensors(SEQUENCE).x[[2, 0, 1]])
    assert [it.parts[0].output for it in found.relations if isinstance(it, Same)] == [0, 1, 2, 3]


def test_ownership() -> None:
    """With the living tensors of the case: results are overwritten, and the call is made again."""
    found = planned(SEQUENCE, "ownership")
    assert [call.manner for call in found.calls] == [
        Manner(kept_inputs=True, scribble=True),
        Manner(weights=False, kept_inputs=True),
    ]
    assert found.relations == (Same(0, (...,), (Part(1, 0),)),)


def test_routes() -> None:
    calls = planned(SEQUENCE, "routes").calls
    assert {call.manner.route for call in calls} <= {"one way", "another way"}


def test_instances() -> None:
    """A second layer is given other weights and called; the first, whose weights stay, gives what it gave."""
    found = planned(SEQUENCE, "instances")
    assert [(call.layer, call.manner.weights) for call in found.calls] == [(0, True), (1, True), (0, False)]
    same, judged = found.relations
    assert same == Same(0, (...,), (Part(2, 0),))
    assert isinstance(judged, Judged)
    assert judged.tensors is found.calls[1].tensors


def test_history() -> None:
    """Calls with other sizes, masks, states and weights, each judged, then the case's own."""
    found = planned(SEQUENCE, "history")
    assert [call.layer for call in found.calls] == 5 * [0]
    assert [type(relation) for relation in found.relations] == [Judged] * 4 + [Same]
    assert len({call.tensors.weights[0].tobytes() for call in found.calls}) == 5


def test_stateful() -> None:
    """Two parts on a layer that keeps its states; then the first part again after a reset."""
    found = planned(STATES, "stateful")
    assert [call.arguments for call in found.calls] == [(("stateful", True),), (), ()]
    assert [call.manner for call in found.calls[1:]] == [Manner(weights=False), Manner(weights=False, reset=True)]
    np.testing.assert_array_equal(found.calls[2].tensors.x, found.calls[0].tensors.x)
    assert isinstance(found.relations[-1], Judged)


def test_stateful_after_training() -> None:
    """The first part is read without an answer; the second, with the weights that training moved, ends as one pass."""
    of = case()
    silent = ("fit", "evaluate")
    ways = {"routes": [Way(name) for name in silent]}
    plans = [LAWS["stateful"].plan(replace(subject(seeded(of, seed), "stateful"), ways=ways)) for seed in range(9)]
    found = {plan.calls[0].manner.route: plan for plan in plans if plan is not None}
    assert set(found) == {"", *silent}
    for way in silent:
        read, rest, again = found[way].calls
        assert [read.silent, rest.silent, again.silent] == [True, False, False]
        assert [rest.manner, again.manner] == [Manner(), Manner(weights=False, reset=True)]
        assert [it.told for it in found[way].relations if isinstance(it, Judged)] == [f"after {way}", ""]


def seeded(of: Case, seed: int) -> Case:
    return replace(of, data=replace(of.data, seed=seed))


def test_what_is_read_silently_is_seen_in_last_outputs_without_mask_alone() -> None:
    for of in (SEQUENCE, case(mask="right")):
        ways = {"routes": [Way("fit"), Way("evaluate")]}
        plan = LAWS["stateful"].plan(replace(subject(of, "stateful"), ways=ways))
        assert plan is not None
        assert not any(call.silent for call in plan.calls)


def test_stateful_in_two_directions() -> None:
    """The second call begins with the states that the first returned: forward_h, forward_c, backward_h, backward_c."""
    found = planned(BOTH, "stateful")
    assert [it.states for it in found.relations if isinstance(it, Judged)] == [Handed(0, (1, 2, 3, 4))]


def test_stateful_with_given_states() -> None:
    """A layer that keeps states already is given others with the first part, and goes on from there in the second."""
    found = planned(case(initial_state=True), "stateful")
    assert [call.tensors.initial_state is None for call in found.calls] == [True, False, True]
    assert sum(call.config.sizes.timesteps for call in found.calls[1:]) == 5
    assert found.relations == (Same(0, (...,), (Part(2, 0),)),)


def test_a_sequence_from_given_states_is_that_of_both_parts() -> None:
    """The first part begins with the given states, and the second with what the first has left."""
    found = planned(case(initial_state=True, return_sequences=True), "stateful")
    assert sum(call.config.sizes.timesteps for call in found.calls[1:]) == 5
    assert [part.call for it in found.relations if isinstance(it, Same) for part in it.parts] == [1, 2]


@pytest.mark.parametrize("options", [{"sizes": Sizes(3, 1, 4, 2)}, {"bidirectional": True}])
def test_stateful_with_given_states_in_one_piece(options: dict[str, Any]) -> None:
    """Where two parts are not one pass, the next call begins with the states that this one returns."""
    found = planned(case(return_state=True, initial_state=True, **options), "stateful")
    assert {it.parts[0].call for it in found.relations if isinstance(it, Same)} == {1}
    (handed,) = [it.states for it in found.relations if isinstance(it, Judged)]
    assert handed is not None
    assert handed.call == 1


def test_mixed_precision() -> None:
    """The numbers of the case in float32, to a layer of the policy; a second one shows the types of its weights."""
    found = planned(case(dtype="float16", initial_state=True), "mixed_precision")
    policy = (("dtype", "mixed_float16"),)
    assert [(call.config.dtype, call.arguments, call.fresh) for call in found.calls] == [
        ("float16", policy, False),
        ("float32", policy, True),
    ]
    given = found.calls[0].tensors
    assert given.initial_state is not None
    assert {array.dtype.name for array in (given.x, *given.initial_state)} == {"float32"}


def test_a_layer_of_mixed_precision_says_what_it_gives() -> None:
    ways = Way("shapes", "outputs"), Way("mask", "mask")
    of = replace(subject(case(dtype="float16"), "mixed_precision"), ways={"declares": ways})
    found = LAWS["mixed_precision"].plan(of)
    assert found is not None
    assert [(call.layer, call.config.dtype, call.manner.declare) for call in found.calls[2:]] == [
        (1, "float16", ways[0])
    ]


def test_mixed_precision_on_a_way() -> None:
    """A module of float32, called so that it computes in half precision; the types of what it gives are open."""
    (call,) = planned(case("torch", dtype="bfloat16"), "mixed_precision").calls
    assert (call.config.dtype, call.manner, call.any_type) == ("float32", Manner(route="autocast_bfloat16"), True)
    assert {weight.dtype.name for weight in call.tensors.weights} == {"float32"}


# ---------------------------------------------------------------- where laws say nothing

ONE_ROW, ONE_STEP = Sizes(1, 5, 4, 2), Sizes(3, 1, 4, 2)

SILENT = [
    ("mixed_precision", case(dtype="float32")),
    ("mixed_precision", case("torch")),
    ("rows", case(sizes=ONE_ROW)),
    ("rows", case("torch", sizes=ONE_ROW, input="unbatched")),
    ("padding", SEQUENCE),
    ("full_mask", case(mask="right")),
    ("full_mask", case("torch")),
    ("masked_tail", case("torch")),
    ("masked_tail", case(zero_output_for_mask=True)),
    ("zero_state", case(initial_state=True)),
    ("causality", case()),
    ("causality", case(sizes=ONE_STEP, return_sequences=True)),
    ("causality", case(return_sequences=True, bidirectional=True, merge_mode="sum")),
    ("causality", case("torch", bidirectional=True, num_layers=2)),
    ("not_a_number", case(activation="relu")),
    ("not_a_number", case("torch", "simple_rnn", nonlinearity="relu")),
    ("infinity", case(activation="linear")),
    ("chunks", case()),
    ("chunks", BOTH),
    ("chunks", case("torch", input="packed")),
    ("chunks", case(sizes=ONE_STEP, return_state=True)),
    ("time_reversal", BOTH),
    ("time_reversal", case("torch")),
    ("two_directions", SEQUENCE),
    ("two_directions", case(bidirectional=True, merge_mode="ave")),
    ("two_directions", case("torch", bidirectional=True, num_layers=2)),
    ("direction_swap", case(bidirectional=True, go_backwards=True)),
    ("direction_swap", case("torch", bidirectional=True, input="packed")),
    ("merge_modes", case(bidirectional=True, merge_mode="None")),
    ("merge_modes", SEQUENCE),
    ("stateful", case("torch")),
    ("stateful", case(bidirectional=True)),
]


@pytest.mark.parametrize(("law", "of"), SILENT, ids=lambda it: it if isinstance(it, str) else "")
def test_a_law_says_nothing(law: str, of: Case) -> None:
    assert plan(of, law) is None


CLAIMS: list[tuple[str, Case, Callable[[LayerConfig], bool]]] = [
    ("full_mask", SEQUENCE, lambda it: it.get("mask") == "none"),
    ("masked_tail", SEQUENCE, lambda it: it.get("mask") == "none"),
    ("zero_state", SEQUENCE, lambda it: it.get("initial_state") is False),
    ("chunks", STATES, lambda it: it.sizes.timesteps == 5),
    ("time_reversal", SEQUENCE, lambda it: it.get("go_backwards") is False),
    ("two_directions", BOTH, lambda it: it.bidirectional),
    ("merge_modes", case(bidirectional=True), lambda it: it.get("merge_mode") == "concat"),
    ("option_effect", SEQUENCE, lambda _: False),
]


@pytest.mark.parametrize(("law", "of", "can"), CLAIMS, ids=[law for law, _, _ in CLAIMS])
def test_a_law_says_nothing_of_what_is_not_claimed(law: str, of: Case, can: Callable[[LayerConfig], bool]) -> None:
    assert plan(of, law) is not None
    assert LAWS[law].plan(subject(of, law, can)) is None


def test_every_law_comes_first_for_some_configuration() -> None:
    """Whoever tries only a few laws on each configuration leaves none out."""
    configs = [case(sizes=Sizes(batch, 5, features, 2)).config for batch in range(1, 20) for features in range(1, 20)]
    assert {laws_for(config)[0] for config in configs} == set(LAWS)
    assert all(set(laws_for(config)) == set(LAWS) for config in configs)
