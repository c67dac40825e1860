"""Covering arrays: every valid combination of option values appears, and nothing that is not valid."""

from __future__ import annotations

import pytest

from conformance.generate import covering
from conformance.generate.phases import PROFILES, covering_config, plan
from conformance.spec import LayerConfig, dialect_names, load_dialect

DIALECTS = ("keras", "torch")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("strength", covering.STRENGTHS)
def test_stored_array_has_every_valid_combination(dialect: str, strength: int) -> None:
    rows = covering.load(dialect, strength)
    assert covering.missing(load_dialect(dialect), rows, strength) == set()


@pytest.mark.parametrize("dialect", dialect_names())
@pytest.mark.parametrize("strength", covering.STRENGTHS)
def test_flags_that_shape_the_outputs_meet_in_threes(dialect: str, strength: int) -> None:
    rules, rows = load_dialect(dialect), covering.load(dialect, strength)
    assert covering.missing_together(rules, rows) == set()
    assert set(rules.together) <= set(rules.options)
    some = [(name, rules.options[name].ordinary[-1]) for name in rules.together[:3]]
    fewer = [row for row in rows if not all(row.get(name) == value for name, value in some)]
    assert frozenset(some) in covering.missing_together(rules, fewer)


def test_the_stored_rows_of_flags_can_be_made_anew() -> None:
    rules, stored = load_dialect("keras"), covering.load("keras", 2)
    for kept in (stored, stored[:-6]):
        again = covering.completed(rules, kept)
        assert again[: len(kept)] == list(kept)
        assert covering.missing_together(rules, again) == set()
        assert len(again) <= len(stored) + 3


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_row_is_a_valid_configuration(dialect: str) -> None:
    rules = load_dialect(dialect)
    for row in covering.load(dialect, 3):
        config = covering_config(rules, row)
        assert {"layer": config.layer, **config.options} == row


def test_a_missing_combination_is_noticed() -> None:
    rules = load_dialect("torch")
    rows = [row for row in covering.load("torch", 2) if not (row["layer"] == "gru" and row["num_layers"] == 3)]
    assert frozenset({("layer", "gru"), ("num_layers", 3)}) in covering.missing(rules, rows, 2)


def test_valid_combinations_agree_with_asking_the_specification() -> None:
    """Counted another way: every pair of values for which a whole configuration can be completed."""
    rules = load_dialect("keras")
    found = set()
    for row in covering.load("keras", 3):
        names = list(row)
        found |= {frozenset({(a, row[a]), (b, row[b])}) for a in names for b in names if a < b}
    assert found == covering.valid_tuples(rules, 2)


def test_a_library_can_make_the_array_anew() -> None:
    pytest.importorskip("covertable")
    rules = load_dialect("torch")
    rows = covering.make(rules, 2)
    assert covering.missing(rules, rows, 2) == set()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_deterministic_phases_have_the_same_ids_whatever_the_seed(dialect: str) -> None:
    rules, profile = load_dialect(dialect), PROFILES["quick"]
    ids = [
        [case.id for batch in plan(rules, profile, seed, ("pinned", "covering")) for case in batch.cases]
        for seed in (1, 2)
    ]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == len(ids[0])


def test_ids_never_change() -> None:
    """Results of different versions are aligned by these: a change here breaks every comparison."""
    rules = load_dialect("keras")
    first = next(iter(plan(rules, PROFILES["quick"], 0, ("pinned",))))
    assert first.cases[0].id == "512ec9baa475"
    row = covering_config(rules, covering.load("keras", 2)[0])
    assert isinstance(row, LayerConfig)
