"""Random configurations: valid by construction, various, and the same for the same seed."""

from __future__ import annotations

import pytest

from conformance.generate.strategies import random_configs
from conformance.spec import LayerConfig, load_dialect

DIALECTS = ("keras", "torch")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_nothing_is_rejected(dialect: str) -> None:
    """A thousand draws give nearly a thousand different configurations, and the specification takes each of them."""
    found = random_configs(load_dialect(dialect), 3, 1000)
    assert len(found) > 900
    for config in found:
        assert LayerConfig.from_canonical(config.canonical()) == config


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_option_value_is_drawn_often(dialect: str) -> None:
    rules = load_dialect(dialect)
    found = random_configs(rules, 5, 600)
    for option in rules.options.values():
        having = [config for config in found if option.name in config.options]
        for value in option.values:
            share = sum(config.options[option.name] == value for config in having) / len(having)
            assert share > 0.4 / len(option.values), f"{option.name}={value}: {share:.1%}"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_seed_decides(dialect: str) -> None:
    rules = load_dialect(dialect)
    assert random_configs(rules, 7, 50) == random_configs(rules, 7, 50)
    assert random_configs(rules, 7, 50) != random_configs(rules, 8, 50)
