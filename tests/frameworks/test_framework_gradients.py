"""Gradients of real frameworks: none is flagged, and this check alone finds modules with a wrong backward pass."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from driving import framework

from conformance.checks import DEVIATIONS, Verdict, judge
from conformance.engine.events import CaseJudged, GroupFound
from conformance.engine.implementations import resolve
from conformance.engine.run import RunOptions, run
from conformance.engine.session import Session
from conformance.engine.worker import Limits
from conformance.generate.phases import PROFILES, Batch, plan
from conformance.laws import LAWS
from conformance.reference import precision
from conformance.spec import FULL_PRECISION, Case, DataSpec, LayerConfig, Sizes, load_dialect, specs_path

pytestmark = pytest.mark.framework

FAULTS = Path(__file__).with_name("backward_faults.py")
REFUSED = Verdict("not run", "the layer could not be built, which is not for this check to say")
ALL_LAWS = replace(PROFILES["quick"], draws=1, sizes=0, random=20, experiments=40, laws=len(LAWS))


def has_slope_of_a_sixth(config: LayerConfig) -> bool:
    """In float64, what `specs/deviations/torch_hardsigmoid_gradient.py` shows; see the test below."""
    used = {config.get("activation"), config.get("recurrent_activation")}
    return config.dtype == "float64" and "hard_sigmoid" in used


@pytest.mark.parametrize(
    ("name", "most"), [("torch", 120), ("keras:tensorflow", 24), ("keras:torch", 80), ("keras:jax", 4)]
)
def test_no_framework_is_flagged(name: str, most: int) -> None:
    """Where its outputs are right. 1,500 configurations were judged on 2026-11-23 without a false alarm."""
    session = Session(framework(name), Limits())
    hello = session.start()
    held_to = {dtype: precision(dtype) for dtype in FULL_PRECISION}
    seen: Counter[str] = Counter()
    planned = plan(load_dialect(hello.dialect), PROFILES["quick"], 1, ("covering", "random"))
    batches = (
        Batch(batch.phase, batch.config, batch.cases[:1])
        for batch in planned
        if batch.config.dtype in FULL_PRECISION
        and batch.cases[0].rejection is None
        and hello.missing(batch.config) is None
        if name != "keras:torch" or not has_slope_of_a_sixth(batch.config)
    )
    try:
        for batch in islice(batches, most):
            (observed,) = session.observe_batch(batch, held_to, "eager", laws=("gradients",))
            found = judge(observed).get("gradients", REFUSED)
            assert found.outcome not in DEVIATIONS, f"{batch.config}: {found.message}"
            seen[found.outcome] += 1
    finally:
        session.close()
    assert set(seen) <= {"pass", "not run"}
    assert seen["pass"] > most / 3


def test_a_slope_in_float32_is_found_exactly_where_a_standalone_script_shows_it() -> None:
    launch = framework("keras:torch")
    script = specs_path() / "deviations" / "torch_hardsigmoid_gradient.py"
    command = [launch.command[0], str(script)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout
    assert ("deviates" in said) != ("conforms" in said), said
    options = {"dtype": "float64", "recurrent_activation": "hard_sigmoid", "unroll": True}
    case = Case(LayerConfig.of("keras", "lstm", options, Sizes(2, 3, 2, 2)), DataSpec("generic", 1))
    session = Session(launch, Limits())
    session.start()
    try:
        found = judge(session.observe_alone(case, {"float64": precision("float64")}, "eager"))
    finally:
        session.close()
    assert found["values"].outcome == "pass"
    assert found["gradients"].outcome == ("fail" if "deviates" in said else "pass"), found["gradients"].message


@pytest.mark.parametrize(
    ("replaced", "fault", "when", "only"),
    [
        ("LSTM", "CellDetached", (), {"dtype": "float32"}),
        ("LSTM", "WrongSlope", (), {"dtype": "float32"}),
        ("GRU", "SecondBiasForgotten", ("bias=True",), {"num_layers": "1"}),
        ("GRU", "BackwardStateDetached", ("bidirectional=True", "hx=True"), {}),
        ("RNN", "PackedStateDetached", ("input=packed|packed_unsorted",), {"num_layers": "1"}),
    ],
)
def test_a_wrong_backward_pass_is_found_by_this_check_alone(
    replaced: str, fault: str, when: tuple[str, ...], only: Mapping[str, str]
) -> None:
    launch = resolve(f"torch[{replaced}={FAULTS}:{fault}]", {"torch": framework("torch").command[0]})
    seen = list(run(RunOptions((launch,), ALL_LAWS, 1, phases=("covering", "random"), only=only)))
    groups = [event for event in seen if isinstance(event, GroupFound)]
    assert {group.check for group in groups} == {"gradients"}, [(group.check, group.message) for group in groups]
    assert any(set(when) <= set(group.when) for group in groups), [group.when for group in groups]
    outcomes = [
        event.outcomes["gradients"].outcome
        for event in seen
        if isinstance(event, CaseJudged) and "gradients" in event.outcomes
    ]
    assert outcomes.count("fail") > 2


def test_a_right_module_of_ones_own_passes() -> None:
    launch = resolve(f"torch[LSTM={FAULTS}:OwnLSTM]", {"torch": framework("torch").command[0]})
    seen = list(run(RunOptions((launch,), ALL_LAWS, 1, phases=("covering", "random"))))
    outcomes = Counter(
        verdict.outcome
        for event in seen
        if isinstance(event, CaseJudged)
        for check, verdict in event.outcomes.items()
        if check == "gradients"
    )
    assert set(outcomes) == {"pass"}
    assert outcomes["pass"] > 5
