"""Training: each step of SGD changes the weights by what the reference's gradients at the weights before say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driving import framework

from conformance.reference import Precision, precision
from conformance.reference.gradients import gradients
from conformance.spec import Array, LayerConfig, Tensors, Value

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "reference"))
from gradient_cases import random_cotangents
from reference_cases import random_config, random_draw
from sgd_worker import RATE, STEPS

pytestmark = pytest.mark.framework

WORKER = Path(__file__).with_name("sgd_worker.py")
PLAIN: dict[str, dict[str, Value]] = {
    "keras": {"mask": "none", "return_state": False, "initial_state": False, "activation": "tanh"},
    "torch": {"input": "batched", "hx": False},
}
"""Options of a layer that is trained alone, with nothing but an input, and whose weights stay in bounds."""

Trained = tuple[LayerConfig, Tensors, Array]


def written(folder: Path, dialect: str, dtype: str, count: int) -> list[Trained]:
    """Cases for `sgd_worker.py`."""
    rng, cases = np.random.default_rng([7, count]), list[Trained]()
    while len(cases) < count:
        config = random_config(rng, dialect, largest=4, dtype=dtype, **PLAIN[dialect])
        if config.get("merge_mode") == "None" or (config.bidirectional and config.get("go_backwards")):
            continue
        draw = random_draw(rng, config)
        cotangent = random_cotangents(rng, config, draw)["output"]
        path = folder / f"{len(cases):03}.json"
        path.write_text(json.dumps(config.canonical()))
        weights = {f"weights.{k}": weight for k, weight in enumerate(draw.weights)}
        np.savez(path.with_suffix(".npz"), **{"x": draw.x, "cotangent.output": cotangent, **weights})
        cases.append((config, draw, cotangent))
    return cases


def largest_ratio(trained: Trained, before: list[Array], after: list[Array], held_to: Precision) -> float:
    """The largest error of a step in units of what is allowed: by the gradient, and by one rounding of the sum."""
    config, draw, cotangent = trained
    given = replace(draw, weights=tuple(before))
    (found,) = gradients(config, [given], [{"output": cotangent}], held_to, "signed")
    ratios = [0.0]
    for was, now, gradient in zip(before, after, found[1:], strict=True):
        assert gradient.value is not None
        due = was - RATE * gradient.value
        allowed = RATE * gradient.allowed * (1 + held_to.u) + held_to.u * np.abs(due) + held_to.tiny
        error = np.abs(now - due)
        ratios.append(float((error / np.where(np.isinf(allowed), np.inf, allowed)).max()))
    return max(ratios)


def weights_after(folder: Path, case: int, step: int) -> list[Array]:
    with np.load(folder / f"{case:03}.out.npz") as stored:
        count = len(stored.files) // STEPS
        return [stored[f"{step}.{place}"] for place in range(count)]


def train(name: str, dtype: str, folder: Path, count: int) -> list[Trained]:
    launch, dialect = framework(name), name.split(":")[0]
    cases = written(folder, dialect, dtype, count)
    environment: dict[str, Any] = {**os.environ, **launch.environment, "OMP_NUM_THREADS": "1"}
    environment["KERAS_BACKEND"] = name.partition(":")[2] or "torch"
    subprocess.run([launch.command[0], str(WORKER), dialect, str(folder)], env=environment, check=True, timeout=300)
    return cases


@pytest.mark.parametrize(
    ("name", "dtype", "count"),
    [("torch", "float32", 10), ("torch", "float64", 10), ("keras:tensorflow", "float32", 5)],
)
def test_three_steps_are_those_of_the_reference(name: str, dtype: str, count: int, tmp_path: Path) -> None:
    held_to = precision(dtype)
    moved = 0
    for number, case in enumerate(train(name, dtype, tmp_path, count)):
        before = list(case[1].weights)
        for step in range(STEPS):
            after = weights_after(tmp_path, number, step)
            assert largest_ratio(case, before, after, held_to) <= 1, (case[0], step)
            if any(not np.array_equal(was, now) for was, now in zip(before, after, strict=True)):
                moved += 1
                stale = [2 * now - was for was, now in zip(before, after, strict=True)]
                assert largest_ratio(case, before, stale, held_to) > 1, "a step of twice the size is seen"
            before = after
    assert moved >= 2 * count
