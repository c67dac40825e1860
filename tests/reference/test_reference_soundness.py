"""No correct implementation exceeds a bound, and the bounds are tight enough to show small faults."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from emulation import Style
from reference_cases import random_draw
from soundness import CALIBRATED, Trial, experiment, random_trial, worst

from conformance.reference import Accuracy, Policy
from conformance.spec import LayerConfig, Sizes

CASES = int(os.environ.get("SOUNDNESS_CASES", "1500"))
SEED = int(os.environ.get("SOUNDNESS_SEED", "2024"))


def test_no_correct_implementation_exceeds_a_rigorous_bound() -> None:
    found = experiment(CASES, SEED)
    for (dtype, policy), values in found.items():
        assert max(values) <= 1, (dtype, policy)
    assert max(found["float32", "signed"]) > 0.9, "the bound is attained"
    assert np.median(found["float32", "signed"]) > 0.15, "and not far away in the middle"


CONFIGS = [
    ("keras", "simple_rnn", {"return_sequences": True}),
    ("keras", "lstm", {"return_sequences": True, "bidirectional": True}),
    ("keras", "gru", {"return_sequences": True, "reset_after": False}),
    ("torch", "gru", {"num_layers": 2}),
    ("torch", "lstm", {"proj_size": 2, "bidirectional": True}),
]


def trials(dialect: str, layer: str, options: dict[str, object], dtype: str, count: int = 40) -> list[Trial]:
    """Ordinary cases on an ordinary implementation: short, gain below one, honest rounding."""
    config = LayerConfig.of(dialect, layer, options | {"dtype": dtype}, Sizes(2, 5, 4, 4))  # type: ignore[arg-type]
    style = Style(dtype, CALIBRATED, push=0)
    draws = (random_draw(np.random.default_rng(k), config, gain=0.6) for k in range(count))
    return [Trial(config, draw, style, CALIBRATED) for draw in draws]


def caught(cases: list[Trial], policy: Policy, bias_fault: float) -> float:
    return float(np.mean([worst(trial, policy, bias_fault) > 1 for trial in cases]))


@pytest.mark.parametrize(("dialect", "layer", "options"), CONFIGS)
@pytest.mark.parametrize(("dtype", "fault"), [("float32", 1e-5), ("float64", 1e-12)])
def test_a_small_fault_in_one_bias_is_caught(
    dialect: str, layer: str, options: dict[str, object], dtype: str, fault: float
) -> None:
    cases = trials(dialect, layer, options, dtype)
    assert caught(cases, "signed", 0.0) == 0
    assert caught(cases, "signed", fault) > 0.9


@pytest.mark.parametrize(("dialect", "layer", "options"), CONFIGS)
def test_the_step_bound_settles_most_ordinary_cases(dialect: str, layer: str, options: dict[str, object]) -> None:
    assert caught(trials(dialect, layer, options, "float32"), "step", 0.0) < 0.1


def test_an_implementation_worse_than_its_profile_is_found_out() -> None:
    sloppy = Accuracy(tanh=(40.0, 20.0), sigmoid=(40.0, 20.0))
    beyond = 0
    for k in range(100):
        trial = random_trial(np.random.default_rng(k), "float32")
        trial = replace(trial, style=Style("float32", sloppy), profile=CALIBRATED)
        beyond += worst(trial, "signed") > 1
    assert beyond > 50
