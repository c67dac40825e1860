"""Real frameworks from start to causes.

A framework's deviation must not break our tests, and none may be hidden: where a standalone script in
`specs/deviations/` says that the installed version deviates, the suite must find it, with this explanation; where the
script says that it conforms, the suite must find nothing of the kind.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from driving import framework

from conformance.engine.events import DEVIATIONS, CaseJudged, Event, GroupFound, ImplementationStarted, RunFinished
from conformance.engine.run import RunOptions, run
from conformance.generate.phases import PROFILES
from conformance.spec import specs_path

pytestmark = pytest.mark.framework


def events(name: str, profile: str, seed: int = 1, **only: str) -> list[Event]:
    """All events of a run on one framework; it must be complete."""
    found = list(run(RunOptions((framework(name),), profile=PROFILES[profile], seed=seed, only=only)))
    assert isinstance(found[-1], RunFinished)
    assert found[-1].complete, found[-1].reason
    return found


def verdicts(found: list[Event]) -> dict[tuple[str, str, str], tuple[str, float | None]]:
    """(case, mode, check) -> outcome and ratio."""
    return {
        (event.id, event.mode, check): (verdict.outcome, verdict.ratio)
        for event in found
        if isinstance(event, CaseJudged)
        for check, verdict in event.outcomes.items()
    }


@dataclass(frozen=True)
class Deviation:
    """A deviation that was found once, and how the suite tells of it.

    Attributes:
        script: name in `specs/deviations/`.
        arguments: of the script.
        implementation: where it is found.
        check: which check finds it.
        when: literals that its group must have.
        only: configurations in which it shows.
    """

    script: str
    implementation: str
    check: str
    when: frozenset[str]
    arguments: tuple[str, ...] = ()
    only: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.implementation}-{self.script}"


FOUND = (
    Deviation(
        "keras_bidirectional_go_backwards",
        "keras:torch",
        "accepted",
        frozenset({"bidirectional=True", "go_backwards=True"}),
        only={"layer": "simple_rnn", "bidirectional": "true", "go_backwards": "true"},
    ),
    Deviation(
        "keras_tensorflow_unroll_mask",
        "keras:tensorflow",
        "values",
        frozenset({"bidirectional=True", "return_sequences=True", "unroll=True", "mask!=none"}),
        only={
            "bidirectional": "true",
            "unroll": "true",
            "return_sequences": "true",
            "go_backwards": "false",
            "dtype": "float32",
            "return_state": "false",
        },
    ),
    Deviation(
        "keras_torch_unroll_mask",
        "keras:torch",
        "accepted",
        frozenset({"go_backwards=True", "unroll=True", "mask!=none"}),
        only={"bidirectional": "false", "unroll": "true", "go_backwards": "true", "dtype": "float32"},
    ),
    Deviation(
        "keras_float64_in_float32",
        "keras:torch",
        "values",
        frozenset({"dtype=float64"}),
        arguments=("torch",),
        only={"layer": "simple_rnn", "unroll": "false"},
    ),
    Deviation(
        "keras_jax_unroll_zero_output",
        "keras:jax",
        "values",
        frozenset({"return_sequences=True", "unroll=True", "zero_output_for_mask=True"}),
        only={"bidirectional": "false", "return_sequences": "true", "unroll": "true"},
    ),
)


@pytest.mark.parametrize("deviation", FOUND, ids=str)
def test_a_deviation_is_found_exactly_where_a_standalone_script_shows_it(deviation: Deviation) -> None:
    deviates = script_deviates(deviation)
    found = events(deviation.implementation, "ci", **deviation.only)
    groups = [event for event in found if isinstance(event, GroupFound) and event.check == deviation.check]
    told = [group for group in groups if deviation.when <= set(group.when)]
    assert bool(told) == deviates, [group.when for group in groups]
    for group in told:
        assert group.message
        assert group.clauses
        assert len(group.cases) > 1


def script_deviates(deviation: Deviation) -> bool:
    """What the script says about the installed version."""
    launch = framework(deviation.implementation)
    script = specs_path() / "deviations" / f"{deviation.script}.py"
    done = subprocess.run(
        [launch.command[0], str(script), *deviation.arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
        env={**os.environ, **launch.environment},
    )
    said = done.stdout
    assert ("deviates" in said) != ("conforms" in said), said
    return "deviates" in said


def test_pytorch_conforms() -> None:
    """The pinned version: every check judged many cases, and none deviates.

    Some other ways to call a layer are apart; tests/workers/test_torch_routes.py and test_torch_runtimes.py show each
    with a script.
    """
    routes = ("jit_script", "jit_script_after_functional_call", "swapped_state_dict", "vjp")
    of_vmap, of_onnx = ("vmap", "vmap_cells", "vmap_ensemble"), ("onnx", "onnx_dynamic")
    apart = tuple(f"the route {route} gives" for route in (*routes, *of_vmap, *of_onnx))
    found = events("torch", "quick")
    started = next(event for event in found if isinstance(event, ImplementationStarted))
    assert set(started.calibration) == {"float32", "float64", "float16", "bfloat16"}
    outcomes = [
        outcome for (_, _, check), (outcome, _) in verdicts(found).items() if check not in ("routes", "runtimes")
    ]
    deviating = [event for event in found if isinstance(event, GroupFound) and not event.message.startswith(apart)]
    if started.versions["torch"].startswith("2.13"):
        assert deviating == []
        assert not set(outcomes) & set(DEVIATIONS)
    judged = sum(isinstance(event, CaseJudged) for event in found)
    assert judged == started.planned > 1000
    assert outcomes.count("pass") > 0.9 * len(outcomes)


def test_the_same_seed_gives_the_same_verdicts() -> None:
    first, second = (verdicts(events("torch", "quick", 5, layer="lstm")) for _ in range(2))
    assert first == second
    assert len(first) > 1000


def test_calibration_is_honest_about_a_framework() -> None:
    """Activations of current frameworks are within the cap, and not better than rounding allows."""
    found = events("torch", "quick", layer="gru", bias="false")
    started = next(event for event in found if isinstance(event, ImplementationStarted))
    for measured in started.calibration.values():
        for name in ("tanh", "sigmoid"):
            relative, absolute = measured[name]
            assert 1 <= relative <= 12
            assert 0 <= absolute <= 5
