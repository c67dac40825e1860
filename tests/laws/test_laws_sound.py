"""No law flags an implementation that is right, however it rounds: another way in every call, in every precision."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from playing import PLAYED, Function, observed

from conformance.checks.laws import check
from conformance.laws import LAWS
from conformance.reference import precision
from conformance.spec import Array, Case, DataSpec, LayerConfig, Tensors
from conformance.spec import outputs as contract

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "reference"))
import emulation
import soundness

TRIALS = int(os.environ.get("LAWS_TRIALS", "40"))
"""`LAWS_TRIALS=600` was run on 2026-11-23."""

SEED = 2024


def emulated(trial: soundness.Trial, rng: np.random.Generator) -> Function:
    """A right implementation that is as unfavourable as it may, and works in another way in every call."""

    def layer(config: LayerConfig, given: Tensors) -> list[Array]:
        style = emulation.random_style(rng, trial.style.dtype, trial.style.accuracy)
        found = dict(emulation.outputs(config, given, style))
        lengths = None if given.lengths is None else [int(length) for length in given.lengths]
        if lengths is not None:
            running = [sum(length > step for length in lengths) for step in range(max(lengths))]
            found |= {"output.lengths": lengths, "output.batch_sizes": running}
        return [
            np.asarray(found[due.name]).astype(due.dtype) if due.name in found else np.zeros(due.shape, due.dtype)
            for due in contract(config, lengths)
        ]

    return layer


@pytest.mark.parametrize("law", PLAYED)
def test_no_correct_implementation_breaks_a_law(law: str) -> None:
    judged = 0
    for number in range(TRIALS):
        rng = np.random.default_rng([SEED, number])
        trial = soundness.random_trial(rng)
        config = trial.config.with_options(dtype=trial.style.dtype)
        of, held_to = Case(config, DataSpec("generic", number)), precision(trial.style.dtype, trial.profile)
        seen = observed(of, trial.draw, emulated(trial, rng), held_to, LAWS[law])
        if seen is not None:
            verdict = check(LAWS[law])(seen)
            assert verdict is not None
            assert verdict.outcome == "pass", f"trial {number}: {verdict.message}: {config} {trial.style}"
            judged += 1
    assert judged, "the law said something"
