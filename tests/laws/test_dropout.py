"""Dropout: every mask is found again, chance is counted right, and what was not dropped so is seen."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from living import on_framework, on_worker
from playing import case, plan, subject

from conformance.checks import Followed, Observation, Refusal, Reply, judge
from conformance.checks.dropout import Masks, problem
from conformance.engine.implementations import Launch
from conformance.laws import LAWS, Dropped, SameMasks
from conformance.reference import precision
from conformance.spec import Array, Case, Value, outputs_of

EXACT = precision("float64")
WORKER = Path(__file__).resolve().parents[1] / "mutants" / "worker.py"

CASES: list[tuple[str, str, dict[str, Value]]] = [
    ("keras", "simple_rnn", {}),
    ("keras", "lstm", {"return_sequences": True, "return_state": True}),
    ("keras", "gru", {"bidirectional": True, "reset_after": False}),
    ("torch", "lstm", {"num_layers": 2, "proj_size": 1}),
    ("torch", "gru", {"num_layers": 2, "bidirectional": True}),
    ("torch", "simple_rnn", {"num_layers": 3, "batch_first": True}),
]
every_case = pytest.mark.parametrize(("dialect", "layer", "options"), CASES)


def dropped(of: Case) -> Dropped:
    planned = plan(of, "dropout")
    assert planned is not None
    (found,) = [it for it in planned.relations if isinstance(it, Dropped)]
    return found


def shown(of: Dropped, masks: Masks, kept: Array) -> Reply:
    """What a right layer answers whose rows have these masks: (rows, sites)."""
    numbers = (kept * 2 ** np.arange(kept.shape[1])).sum(axis=1)
    arrays = []
    for (value, _), output in zip(masks.due, outputs_of(of.config, of.tensors), strict=True):
        axis = output.axes.index("batch")
        one = [value[number].reshape(output.shape) for number in numbers]
        arrays.append(np.concatenate(one, axis=axis))
    return Reply(tuple(arrays), 0, 0.0)


def drawn(of: Dropped, rng: np.random.Generator) -> Array:
    rates = np.array([of.rates[site.kind] for site in of.sites])
    return rng.uniform(0, 1, (64, len(rates))) >= rates


def told(of: Dropped, *calls: Array) -> str:
    """What is said of rows with these masks, in the order of the calls; empty: nothing."""
    masks = Masks(of, EXACT)
    replies = [shown(of, masks, kept) for kept in calls]
    found = problem(replace(of, calls=tuple(range(len(calls)))), replies, EXACT)
    return "" if found is None else found[0]


# ---------------------------------------------------------------- masks


@every_case
def test_every_mask_is_told_by_what_it_gives(dialect: str, layer: str, options: dict[str, Value]) -> None:
    of = dropped(case(dialect, layer, **options))
    masks = Masks(of, EXACT)
    assert 1 <= len(of.sites) <= 8
    assert masks.clear.mean() > 0.5
    if options.get("reset_after", True):
        assert masks.clear.all(), "with ordinary data, nothing looks like something else"
    else:
        assert not masks.clear.all(), "where the candidate does not see h, the mask of the reset gate does not show"
    fits = masks.explaining(shown(of, masks, masks.kept))
    assert fits.diagonal().all()
    found = masks.kept[fits.argmax(axis=1)]
    np.testing.assert_array_equal(found[:, masks.clear], masks.kept[:, masks.clear])


@every_case
def test_masks_by_chance_pass_with_every_seed(dialect: str, layer: str, options: dict[str, Value]) -> None:
    """2,000 seeds were tried of each on 2026-11-26."""
    of = dropped(case(dialect, layer, **options))
    for seed in range(10):
        rng = np.random.default_rng(seed)
        assert told(of, drawn(of, rng), drawn(of, rng)) == ""


def test_elements_that_results_do_not_always_tell_are_not_counted() -> None:
    of = dropped(case("keras", "lstm"))
    blind = replace(of, tensors=replace(of.tensors, x=0 * of.tensors.x))
    if set(of.rates) == {"inputs"}:
        assert not Masks(blind, EXACT).clear.any()
    silent = replace(of, tensors=replace(of.tensors, weights=tuple(0 * it for it in of.tensors.weights)))
    masks = Masks(silent, EXACT)
    assert not masks.clear.any()
    everything = np.ones((64, len(of.sites)), bool)
    assert told(silent, everything, everything) == "", "whatever was dropped, nothing can be said"


# ---------------------------------------------------------------- what chance does not do


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda kept, _: ~kept | True, "is kept, at a rate of"),
        (lambda kept, _: np.repeat(kept[:1], 64, axis=0), "depend on each other"),
        (lambda kept, _: np.repeat(kept[:, :1], kept.shape[1], axis=1), "dropped together"),
    ],
)
def test_what_chance_does_not_do_is_seen(change: object, said: str) -> None:
    of, rng = dropped(case("torch", "gru", num_layers=2)), np.random.default_rng(1)
    calls = [change(drawn(of, rng), rng) for _ in range(2)]  # type: ignore[operator]
    assert said in told(of, *calls)


def test_a_second_call_must_draw_others() -> None:
    of = dropped(case("torch", "gru", num_layers=2))
    once = drawn(of, np.random.default_rng(1))
    assert told(of, once, once) == "a second call draws the masks of the first again"


def test_a_row_that_no_mask_explains_is_seen_among_many() -> None:
    of, rng = dropped(case("keras", "gru")), np.random.default_rng(1)
    masks = Masks(of, EXACT)
    right, spoilt = (shown(of, masks, drawn(of, rng)) for _ in range(2))
    spoilt.outputs[0][5] += 1e-9
    found = problem(replace(of, calls=(0, 1)), [right, spoilt], EXACT)
    assert found is not None
    assert "1 of 64 rows" in found[0]
    assert "the first is row 5" in found[0]


# ---------------------------------------------------------------- what is asked


def test_layers_get_one_seed_and_other_layers_none_of_it() -> None:
    planned = plan(case("keras", "lstm"), "dropout")
    assert planned is not None
    layers = {call.layer: dict(call.arguments) for call in planned.calls if call.layer}
    assert len({layers[layer]["seed"] for layer in (1, 2, 3)}) == 1
    rates = {name: value for name, value in layers[4].items() if name.endswith("dropout")}
    assert set(rates.values()) == {1.0}
    assert [it.open for it in planned.relations if isinstance(it, SameMasks)] == [False, True]


def test_one_layer_of_a_stack_has_nothing_between() -> None:
    planned = plan(case("torch", "lstm", num_layers=1), "dropout")
    assert planned is not None
    assert len(planned.calls) == 2
    assert not [it for it in planned.relations if isinstance(it, Dropped)]


def test_nothing_is_asked_in_half_precision_or_of_who_cannot_have_so_many_rows() -> None:
    of = case("keras", "lstm")
    half = replace(of, config=of.config.with_options(dtype="float16"))
    assert LAWS["dropout"].plan(subject(half, "dropout")) is None
    assert LAWS["dropout"].plan(subject(of, "dropout", lambda config: config.sizes.batch < 64)) is None


# ---------------------------------------------------------------- implementations


def judged(seen: Observation) -> tuple[str, str]:
    found = judge(seen)["dropout"]
    return found.outcome, found.message or ""


def honest(dialect: str) -> Launch:
    return Launch("honest", (sys.executable, str(WORKER), dialect))


@every_case
def test_an_honest_implementation_passes(dialect: str, layer: str, options: dict[str, Value]) -> None:
    assert judged(on_worker(honest(dialect), case(dialect, layer, **options), "dropout")) == ("pass", "")


def spoilt(seen: Observation, number: int, answer: Reply | Refusal) -> Observation:
    """The same with another answer to a further call."""
    followed = seen.laws["dropout"]
    assert isinstance(followed, Followed)
    replies = [answer if at == number else reply for at, reply in enumerate(followed.replies)]
    return replace(seen, laws={"dropout": replace(followed, replies=tuple(replies))})


def test_a_call_that_raises_is_told_with_its_rate() -> None:
    seen = on_worker(honest("torch"), case("torch", "lstm", num_layers=2), "dropout")
    no = Refusal("call", "ValueError", ("ValueError",), "no such rate")
    followed = seen.laws["dropout"]
    assert isinstance(followed, Followed)
    for number, call in enumerate(followed.plan.calls):
        rate = f" with dropout={dict(call.arguments)['dropout']}" if call.arguments else ""
        assert judged(spoilt(seen, number, no)) == ("error", f"dropout{rate}: ValueError at call: no such rate")
    assert dict(followed.plan.calls[-1].arguments) == {"dropout": 1.0}


def test_training_without_a_rate_that_changes_what_comes_is_told_so() -> None:
    seen = on_worker(honest("torch"), case("torch", "lstm", num_layers=2), "dropout")
    assert isinstance(seen.reply, Reply)
    other = replace(seen.reply, outputs=tuple(output + 1 for output in seen.reply.outputs))
    found, message = judged(spoilt(seen, 0, other))
    assert found == "fail"
    assert message.startswith("with a rate of 0, training changes what comes: output")


@pytest.mark.framework
@pytest.mark.parametrize("layer", ["simple_rnn", "lstm", "gru"])
def test_pytorch_passes(layer: str) -> None:
    for number in (1, 2, 3):
        assert judged(on_framework("torch", case("torch", layer, num_layers=number), "dropout")) == ("pass", "")


@pytest.mark.framework
@pytest.mark.parametrize(
    ("name", "layer", "options", "due"),
    [
        ("keras:tensorflow", "simple_rnn", {}, ("unspecified", "outside of training changes")),
        ("keras:tensorflow", "simple_rnn", {"bidirectional": True}, ("fail", "with one seed do not draw the same")),
        ("keras:tensorflow", "gru", {"bidirectional": True}, ("fail", "with a rate of 1")),
    ],
)
def test_keras_does_what_standalone_scripts_show(
    name: str, layer: str, options: dict[str, Value], due: tuple[str, str]
) -> None:
    """`specs/deviations/keras_dropout_*.py` and `keras_simple_rnn_seed.py`, for Keras 3.15."""
    found, message = judged(on_framework(name, case("keras", layer, **options), "dropout"))
    assert found == due[0]
    assert due[1] in message
