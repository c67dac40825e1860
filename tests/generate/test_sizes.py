"""Sizes that matter: every layer meets all of them, with default options and with others, at a cost that stays low."""

from __future__ import annotations

from collections import Counter

import pytest

from conformance.generate import covering
from conformance.generate.phases import PROFILES, plan, resized
from conformance.generate.sizes import LENGTHS, SPECIAL, UNROLLED, sized_configs
from conformance.generate.strategies import random_configs
from conformance.spec import LayerConfig, dialect_names, load_dialect

DIALECTS = dialect_names()
WANTED = {"units": SPECIAL, "features": SPECIAL, "batch": SPECIAL, "timesteps": LENGTHS}


def met(configs: list[LayerConfig], size: str) -> set[int]:
    return {getattr(config.sizes, size) for config in configs}


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("size", WANTED)
def test_every_layer_meets_every_size_with_default_options(name: str, size: str) -> None:
    rules = load_dialect(name)
    planned = [it.config for it in plan(rules, PROFILES["ci"], 0, ("covering",)) if it.cases[0].rejection is None]
    for layer in rules.layers:
        plain = [config for config in planned if config.layer == layer and not config.non_default()]
        assert set(WANTED[size]) <= met(plain, size)


@pytest.mark.parametrize("name", DIALECTS)
def test_every_option_value_meets_special_sizes(name: str) -> None:
    """Every one that covering arrays have."""
    having = {item for config in sized_configs(load_dialect(name), 1) for item in config.items}
    assert having >= {item for row in covering.load(name, 2) for item in row.items() if item[0] != "layer"}


@pytest.mark.parametrize("name", DIALECTS)
def test_a_part_gives_each_layer_another_part(name: str) -> None:
    configs = list(sized_configs(load_dialect(name), 3))
    assert set(SPECIAL) <= met(configs, "units")
    assert set(LENGTHS) <= met(configs, "timesteps")
    assert max(Counter(config.layer for config in configs).values()) <= len(SPECIAL + LENGTHS) / 3 + 1


@pytest.mark.parametrize("name", DIALECTS)
def test_long_sequences_are_neither_unrolled_nor_wide(name: str) -> None:
    rules = load_dialect(name)
    for config in (*sized_configs(rules, 1), *random_configs(rules, 4, 600)):
        sizes = config.sizes
        assert sizes.timesteps <= UNROLLED or config.get("unroll") is not True
        assert sizes.timesteps <= UNROLLED or sizes.batch * sizes.units * sizes.features < 10_000


@pytest.mark.parametrize("name", DIALECTS)
def test_random_sizes_are_special_sometimes(name: str) -> None:
    found = list(random_configs(load_dialect(name), 4, 600))
    special = [config for config in found if max(vars(config.sizes).values()) > 33]
    assert 0.02 < len(special) / len(found) < 0.2
    assert all(met(special, size) & {size for size in wanted if size > 33} for size, wanted in WANTED.items())


def test_partial_implementations_get_the_sizes_that_they_claim() -> None:
    claimed = {"units": (4, 8), "batch": (1,)}
    for batch in plan(load_dialect("torch"), PROFILES["quick"], 0, ("covering",)):
        if batch.config.get("input") != "packed_unsorted":  # which needs two rows
            sizes = resized(batch, claimed).config.sizes
            assert sizes.units in claimed["units"]
            assert sizes.batch == 1
