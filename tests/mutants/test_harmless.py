"""Implementations that are right in their own way are never flagged: zero deviations in all of the quick profile."""

from __future__ import annotations

from dataclasses import replace

import pytest
from catalogue import launch

from conformance.engine.events import DEVIATIONS, CaseJudged, GroupFound
from conformance.engine.run import RunOptions, run
from conformance.generate.phases import PROFILES
from conformance.laws import LAWS

SEED = 2

QUICK = replace(PROFILES["quick"], draws=6)
"""All its configurations, each with every kind of data: `benchmarks/false_alarms.py` has many."""

BOTH = ("sums_from_the_left", "all_in_float64", "gru_as_difference", "mixed_precision_offered")
KERAS = (
    "sums_in_pairs",
    "products_in_float64",
    "gru_as_sum",
    "bias_added_last",
    "tanh_through_exp",
    "sigmoid_through_tanh",
    "hard_sigmoid_by_product",
    "relu_with_negative_zero",
    "read_only",
    "views_of_each_other",
    "zeros_are_negative",
    "subnormals_flushed",
    "orthogonal_by_singular_values",
    "masks_in_another_order",
    "penalties_one_after_another",
    "dropped_after_the_product",
    "masks_in_a_tuple_and_no_types",
    "stateful_layers_in_a_model",
    "fused_program",
    "regularized_descent",
    "second_derivatives_of_keras",
    "stateful_layers_in_training",
)
TORCH = (
    "products_fused",
    "fortran_order",
    "sums_from_the_right",
    "biases_merged",
    "sigmoid_by_halves",
    "not_contiguous",
    "big_endian",
    "packed_data_in_another_order",
    "weights_drawn_on_a_grid",
    "exported_with_rough_activations",
    "second_derivatives",
    "eight_bits",
)
VARIANTS = [(dialect, name) for dialect, own in (("keras", KERAS), ("torch", TORCH)) for name in (*BOTH, *own)]


@pytest.mark.parametrize(("dialect", "name"), VARIANTS, ids=lambda value: str(value))
def test_it_is_never_flagged(dialect: str, name: str) -> None:
    seen = list(run(RunOptions((launch(dialect, name),), QUICK, SEED)))
    cases = [event for event in seen if isinstance(event, CaseJudged)]
    wrong = {
        (check, verdict.outcome, verdict.message)
        for case in cases
        for check, verdict in case.outcomes.items()
        if verdict.outcome in DEVIATIONS
    }
    assert not wrong
    assert not [event for event in seen if isinstance(event, GroupFound)]
    assert len(cases) > 400


@pytest.mark.parametrize(("dialect", "name"), VARIANTS, ids=lambda value: str(value))
def test_no_law_flags_it(dialect: str, name: str) -> None:
    """All laws on every configuration; the test above has some on many more."""
    profile = replace(PROFILES["quick"], draws=1, random=20, laws=len(LAWS))
    seen = list(run(RunOptions((launch(dialect, name),), profile, SEED, phases=("random",))))
    judged = [
        event.outcomes[law] for event in seen if isinstance(event, CaseJudged) for law in LAWS if law in event.outcomes
    ]
    assert not [verdict.message for verdict in judged if verdict.outcome in DEVIATIONS]
    assert len(judged) > 100


def test_there_are_enough_of_them() -> None:
    assert len({name for _, name in VARIANTS}) >= 15
