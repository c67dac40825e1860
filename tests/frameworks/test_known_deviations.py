"""The deviations that come with the program, on the frameworks that are installed: each still fails, and is all."""

from __future__ import annotations

import pytest
from driving import framework

from conformance.engine.declarations import shipped
from conformance.engine.events import DEVIATIONS, CaseJudged, Event, ImplementationStarted, KnownSeen
from conformance.engine.run import RunOptions, run
from conformance.generate.phases import PROFILES

pytestmark = pytest.mark.framework

NAMES = ("keras:tensorflow", "keras:torch", "keras:jax", "torch")


def events(name: str, *phases: str, profile: str = "quick", **only: str) -> list[Event]:
    options = RunOptions(
        (framework(name),),
        profile=PROFILES[profile],
        phases=phases,  # type: ignore[arg-type]
        only=only,
        known=shipped(),
    )
    return list(run(options))


def seen(found: list[Event]) -> dict[str, KnownSeen]:
    return {event.id: event for event in found if isinstance(event, KnownSeen)}


def failing(found: list[Event]) -> list[str]:
    return [
        f"{event.id} {check}: {verdict.message}"
        for event in found
        if isinstance(event, CaseJudged)
        for check, verdict in event.outcomes.items()
        if verdict.outcome in DEVIATIONS
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_witness_fails_as_it_is_declared_and_nothing_else_does(name: str) -> None:
    found = events(name, "pinned")
    started = next(event for event in found if isinstance(event, ImplementationStarted))
    concerned = {known.id: known for known in shipped() if known.concerns(name, started.versions)}
    told = seen(found)
    assert set(told) == set(concerned)
    assert [one.id for one in told.values() if one.witness == "passes"] == []
    unsure = {one.id for one in told.values() if one.witness == "not run"}
    assert unsure <= {
        "torch-bfloat16-rows",
        "torch-bfloat16-nan",
        "torch-onnx-projection",
        "torch-onnx-dynamic-projection",
        *(["keras-predict-float64"] if name != "keras:tensorflow" else []),
        *(["keras-sequential-float64"] if name == "keras:jax" else []),
    }  # needs some CPUs; needs ONNX Runtime; needs values in float64, which not every backend computes
    assert failing(found) == []


def test_a_region_explains_all_failures_in_it_and_says_how_many_pass() -> None:
    only = {"bidirectional": "true", "unroll": "true", "return_sequences": "true", "go_backwards": "false"}
    found = events("keras:tensorflow", "pinned", "covering", profile="ci", **only)
    started = next(event for event in found if isinstance(event, ImplementationStarted))
    known = seen(found).get("keras-tensorflow-unroll-mask-bidirectional")
    assert failing(found) == []
    if known is None:
        pytest.skip(f"declared for other versions than {dict(started.versions)}")
    passing = sum(
        event.outcomes["values"].outcome == "pass"
        for event in found
        if isinstance(event, CaseJudged) and "values" in event.outcomes
        if event.case["config"]["options"]["mask"] != "none"
    )
    assert known.cases > 10
    assert known.passing == passing < known.cases  # masks that are the same read either way
