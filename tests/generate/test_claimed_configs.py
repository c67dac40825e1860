"""Random configurations stay within what an implementation claims; a claim of everything changes nothing."""

from __future__ import annotations

import pytest

from conformance.generate.strategies import Claims, random_configs
from conformance.spec import dialect_names, load_dialect

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
    everything = {"layer": list(dialect.layers), **{it.name: it.values for it in dialect.options.values()}}
    assert random_configs(dialect, 1, 40, everything) == random_configs(dialect, 1, 40)


def test_true_is_not_one() -> None:
    claims: Claims = {"num_layers": [True], "bias": [1]}  # no valid value among them
    found = random_configs(load_dialect("torch"), 1, 60, claims)
    assert {config.get("num_layers") for config in found} == {1, 2, 3}
    assert {config.get("bias") for config in found} == {False, True}
