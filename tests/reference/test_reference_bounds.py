"""The error bounds: how the three kinds relate, when they are zero, when they are infinite."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_cases import random_config, random_draw

from conformance.reference import CAPS, Accuracy, Expected, evaluate, precision
from conformance.reference.arithmetic import summation_error
from conformance.spec import LayerConfig, Sizes, Tensors

U = 2.0**-24
DIALECTS = pytest.mark.parametrize("dialect", ["keras", "torch"])
Bounds = dict[str, tuple[Expected, ...]]


def all_bounds(config: LayerConfig, draw: Tensors, dtype: str = "float32") -> Bounds:
    return {
        bound: evaluate(config, [draw], precision(dtype), bound)[0]  # type: ignore[arg-type]
        for bound in ("step", "interval", "signed")
    }


@DIALECTS
@given(
    seed=st.integers(0, 2**32),
    gain=st.floats(0.1, 4),
    lattice=st.booleans(),
    dtype=st.sampled_from(sorted(CAPS)),
)
@settings(max_examples=250, deadline=None)
def test_step_is_never_above_signed_and_signed_never_above_interval(
    dialect: str, seed: int, gain: float, lattice: bool, dtype: str
) -> None:
    rng = np.random.default_rng(seed)
    config = random_config(rng, dialect, largest=8)
    bounds = all_bounds(config, random_draw(rng, config, gain, lattice), dtype)
    for step, signed, interval in zip(bounds["step"], bounds["signed"], bounds["interval"], strict=True):
        assert np.all(step.allowed <= signed.allowed)
        assert np.all(signed.allowed <= interval.allowed)
        if step.value is not None and interval.value is not None:
            np.testing.assert_allclose(step.value, interval.value, rtol=1e-12, atol=1e-13)


def test_signs_keep_long_sequences_informative() -> None:
    config = LayerConfig.of("torch", "lstm", {}, Sizes(2, 60, 8, 8))
    draw = random_draw(np.random.default_rng(0), config, gain=0.9)
    bounds = all_bounds(config, draw)
    largest = {bound: expected[0].allowed.max() / U for bound, expected in bounds.items()}
    assert largest["step"] < 100
    assert largest["signed"] < 1000
    assert largest["interval"] > 20 * largest["signed"]


@DIALECTS
@given(seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_draws_together_equal_draws_one_by_one(dialect: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    config = random_config(rng, dialect)
    draws = [random_draw(rng, config) for _ in range(5)]
    for bound in ("step", "interval", "signed"):
        together = evaluate(config, draws, precision("float32"), bound)  # type: ignore[arg-type]
        for draw, expected in zip(draws, together, strict=True):
            (alone,) = evaluate(config, [draw], precision("float32"), bound)  # type: ignore[arg-type]
            for a, b in zip(alone, expected, strict=True):
                if a.value is not None:
                    np.testing.assert_allclose(a.value, b.value, rtol=1e-12, atol=1e-14)
                # at a kink the bound moves as the value does, which float64 rounds differently in other shapes
                np.testing.assert_allclose(a.allowed, b.allowed, rtol=1e-9, atol=1e-13)
                np.testing.assert_array_equal(a.specified, b.specified)


def test_no_draws_give_nothing() -> None:
    assert evaluate(LayerConfig.of("torch", "gru", {}, Sizes(1, 1, 1, 1)), [], precision("float32"), "step") == ()


# ---------------------------------------------------------------- exact results


@pytest.mark.parametrize("bound", ["step", "interval", "signed"])
@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_lattice_data_are_summed_without_error(bound: Any, activation: str) -> None:
    options = {"activation": activation, "return_sequences": True, "initial_state": True}
    config = LayerConfig.of("keras", "simple_rnn", options, Sizes(2, 2, 3, 4))
    lattice = random_draw(np.random.default_rng(1), config, lattice=True)
    (exact,) = evaluate(config, [lattice], precision("float32"), bound)
    assert not exact[0].allowed.any()
    generic = random_draw(np.random.default_rng(1), config)
    (rounded,) = evaluate(config, [generic], precision("float32"), bound)
    assert np.mean(rounded[0].allowed > 0) > (0.9 if activation == "linear" else 0.1)


def test_lattice_data_leave_only_the_activation_error_of_the_first_step() -> None:
    config = LayerConfig.of("torch", "simple_rnn", {}, Sizes(2, 2, 3, 4))
    draw = random_draw(np.random.default_rng(1), config, lattice=True)
    (expected,) = evaluate(config, [draw], precision("float32", Accuracy((2, 0), (4, 0))), "signed")
    output = expected[0]
    assert output.value is not None
    np.testing.assert_allclose(output.allowed[0], 2 * U * np.abs(output.value[0]), rtol=1e-5)
    assert np.all(output.allowed[1] > 2 * U * np.abs(output.value[1]))


def test_a_draw_on_a_grid_gains_nothing_for_its_neighbour() -> None:
    config = LayerConfig.of("keras", "simple_rnn", {"activation": "linear"}, Sizes(2, 2, 3, 4))
    rng = np.random.default_rng(3)
    draws = [random_draw(rng, config, lattice=True), random_draw(rng, config)]
    exact, rounded = evaluate(config, draws, precision("float32"), "interval")
    assert not exact[0].allowed.any()
    assert rounded[0].allowed.all()


@pytest.mark.parametrize("bound", ["step", "interval", "signed"])
def test_masked_steps_round_nothing(bound: Any) -> None:
    options = {"mask": "right", "return_sequences": True, "return_state": True, "initial_state": True}
    config = LayerConfig.of("keras", "lstm", options, Sizes(3, 4, 2, 3))
    mask = np.array([[True, True, False, False], [False] * 4, [True] * 4])
    draw = replace(random_draw(np.random.default_rng(0), config), mask=mask)
    (expected,) = evaluate(config, [draw], precision("float32"), bound)
    output, h, c = expected
    np.testing.assert_array_equal(output.allowed[0, 2:], output.allowed[0, [1, 1]])
    np.testing.assert_array_equal(output.allowed[0, 1], h.allowed[0])
    assert draw.initial_state is not None
    np.testing.assert_array_equal(h.value[1], draw.initial_state[0][1])  # type: ignore[index]
    assert not h.allowed[1].any()
    assert not c.allowed[1].any()
    assert h.allowed[2].all()


@pytest.mark.parametrize("bound", ["step", "interval", "signed"])
def test_values_at_masked_steps_have_no_influence(bound: Any) -> None:
    options = {"mask": "gaps", "return_sequences": True, "return_state": True, "bidirectional": True}
    config = LayerConfig.of("keras", "gru", options, Sizes(2, 5, 2, 3))
    draw = random_draw(np.random.default_rng(4), config)
    assert draw.mask is not None
    assert not draw.mask.all()
    poisoned = replace(draw, x=np.where(draw.mask[..., None], draw.x, np.nan))
    clean, other = (evaluate(config, [tensors], precision("float32"), bound)[0] for tensors in (draw, poisoned))
    for a, b in zip(clean, other, strict=True):
        np.testing.assert_array_equal(a.value, b.value)
        np.testing.assert_array_equal(a.allowed, b.allowed)


# ---------------------------------------------------------------- nothing can be said


@pytest.mark.parametrize("bound", ["step", "interval", "signed"])
@pytest.mark.parametrize("bad", [3e38, np.inf, np.nan])
def test_a_row_is_void_from_the_step_that_may_overflow(bound: Any, bad: float) -> None:
    config = LayerConfig.of("torch", "lstm", {"bidirectional": True, "num_layers": 2}, Sizes(3, 5, 2, 3))
    draw = random_draw(np.random.default_rng(0), config)
    x = draw.x.copy()
    x[2, 1] = bad
    (expected,) = evaluate(config, [replace(draw, x=x)], precision("float32"), bound)
    output, h, c = expected
    assert np.isinf(output.allowed[:, 1]).all()  # the second layer reads both directions of the first
    assert np.isinf(h.allowed[:, 1]).all()
    assert np.isfinite(output.allowed[:, [0, 2]]).all()
    assert np.isfinite(c.allowed[:, [0, 2]]).all()


@pytest.mark.parametrize("bound", ["step", "interval", "signed"])
def test_earlier_steps_of_a_void_row_are_judged(bound: Any) -> None:
    config = LayerConfig.of("torch", "gru", {"bidirectional": True}, Sizes(1, 5, 2, 3))
    draw = random_draw(np.random.default_rng(0), config)
    x = draw.x.copy()
    x[2] = 3e38
    (expected,) = evaluate(config, [replace(draw, x=x)], precision("float32"), bound)
    void = np.isinf(expected[0].allowed[:, 0])
    assert void[:, :3].all(axis=1).tolist() == [False, False, True, True, True]
    assert void[:, 3:].all(axis=1).tolist() == [True, True, True, False, False]


def test_unbounded_states_that_outgrow_the_type_are_void() -> None:
    options = {"activation": "linear", "return_sequences": True}
    config = LayerConfig.of("keras", "simple_rnn", options, Sizes(1, 6, 1, 1))
    draw = Tensors(
        (np.ones((1, 1), np.float32), np.full((1, 1), 2.0**40, np.float32), np.zeros(1, np.float32)),
        np.ones((1, 6, 1), np.float32),
    )
    (expected,) = evaluate(config, [draw], precision("float32"), "interval")
    assert np.isinf(expected[0].allowed.ravel()).tolist() == [False, False, False, False, True, True]


# ---------------------------------------------------------------- the error of a sum


def test_summation_error_is_attained() -> None:
    """1 + u + u + ...: every addition loses u when the largest term comes first."""
    n = 100
    terms = np.array([1.0] + [U] * n, dtype=np.float32)
    got = terms[0]
    for term in terms[1:]:
        got = np.float32(got + term)
    error = abs(float(got) - float(np.sum(terms.astype(np.float64))))
    magnitude = np.sum(terms.astype(np.float64))
    bound = summation_error(U, magnitude, magnitude, n + 1)
    assert 0.9 * bound < error <= bound


def test_summation_error_without_condition_on_the_length() -> None:
    one = np.ones(1)
    assert summation_error(2.0**-8, one, one, 1000) == pytest.approx(1000 * 2.0**-8)
