"""Configurations stay within what an implementation claims; a claim of everything changes nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.generate import covering
from conformance.generate.claims import Claims, further_rows
from conformance.generate.strategies import random_configs
from conformance.spec import Dialect, dialect_names, load_dialect

LSTM: Claims = {
    "layer": ["lstm"],
    "num_layers": [1],
    "bidirectional": [False],
    "proj_size": [0, 2],
    "input": ["batched"],
}


def test_partial_implementations_get_what_they_claim() -> None:
    found = random_configs(load_dialect("torch"), 1, 60, LSTM)
    assert len(found) > 40
    for config in found:
        for name, values in LSTM.items():
            assert (config.layer if name == "layer" else config.get(name)) in values
    assert {config.get("proj_size") for config in found} == {0, 2}
    assert {config.get("hx") for config in found} == {False, True}  # nothing was said of it


@pytest.mark.parametrize("name", dialect_names())
def test_a_claim_of_everything_changes_nothing(name: str) -> None:
    dialect = load_dialect(name)
    assert random_configs(dialect, 1, 40, everything(dialect)) == random_configs(dialect, 1, 40)


def test_true_is_not_one() -> None:
    claims: Claims = {"num_layers": [True], "bias": [1]}  # no valid value among them
    found = random_configs(load_dialect("torch"), 1, 60, claims)
    assert {config.get("num_layers") for config in found} == {1, 2, 3}
    assert {config.get("bias") for config in found} == {False, True}


def everything(dialect: Dialect) -> Claims:
    return {"layer": list(dialect.layers), **{it.name: it.values for it in dialect.options.values()}}


def narrowed(dialect: Dialect, claims: Claims) -> Dialect:
    """The dialect as it were if there were nothing but what is claimed."""
    layers = {name: layer for name, layer in dialect.layers.items() if name in claims["layer"]}
    options = {name: replace(option, values=tuple(claims[name])) for name, option in dialect.options.items()}
    return replace(dialect, layers=layers, options=options)


@st.composite
def some_claims(draw: st.DrawFn, dialect: Dialect) -> Claims:
    """Some ordinary values of every option."""

    def some(values: tuple[object, ...]) -> st.SearchStrategy[list[object]]:
        return st.lists(st.sampled_from(values), min_size=1, unique_by=repr)

    layers = draw(some(tuple(dialect.layers)))
    return {"layer": layers, **{it.name: draw(some(it.ordinary)) for it in dialect.options.values()}}  # type: ignore[dict-item]


@pytest.mark.parametrize("name", dialect_names())
@settings(deadline=None)
@given(st.data())
def test_claimed_values_have_all_their_pairs_among_themselves(name: str, data: st.DataObject) -> None:
    dialect = load_dialect(name)
    claims = data.draw(some_claims(dialect))
    rows = covering.load(name, 2)
    among = narrowed(dialect, claims)
    kept = [row for row in rows if all(value in claims[key] for key, value in row.items())]
    assert covering.missing(among, [*kept, *further_rows(dialect, rows, claims)], 2) == set()


@pytest.mark.parametrize("name", dialect_names())
def test_a_claim_of_everything_needs_no_further_rows(name: str) -> None:
    dialect = load_dialect(name)
    assert further_rows(dialect, covering.load(name, 3), everything(dialect)) == []
    assert further_rows(dialect, covering.load(name, 3), {}) == []
