"""Initial weights: facts are facts, and statistics call something right wrong no more often than they say."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from playing import case, plan, reference, subject

from conformance.checks import Followed, Observation, Reply, Verdict, chance
from conformance.checks.laws import check
from conformance.checks.observation import expectations
from conformance.generate.tensors import tensors
from conformance.laws import LAWS
from conformance.reference import precision
from conformance.spec import Array, Case, WeightContract, structure, weights

LAW = "initial_distribution"
Draw = Callable[[np.random.Generator, WeightContract, int], Array]


def drawn(rng: np.random.Generator, weight: WeightContract, units: int) -> Array:
    """As promised."""
    if weight.initial == "orthogonal":
        return np.linalg.qr(rng.standard_normal(weight.shape[::-1]))[0].T
    limit = math.sqrt(6 / sum(weight.shape)) if weight.initial == "glorot_uniform" else 1 / math.sqrt(units)
    return rng.uniform(-limit, limit, weight.shape) if weight.initial in ("uniform", "glorot_uniform") else 0 * limit


def verdict(of: Case, draw: Draw = drawn, seed: int = 1) -> Verdict:
    """What is said of layers whose weights are drawn so."""
    planned, rng = plan(of, LAW), np.random.default_rng(seed)
    assert planned is not None
    (due,) = expectations([of], [tensors(of)], precision("float64"))
    replies = tuple(
        Reply(
            tuple(
                np.broadcast_to(draw(rng, it, call.config.sizes.units), it.shape).astype(of.config.dtype)
                for it in weights(call.config)
            ),
            {"list": list(range(len(weights(call.config))))},
            0.0,
        )
        for call in planned.calls
    )
    own = Reply(tuple(reference(of.config, tensors(of))), structure(of.config), 0.0)
    found = check(LAWS[LAW])(Observation(of, due, reply=own, laws={LAW: Followed(planned, replies)}))
    assert found is not None
    return found


@pytest.mark.parametrize(("dialect", "layer"), [("keras", "lstm"), ("keras", "simple_rnn"), ("torch", "gru")])
def test_what_is_drawn_as_promised_passes_with_every_seed(dialect: str, layer: str) -> None:
    """3,000 seeds were tried of each on 2026-11-26."""
    assert {verdict(case(dialect, layer), seed=seed).outcome for seed in range(25)} == {"pass"}


def test_float32_is_judged_by_its_own_rounding() -> None:
    of = case("keras", "gru")
    of = replace(of, config=of.config.with_options(dtype="float32"))
    assert verdict(of).outcome == "pass"


@pytest.mark.parametrize(
    ("dialect", "told", "change"),
    [
        ("keras", "outside ±", lambda it, array: array * (1.001 if it.role == "kernel" else 1)),
        ("keras", "not uniform", lambda it, array: array * (0.7 if it.role == "kernel" else 1)),
        ("keras", "not orthogonal", lambda it, array: array * (1.001 if it.role == "recurrent_kernel" else 1)),
        ("torch", "numbers of bias are not uniform", lambda it, array: array * (0 if it.role == "bias" else 1)),
        ("torch", "numbers of kernel are not uniform", lambda it, array: abs(array) if it.role == "kernel" else array),
        ("torch", "holds the very numbers of", lambda _it, array: array),
    ],
)
def test_what_is_not_so_fails(dialect: str, told: str, change: Callable[[WeightContract, Array], Array]) -> None:
    found = verdict(case(dialect), lambda rng, it, units: change(it, drawn(rng, it, units)))
    if told.startswith("holds"):
        found = verdict(case(dialect), lambda _rng, it, units: drawn(np.random.default_rng(7), it, units))
    assert found.outcome == "fail"
    assert told in str(found.message)


def test_gates_that_were_drawn_one_by_one_are_called_so() -> None:
    def one_by_one(rng: np.random.Generator, it: WeightContract, units: int) -> Array:
        if it.initial != "glorot_uniform":
            return drawn(rng, it, units)
        block = replace(it, shape=(it.shape[0], units))
        return np.concatenate([drawn(rng, block, units) for _ in range(it.shape[1] // units)], axis=1)

    found = verdict(case("keras", "lstm"), one_by_one)
    assert "a matrix for each gate" in str(found.message)


def test_an_implementation_of_few_sizes_is_held_to_what_it_has() -> None:
    of = case("keras")
    planned = LAWS[LAW].plan(subject(of, LAW, lambda config: config == of.config))
    assert planned is not None
    assert {call.config for call in planned.calls} == {of.config}


# ---------------------------------------------------------------- the tests of chance


def test_the_distance_of_few_numbers_is_that_of_kolmogorov() -> None:
    assert chance.distance_from_uniform(np.array([0.0])) == 0.5
    assert chance.distance_from_uniform(np.array([-1.0, 1.0])) == 0.5
    assert chance.distance_from_uniform(np.linspace(-1, 1, 1001)) < 0.001


def test_the_distance_is_exceeded_less_often_than_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chance, "ERROR_RATE", 0.05)
    rng = np.random.default_rng(3)
    for count in (1, 5, 200):
        far = [
            chance.distance_from_uniform(rng.uniform(-1, 1, count)) > chance.distance_allowed(count)
            for _ in range(2000)
        ]
        assert np.mean(far) <= 0.05 + 3 * math.sqrt(0.05 / 2000)
    assert np.mean(far) > 0.01, "the bound is not a loose one"


def test_events_are_unlikely_exactly_in_the_tails_of_the_binomial_distribution() -> None:
    def tails(hits: int, count: int, rate: float) -> tuple[float, float]:
        weights = [math.comb(count, k) * rate**k * (1 - rate) ** (count - k) for k in range(count + 1)]
        return math.fsum(weights[: hits + 1]), math.fsum(weights[hits:])

    for hits in range(101):
        for rate in (0.25, 0.5):
            assert chance.is_unlikely(hits, 100, rate) == (min(tails(hits, 100, rate)) < chance.ERROR_RATE / 2)
    assert chance.is_unlikely(0, 100, 0.5)
    assert not chance.is_unlikely(10, 20, 0.5)
