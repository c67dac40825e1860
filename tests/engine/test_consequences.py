"""Failures of a law that a mistake explains: the mistaken reference breaks it in the same way, and gives what came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from conformance.checks import CHECKS, Followed, Lost, Observation, Reply, Verdict
from conformance.checks.observation import expectations
from conformance.engine.consequences import Imagined
from conformance.generate.tensors import tensors
from conformance.laws import LAWS, Plan, Subject
from conformance.reference import evaluate, precision
from conformance.spec import Array, Case, DataSpec, LayerConfig, Sizes, Tensors, Value, structure

EXACT = precision("float64")
SIZES = Sizes(batch=4, timesteps=5, features=3, units=2)
IGNORED = "the mask is ignored"

Layer = Callable[[LayerConfig, Tensors], Sequence[Array]]


def case(**options: Value) -> Case:
    return Case(LayerConfig.of("keras", "lstm", {"dtype": "float64", **options}, SIZES), DataSpec("generic", 3))


MASKED = case(mask="full_rows", return_sequences=True)
"""Some rows have no step that is processed: what is shown there is left open, but not that padding has no influence."""


def ignoring(config: LayerConfig, given: Tensors) -> list[Array]:
    """A layer that ignores its mask."""
    mask = None if given.mask is None else np.ones_like(given.mask)
    (due,) = evaluate(config, [replace(given, mask=mask)], EXACT, "step")
    return [np.asarray(it.value) for it in due]


def planned(of: Case, law: str) -> Plan:
    plan = LAWS[law].plan(Subject(of, tensors(of), lambda _: True, law))
    assert plan is not None
    return plan


def seen(layer: Layer, of: Case = MASKED, law: str = "padding") -> Observation:
    """A case and a law on a layer."""
    plan, (due,) = planned(of, law), expectations([of], [tensors(of)], EXACT)
    own, *replies = (
        Reply(tuple(layer(config, given)), structure(config), 0.0)
        for config, given in [(of.config, tensors(of)), *((call.config, call.tensors) for call in plan.calls)]
    )
    return Observation(of, due, reply=own, laws={law: Followed(plan, tuple(replies))})


def judged(observation: Observation, law: str = "padding") -> Verdict:
    verdict = CHECKS[law].function(observation)
    assert verdict is not None
    return verdict


def explained(mistake: str, observation: Observation, law: str = "padding") -> bool:
    imagined = Imagined.of(mistake, law, observation.case, planned(observation.case, law), EXACT)
    assert imagined is not None
    return imagined.fails_as(judged(observation, law)) and imagined.is_what_came(law, observation)


@pytest.mark.parametrize("options", [{}, {"return_state": True, "go_backwards": True}, {"initial_state": True}])
def test_a_law_that_an_ignored_mask_breaks_is_explained_by_it(options: dict[str, Value]) -> None:
    observation = seen(ignoring, case(mask="full_rows", **options))
    assert judged(observation).outcome == "fail"
    assert explained(IGNORED, observation)


@pytest.mark.parametrize(
    "mistake",
    [
        "the mask is inverted",
        "states are zeroed at masked steps instead of carried",
        "values have the precision of float32",
    ],
)
def test_by_another_mistake_it_is_not(mistake: str) -> None:
    assert not explained(mistake, seen(ignoring))


def wrong_where_all_is_masked(config: LayerConfig, given: Tensors) -> list[Array]:
    """One that in rows without any step doubles what it shows, where the case itself leaves all open."""
    rows = ~np.asarray(given.mask).any(axis=1)
    found = ignoring(config, given)
    for array in found:
        array[rows] *= 2
    return found


def test_what_else_is_wrong_with_the_layer_is_not_explained() -> None:
    observation = seen(wrong_where_all_is_masked)
    assert judged(observation).outcome == "fail"
    assert not explained(IGNORED, observation)


def test_what_is_lost_on_the_way_is_not_explained() -> None:
    observation = seen(ignoring)
    imagined = Imagined.of(IGNORED, "padding", MASKED, planned(MASKED, "padding"), EXACT)
    assert imagined is not None
    lost = Followed(planned(MASKED, "padding"), (), Lost("crash", "the process died"))
    assert not imagined.is_what_came("padding", replace(observation, laws={"padding": lost}))
    assert not imagined.is_what_came("padding", replace(observation, laws={}))


def test_a_mistake_that_no_call_can_have_explains_nothing() -> None:
    observation = seen(wrong_rows, case(return_sequences=True), "rows")
    assert judged(observation, "rows").outcome == "fail"
    assert not explained(IGNORED, observation, "rows")


def wrong_rows(config: LayerConfig, given: Tensors) -> list[Array]:
    """One whose rows all show the mean."""
    return [np.broadcast_to(array.mean(axis=0, keepdims=True), array.shape) for array in ignoring(config, given)]


@pytest.mark.parametrize("law", ["gradients", "stateful", "initial_distribution", "dropout"])
def test_of_calls_that_give_something_else_nothing_is_told(law: str) -> None:
    of = case(return_sequences=True)
    assert Imagined.of("the gate blocks i, f, g, o are read as i, f, o, g", law, of, planned(of, law), EXACT) is None
