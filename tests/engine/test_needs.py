"""Conditions on sizes and masks: planted ones are found by few experiments, and nothing is stated that is not so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from conformance.engine.conditions import Features, Larger, Multiple, Within, features
from conformance.engine.needs import mask_needed, usual_options_needed
from conformance.engine.size_search import sizes_needed
from conformance.generate.phases import PROFILES, batch, plan
from conformance.generate.sizes import UNROLLED
from conformance.spec import Case, DataSpec, LayerConfig, Sizes, load_dialect

Fault = Callable[[Sizes], bool]

RECORDED = [
    it.cases[0] for it in plan(load_dialect("keras"), PROFILES["ci"], 0, ("covering",)) if it.cases[0].rejection is None
]
"""What a run has judged."""


def learned(fault: Fault, base: LayerConfig | None = None) -> tuple[tuple[str, ...], list[Sizes]]:
    """The conditions that are found if this is what fails, and the experiments."""
    tried: list[Sizes] = []

    def fails(config: LayerConfig) -> bool:
        tried.append(config.sizes)
        return fault(config.sizes)

    seen = [(features(case, "eager"), fault(case.config.sizes)) for case in RECORDED]
    failing = [sample for sample, failed in seen if failed]
    passing = [sample for sample, failed in seen if not failed]
    base = base or min((case.config for case in RECORDED if fault(case.config.sizes)), key=lambda it: it.sizes)
    own = features(Case(base, DataSpec("generic", 0)), "eager")
    return tuple(it.text for it in sizes_needed(base, own, failing, passing, fails)), tried


@pytest.mark.parametrize(
    ("fault", "texts"),
    [
        (lambda it: it.units > 8, {"units>8"}),
        (lambda it: it.units > 32, {"units>32"}),
        (lambda it: it.units < 8, {"units<8"}),
        (lambda it: it.units == 17, {"units=17"}),
        (lambda it: it.units % 8 != 0, {"units not a multiple of 8"}),
        (lambda it: it.units % 16 == 0, {"units a multiple of 16"}),
        (lambda it: it.features % 2 == 1, {"features not a multiple of 2"}),
        (lambda it: it.units > 8 and it.units % 8 != 0, {"units>8", "units not a multiple of 8"}),
        (lambda it: it.batch == 1, {"batch=1"}),
        (lambda it: it.batch > 1, {"batch>1"}),
        (lambda it: it.timesteps > 64, {"timesteps>64"}),
        (lambda it: it.timesteps > 100, {"timesteps>100"}),
        (lambda it: it.batch > 4 and it.units > 8, {"batch>4", "units>8"}),
        (lambda it: it.features > it.units, {"features>units"}),
        (lambda it: it.timesteps < it.batch, {"batch>timesteps"}),
    ],
)  # fmt: skip
def test_a_planted_condition_is_found_with_few_experiments(fault: Fault, texts: set[str]) -> None:
    found, tried = learned(fault)
    assert set(found) == texts
    assert len(tried) <= 80


@pytest.mark.parametrize(
    "fault",
    [
        lambda it: it.units in (5, 9, 33, 60, 61),
        lambda it: (it.units * 7 + it.features * 3) % 5 == 0,
        lambda it: it.units * it.features > 600,
        lambda it: True,
        lambda it: it.units % 3 == 1,
    ],
)
def test_nothing_is_stated_of_what_has_no_simple_condition(fault: Fault) -> None:
    found, tried = learned(fault)
    assert found == ()
    assert len(tried) <= 160


def test_a_size_that_matters_only_beside_another_one_is_not_taken_for_a_limit() -> None:
    """From one configuration alone, `features>units` with 4 units looks like `features>4`."""
    base = LayerConfig.of("keras", "lstm", {}, Sizes(2, 3, 9, 4))
    own: Features = features(Case(base, DataSpec("generic", 0)), "eager")
    passing: list[Features] = [{**own, "features": 3}, {**own, "features": 8, "units": 7}]
    found = sizes_needed(base, own, [own], passing, lambda it: it.sizes.features > it.sizes.units)
    assert [it.text for it in found] == []


def test_what_cannot_be_tried_is_not_taken_for_passing() -> None:
    """An implementation that claims 4, 8 and 12 units only."""
    base = LayerConfig.of("keras", "lstm", {}, Sizes(2, 3, 9, 12))
    sample = features(Case(base, DataSpec("generic", 0)), "eager")

    def tried(config: LayerConfig) -> bool | None:
        return config.sizes.units > 8 if config.sizes.units in (4, 8, 12) else None

    assert sizes_needed(base, sample, [sample], [{**sample, "units": 4}], tried) == []


def test_unrolled_layers_are_not_tried_with_long_sequences() -> None:
    base = LayerConfig.of("keras", "lstm", {"unroll": True}, Sizes(2, 7, 3, 4))
    found, tried = learned(lambda it: it.timesteps > 6, base)
    assert found == ("timesteps>6",)
    assert max(it.timesteps for it in tried) <= UNROLLED


@dataclass
class Planted:
    """Experiments on an implementation that fails where `fault` holds."""

    fault: Callable[[Features], bool]

    def outcomes(self, config: LayerConfig) -> list[tuple[Case, bool | None]]:
        return [(case, self.fault(features(case, "eager"))) for case in batch("pinned", config, 6, 1).cases]

    def outcome(self, config: LayerConfig) -> bool | None:
        return any(failed for _, failed in self.outcomes(config))


def of_mask(fault: Callable[[Features], bool], option: str = "gaps") -> str | None:
    base = LayerConfig.of("keras", "gru", {"mask": option}, Sizes(3, 5, 2, 4))
    found = mask_needed(base, Planted(fault))
    return None if found is None else found.text


def test_what_a_mask_must_be_like_is_found() -> None:
    assert of_mask(lambda it: it["the mask has a gap"] is True) == "the mask has a gap"
    assert of_mask(lambda it: it["a row is masked throughout"] is True, "full_rows") == "a row is masked throughout"
    assert of_mask(lambda it: it["a first step is masked"] is True, "left") == "a first step is masked"
    assert of_mask(lambda it: True) is None
    assert of_mask(lambda it: it["mask"] == "gaps") is None


def test_an_option_that_must_have_its_default_is_found() -> None:
    base = LayerConfig.of("keras", "gru", {}, Sizes(3, 5, 2, 4))
    own = features(Case(base, DataSpec("generic", 0)), "eager")
    passing = [{**own, "use_bias": False}, {**own, "activation": "relu"}]

    def needed(fault: Callable[[Features], bool]) -> list[str]:
        return [it.text for it in usual_options_needed(base, own, [own], passing, Planted(fault))]

    assert needed(lambda it: it["use_bias"] is True) == ["use_bias=True"]
    assert needed(lambda it: it["activation"] != "relu") == ["activation!=relu"]
    assert needed(lambda it: True) == []  # those passed for another reason


def test_conditions_are_said_briefly() -> None:
    assert [Within("units", 9).text, Within("units", 1, 8).text, Within("units", 8, 8).text] == [
        "units>8",
        "units<9",
        "units=8",
    ]
    assert Within("batch", 1, 1).text == "batch=1"
    assert Multiple("units", 8, wanted=False).text == "units not a multiple of 8"
    assert Larger("features", "units").text == "features>units"
