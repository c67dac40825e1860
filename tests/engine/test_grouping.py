"""Rules that separate failing from passing cases: planted conditions are found exactly."""

from __future__ import annotations

from itertools import product

import pytest

from conformance.engine.conditions import features, literal
from conformance.engine.grouping import explain
from conformance.spec import Case, DataSpec, LayerConfig, Sizes, Value

Sample = dict[str, Value]

DOMAINS: dict[str, tuple[Value, ...]] = {
    "layer": ("simple_rnn", "lstm", "gru"),
    "go_backwards": (False, True),
    "mask": ("none", "right", "left", "gaps"),
    "units": (1, 6),
    "merge_mode": ("concat", "sum", "mul"),
}
ALL: list[Sample] = [dict(zip(DOMAINS, values, strict=True)) for values in product(*DOMAINS.values())]

CONDITIONS = [
    ({"layer": ("gru",)}, ("layer=gru",)),
    ({"go_backwards": (True,), "mask": ("gaps",)}, ("go_backwards=True", "mask=gaps")),
    (
        {"layer": ("lstm",), "merge_mode": ("mul",), "units": (6,)},
        ("layer=lstm", "units>1", "merge_mode=mul"),
    ),
    ({"mask": ("right", "left", "gaps")}, ("mask!=none",)),
    ({"mask": ("right", "left", "gaps"), "go_backwards": (True,)}, ("go_backwards=True", "mask!=none")),
]


def split(condition: dict[str, tuple[Value, ...]]) -> tuple[list[Sample], list[Sample]]:
    def fails(sample: Sample) -> bool:
        return all(sample[name] in values for name, values in condition.items())

    return [it for it in ALL if fails(it)], [it for it in ALL if not fails(it)]


@pytest.mark.parametrize(("condition", "texts"), CONDITIONS)
def test_a_planted_conjunction_is_found_exactly(
    condition: dict[str, tuple[Value, ...]], texts: tuple[str, ...]
) -> None:
    failing, passing = split(condition)
    (rule,) = explain(failing, passing)
    assert {it.text for it in rule.when} == set(texts)
    assert rule.exact
    assert rule.failing == tuple(range(len(failing)))


def test_two_causes_are_told_apart_and_together_hold_for_all_failures() -> None:
    def fails(it: Sample) -> bool:
        return it["layer"] == "gru" or it["mask"] == "gaps"

    failing, passing = [it for it in ALL if fails(it)], [it for it in ALL if not fails(it)]
    rules = explain(failing, passing)
    assert {it.text for rule in rules for it in rule.when} == {"layer=gru", "mask=gaps"}
    assert sorted(index for rule in rules for index in rule.failing) == list(range(len(failing)))
    assert all(rule.exact for rule in rules)


def test_if_everything_fails_the_condition_is_empty() -> None:
    (rule,) = explain(ALL, [])
    assert (rule.when, rule.exact, len(rule.failing)) == ((), True, len(ALL))


def test_a_few_passing_cases_make_a_rule_inexact_instead_of_many_rules() -> None:
    failing, passing = split({"layer": ("gru",)})
    (rule, *rest) = explain(failing[3:], [*passing, *failing[:3]])
    if not rule.exact:
        assert [it.text for it in rule.when] == ["layer=gru"]
    assert len(rest) <= 3
    assert sorted(index for it in (rule, *rest) for index in it.failing) == list(range(len(failing) - 3))


def test_an_option_that_a_layer_does_not_have_counts_as_no_value() -> None:
    failing: list[Sample] = [{"layer": "gru", "reset_after": False}]
    passing: list[Sample] = [{"layer": "gru", "reset_after": True}, {"layer": "lstm"}]
    (rule,) = explain(failing, passing)
    assert [it.text for it in rule.when] == ["reset_after=False"]


def test_literals_are_said_briefly() -> None:
    assert literal("a", (1,), (1, 2)).text == "a=1"
    assert literal("a", (1, 2), (1, 2, 3)).text == "a!=3"
    assert literal("a", (1, 2), (1, 2, 3, 4)).text == "a=1|2"


def test_features_tell_sizes_and_what_a_mask_is_like() -> None:
    config = LayerConfig.of("keras", "gru", {"mask": "gaps"}, Sizes(1, 4, 3, 2))
    found = features(Case(config, DataSpec("wide", 1)), "graph")
    assert (found["batch"], found["timesteps"], found["features"], found["units"]) == (1, 4, 3, 2)
    assert (found["layer"], found["mask"], found["data"], found["mode"]) == ("gru", "gaps", "wide", "graph")
    assert found["the mask has a gap"] is True
    assert "the mask has a gap" not in features(Case(config.with_options(mask="none"), DataSpec("wide", 1)), "eager")
