"""No option is ignored: changing any of them changes the outputs, their contract or the contract of the weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference_cases import random_draw

from conformance.errors import SpecError
from conformance.reference import evaluate, precision
from conformance.spec import LayerConfig, Sizes, Value, load_dialect, outputs, weights

SIZES = Sizes(3, 4, 2, 5)
NO_EFFECT = {"unroll"}
"""Options that change how a result is computed, never the result."""

BASE: dict[str, dict[str, Value]] = {
    "keras": {"bidirectional": True, "merge_mode": "None", "mask": "gaps", "initial_state": True, "return_state": True},
    "torch": {"input": "batched", "hx": True, "num_layers": 2},
}
ALONE: dict[str, dict[str, Value]] = {
    # what one option needs of the others to make a difference
    "zero_output_for_mask": {"bidirectional": False, "return_sequences": True},
    "go_backwards": {"bidirectional": False},
    "merge_mode": {},
}


def cases() -> list[tuple[str, str, str, Value, Value]]:
    found = []
    for dialect in ("keras", "torch"):
        rules = load_dialect(dialect)
        for layer in rules.layers:
            for option in rules.options_of(layer):
                if option.name not in NO_EFFECT:
                    pairs = zip(option.values, option.values[1:], strict=False)
                    found += [(dialect, layer, option.name, a, b) for a, b in pairs]
    return found


def config_with(dialect: str, layer: str, name: str, value: Value) -> LayerConfig:
    wanted = BASE[dialect] | ALONE.get(name, {}) | {name: value}
    rules = load_dialect(dialect)
    kept = {key: item for key, item in wanted.items() if rules.options[key].exists(layer, wanted)}
    sizes = Sizes(1, 4, 2, 5) if name == "input" and dialect == "torch" and "unbatched" in (value,) else SIZES
    return LayerConfig.of(dialect, layer, kept, sizes)


def observed(config: LayerConfig) -> Any:
    """Everything that can be seen of a configuration: both contracts and the outputs for given data."""
    return weights(config), outputs(config), [values(config, seed) for seed in range(3)]


def values(config: LayerConfig, seed: int) -> Any:
    draw = random_draw(np.random.default_rng(seed), config)
    (expected,) = evaluate(config, [draw], precision("float64"), "step")
    return [(e.name, None if e.value is None else e.value.round(9).tolist(), e.specified is None) for e in expected]


@pytest.mark.parametrize(("dialect", "layer", "option", "one", "other"), cases())
def test_every_option_matters(dialect: str, layer: str, option: str, one: Value, other: Value) -> None:
    assert observed(config_with(dialect, layer, option, one)) != observed(config_with(dialect, layer, option, other))


@pytest.mark.parametrize("layer", ["simple_rnn", "lstm", "gru"])
def test_options_without_effect_have_none(layer: str) -> None:
    for name in NO_EFFECT:
        assert observed(config_with("keras", layer, name, True)) == observed(config_with("keras", layer, name, False))


def test_sizes_that_an_option_forbids_are_refused() -> None:
    with pytest.raises(SpecError):
        LayerConfig.of("torch", "lstm", {"proj_size": 3}, Sizes(1, 1, 1, 3))
