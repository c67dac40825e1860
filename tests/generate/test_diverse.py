"""Of many configurations those are taken that differ most; the same ones every time."""

from __future__ import annotations

from itertools import combinations

import pytest

from conformance.generate.diverse import diverse
from conformance.generate.strategies import random_configs
from conformance.spec import LayerConfig, Sizes, load_dialect


def triples(configs: tuple[LayerConfig, ...]) -> set[frozenset[tuple[str, object]]]:
    """All combinations of three values of layer and options, counted independently."""
    values = ([("layer", config.layer), *config.items] for config in configs)
    return {frozenset(three) for one in values for three in combinations(one, 3)}


def lstm(sizes: Sizes, **options: bool) -> LayerConfig:
    return LayerConfig.of("keras", "lstm", options, sizes)


def test_near_repetitions_come_last() -> None:
    plain, again = lstm(Sizes(2, 3, 4, 5)), lstm(Sizes(2, 3, 4, 6))
    other = lstm(Sizes(2, 3, 4, 5), bidirectional=True, return_state=True)
    assert set(diverse((plain, again, other), 2)) & {plain, again} != {plain, again}
    assert other in diverse((plain, again, other), 2)


def test_a_size_of_one_is_a_value_of_its_own() -> None:
    few, fewer, one = lstm(Sizes(2, 3, 4, 5)), lstm(Sizes(3, 3, 4, 5)), lstm(Sizes(1, 3, 4, 5))
    assert one in diverse((few, fewer, one), 2)


def test_no_more_than_there_are() -> None:
    plain = lstm(Sizes(2, 3, 4, 5))
    assert diverse((plain,), 5) == (plain,)
    assert diverse((), 5) == ()
    assert diverse((plain,), 0) == ()


@pytest.mark.parametrize("dialect", ["keras", "keras2", "torch"])
def test_those_taken_have_more_combinations_than_twice_as_many_drawn_in_a_row(dialect: str) -> None:
    drawn = random_configs(load_dialect(dialect), 3, 40)
    assert len(drawn) == len(set(drawn)) == 40
    assert len(triples(drawn[:20])) > 0.6 * len(triples(drawn))
    assert drawn == random_configs(load_dialect(dialect), 3, 40)
    assert drawn != random_configs(load_dialect(dialect), 4, 40)


def test_the_first_ones_add_most() -> None:
    drawn = random_configs(load_dialect("keras"), 5, 30)
    new = [len(triples(drawn[: place + 1])) - len(triples(drawn[:place])) for place in range(len(drawn))]
    assert sum(new[:10]) > 1.5 * sum(new[20:])
