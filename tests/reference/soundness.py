"""The soundness experiment: do correct implementations stay within the bound? Run as a module for large sizes.

PYTHONPATH=. python tests/reference/soundness.py CASES SEED
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from emulation import Style, outputs, random_style, storable
from reference_cases import UNBOUNDED, Rng, random_config, random_draw

from conformance.reference import CAPS, Accuracy, Expected, Policy, evaluate, precision
from conformance.spec import Floats, LayerConfig, Tensors

CALIBRATED = Accuracy(tanh=(2.0, 0.0), sigmoid=(4.0, 0.0))
"""What a libm-class library measures."""

DTYPES = ("float32", "float32", "float32", "float64", "float16", "bfloat16")


@dataclass(frozen=True)
class Trial:
    """One implementation on one case, judged by the bound for `profile`; correct if its style is that accurate."""

    config: LayerConfig
    draw: Tensors
    style: Style
    profile: Accuracy


def random_trial(rng: Rng, dtype: str | None = None) -> Trial:
    """Any configuration, data with gains from far below to above one, any style."""
    dtype = dtype or DTYPES[rng.integers(len(DTYPES))]
    accuracy = CAPS[dtype] if rng.random() < 0.5 else CALIBRATED
    config = random_config(
        rng,
        "keras" if rng.random() < 0.5 else "torch",
        largest=int(rng.choice([3, 6, 12])),
        dtype=dtype if dtype == "float64" else "float32",
    )
    unbounded = {config.get("activation"), config.get("recurrent_activation"), config.get("nonlinearity")}
    gain = float(np.exp(rng.uniform(np.log(0.05), np.log(1.0 if unbounded & set(UNBOUNDED) else 3.0))))
    style = random_style(rng, dtype, accuracy)
    reach = float(np.exp(rng.uniform(np.log(0.1), np.log(20))))
    draw = random_draw(rng, config, gain, lattice=rng.random() < 0.1, reach=reach)
    return Trial(config, storable(draw, style), style, accuracy)


def ratios(trial: Trial, policy: Policy, bias_fault: float = 0.0) -> Iterator[Floats]:
    """Error divided by the allowance, of the judged elements of every output."""
    (expected,) = evaluate(trial.config, [trial.draw], precision(trial.style.dtype, trial.profile), policy)
    got = outputs(trial.config, trial.draw, trial.style, bias_fault)
    for output in expected:
        if output.name in got:
            yield _ratios(output, got[output.name].astype(np.float64))


def _ratios(expected: Expected, got: Floats) -> Floats:
    assert expected.value is not None
    judged = np.isfinite(expected.allowed)
    if expected.specified is not None:
        judged &= expected.specified
    with np.errstate(all="ignore"):
        error, allowed = np.abs(got - expected.value)[judged], expected.allowed[judged]
        return np.where(error == 0, 0.0, error / allowed)


def worst(trial: Trial, policy: Policy, bias_fault: float = 0.0) -> float:
    """The largest ratio of a case; NaN counts as infinite."""
    largest = [np.max(np.nan_to_num(r, nan=np.inf), initial=0.0) for r in ratios(trial, policy, bias_fault)]
    return float(max(largest))


def experiment(cases: int, seed: int) -> Mapping[tuple[str, str], list[float]]:
    """(dtype, policy) -> the worst ratio of every case."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for case in range(cases):
        trial = random_trial(np.random.default_rng([seed, case]))
        for policy in ("interval", "signed"):
            ratio = worst(trial, policy)
            found[trial.style.dtype, policy].append(ratio)
            if ratio > 1:
                print(f"case {case}: {ratio} of the {policy} bound: {trial.config} {trial.style}")
    return found


def main() -> None:
    """Print how close correct implementations come to the bounds."""
    found = experiment(int(sys.argv[1]), int(sys.argv[2]))
    print("dtype     policy    cases  largest  median  above 1")
    for (dtype, policy), values in sorted(found.items()):
        over = sum(value > 1 for value in values)
        print(f"{dtype:9} {policy:9} {len(values):5}  {max(values):7.3f}  {np.median(values):6.3f}  {over}")


if __name__ == "__main__":
    main()
