"""Gradients of the reference: against central differences, against frameworks, and their bounds against emulations."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driving import framework
from emulation import Style, random_style
from gradient_cases import leaves, losses, random_cotangents, with_leaf
from gradient_emulation import Emulation
from reference_cases import Rng, random_config, random_draw

from conformance.errors import SpecError
from conformance.reference import CAPS, Accuracy, Expected, precision
from conformance.reference.gradients import gradient_names, gradients
from conformance.spec import LayerConfig, Sizes, Tensors, Value, outputs

SIZES = Sizes(2, 3, 2, 3)
DIALECTS = pytest.mark.parametrize("dialect", ["keras", "torch"])
STEP = 2.0**-20
ROUNDS = 8


def keras(layer: str = "lstm", sizes: Sizes = SIZES, **options: Value) -> LayerConfig:
    return LayerConfig.of("keras", layer, {"dtype": "float64", **options}, sizes)


def case(config: LayerConfig, seed: int = 0) -> tuple[Tensors, dict[str, Any]]:
    rng = np.random.default_rng(seed)
    draw = random_draw(rng, config)
    return draw, random_cotangents(rng, config, draw)


def gradients_of(config: LayerConfig, draw: Tensors, cotangents: dict[str, Any]) -> dict[str, Expected]:
    (found,) = gradients(config, [draw], [cotangents], precision(config.dtype))
    return {expected.name: expected for expected in found}


def ratio(got: Any, wanted: Expected) -> float:
    """The largest error in units of what is allowed; not a number where that is infinite does not count."""
    assert wanted.value is not None
    assert got.shape == wanted.value.shape
    error = np.abs(got.astype(np.float64) - wanted.value)
    judged = np.isfinite(wanted.allowed) & (error != 0)
    with np.errstate(divide="ignore"):
        return float((error[judged] / wanted.allowed[judged]).max(initial=0.0))


# ---------------------------------------------------------------- values


def central_difference(config: LayerConfig, draw: Tensors, cotangents: dict[str, Any], index: int) -> Any:
    leaf = leaves(draw)[index]
    moved = []
    for element in range(leaf.size):
        for sign in (1, -1):
            changed = leaf.copy()
            changed.flat[element] += sign * STEP
            moved.append(with_leaf(draw, index, changed))
    plus, minus = losses(config, moved, cotangents).reshape(-1, 2).T
    return ((plus - minus) / (2 * STEP)).reshape(leaf.shape)


@DIALECTS
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_they_are_the_slopes_of_the_loss(dialect: str, seed: int) -> None:
    """All options of a dialect, at random."""
    rng = np.random.default_rng([seed, 1])
    for _ in range(10):
        config = random_config(rng, dialect, largest=4, dtype="float64")
        draw = random_draw(rng, config)
        cotangents = random_cotangents(rng, config, draw, share=0.8)
        found = gradients_of(config, draw, cotangents)
        assert tuple(found) == gradient_names(config)
        for index, wanted in enumerate(found.values()):
            numeric = central_difference(config, draw, cotangents, index)
            assert wanted.value is not None
            scale = max(1.0, float(np.abs(wanted.value).max(initial=0.0)))
            np.testing.assert_allclose(
                wanted.value, numeric, rtol=0, atol=1e-7 * scale, err_msg=f"{config} {wanted.name}"
            )


@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave", "None"])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_merged_halves_with_a_mask(merge_mode: str, return_sequences: bool) -> None:
    options: dict[str, Value] = {"merge_mode": merge_mode, "return_sequences": return_sequences, "return_state": True}
    config = keras("gru", bidirectional=True, mask="right", initial_state=True, **options)
    draw, cotangents = case(config)
    for index, wanted in enumerate(gradients_of(config, draw, cotangents).values()):
        numeric = central_difference(config, draw, cotangents, index)
        np.testing.assert_allclose(wanted.value, numeric, rtol=0, atol=1e-7)


@DIALECTS
def test_all_draws_at_once_are_one_after_the_other(dialect: str) -> None:
    rng = np.random.default_rng(5)
    config = random_config(rng, dialect, "gru", dtype="float64")
    draws = [random_draw(rng, config) for _ in range(3)]
    cotangents = [random_cotangents(rng, config, draw) for draw in draws]
    together = gradients(config, draws, cotangents, precision("float64"))
    for draw, each, found in zip(draws, cotangents, together, strict=True):
        for one, other in zip(gradients(config, [draw], [each], precision("float64"))[0], found, strict=True):
            np.testing.assert_allclose(one.value, other.value, rtol=1e-13, atol=1e-15)
            np.testing.assert_allclose(one.allowed, other.allowed, rtol=1e-9)


def test_what_stands_at_masked_steps_does_not_matter() -> None:
    config = keras("lstm", mask="gaps", return_sequences=True, return_state=True)
    draw, cotangents = case(config)
    assert draw.mask is not None
    assert not draw.mask.all()
    poisoned = replace(draw, x=np.where(draw.mask[..., None], draw.x, np.nan))
    for one, other in zip(
        gradients_of(config, draw, cotangents).values(),
        gradients_of(config, poisoned, cotangents).values(),
        strict=True,
    ):
        assert other.value is not None
        assert np.isfinite(other.value).all()
        assert np.isfinite(other.allowed).all()
        np.testing.assert_array_equal(one.value, other.value)


def test_nothing_weighed_nothing_changes() -> None:
    config = LayerConfig.of("torch", "lstm", {"num_layers": 2, "bidirectional": True, "dtype": "float64"}, SIZES)
    draw, _ = case(config)
    for wanted in gradients_of(config, draw, {"h_n": np.zeros((4, 2, 3))}).values():
        assert wanted.value is not None
        assert not wanted.value.any()


# ---------------------------------------------------------------- bounds


def random_case(rng: Rng) -> tuple[LayerConfig, Tensors]:
    config = random_config(rng, "keras", largest=5, dtype="float32", bidirectional=False)
    if rng.random() < 0.3:
        return config, random_draw(rng, config, lattice=True)
    return config, random_draw(rng, config, gain=float(rng.choice([0.5, 1, 2])), reach=float(rng.choice([1, 5])))


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_no_correct_implementation_exceeds_the_bound(seed: int) -> None:
    """Sums in five orders, activations at the edge of their accuracy, every form of a derivative."""
    rng = np.random.default_rng([seed, 2])
    for k in range(25):
        config, draw = random_case(rng)
        accuracy = (CAPS["float32"], Accuracy((2.0, 0.0), (4.0, 0.0)))[k % 2]
        cotangents = random_cotangents(rng, config, draw, share=0.8)
        style = random_style(rng, "float32", accuracy)
        with np.errstate(all="ignore"):
            got = Emulation(config, draw, style).gradients(cotangents)
        bound = ("interval", "signed")[k // 2 % 2]
        (found,) = gradients(config, [draw], [cotangents], precision("float32", accuracy), bound)  # type: ignore[arg-type]
        for gradient, wanted in zip(got, found, strict=True):
            assert not np.isnan(gradient[np.isfinite(wanted.allowed)]).any()
            assert ratio(gradient, wanted) <= 1, (config, style, wanted.name)


class WrongSlope(Emulation):
    """A slope that is off by a hundred-thousandth."""

    def sloped(self, g: Any, gate: str, row: Any, act: str | None = None) -> Any:
        return super().sloped(g, gate, row, act) * np.float32(1 + 1e-5)


class Forgetful(Emulation):
    """What is shown at masked steps has no gradient, although it repeats an earlier output."""

    def shown(self, cotangents: Any, b: int, k: int, mask: Any) -> list[Any]:
        return super().shown(cotangents, b, k, mask) if mask[k] else []


class Detached(Emulation):
    """No gradient goes through the cell state."""

    def back_lstm(self, row: Any, dh: Any, dc: Any) -> Any:
        return *super().back_lstm(row, dh, dc)[:3], []


class ResetTwice(Emulation):
    """The recurrent bias gets the gradient of the input bias."""

    def collect(self, terms: Any, row: Any, d: Any, recurrent: Any) -> None:
        super().collect(terms, row, d, recurrent)
        terms["recurrent_bias"][-1] = terms["bias"][-1]


@pytest.mark.parametrize(
    ("fault", "layer", "options"),
    [
        (WrongSlope, "simple_rnn", {}),
        (WrongSlope, "lstm", {"return_sequences": True}),
        (WrongSlope, "gru", {"return_sequences": True}),
        (Forgetful, "gru", {"return_sequences": True, "mask": "right"}),
        (Detached, "lstm", {}),
        (ResetTwice, "gru", {}),
    ],
)
def test_faults_exceed_the_bound(fault: type[Emulation], layer: str, options: dict[str, Value]) -> None:
    config = keras(layer, Sizes(2, 4, 3, 4), dtype="float32", **options)
    accuracy, seen = Accuracy((2.0, 0.0), (4.0, 0.0)), []
    for seed in range(10):
        draw, cotangents = case(config, seed)
        if draw.mask is not None:
            draw = replace(draw, mask=np.array([[True, True, False, False], [True, True, True, True]]))
        right, wrong = (
            kind(config, draw, Style("float32", accuracy)).gradients(cotangents) for kind in (Emulation, fault)
        )
        (found,) = gradients(config, [draw], [cotangents], precision("float32", accuracy))
        assert max(map(ratio, right, found)) <= 1
        seen.append(max(map(ratio, wrong, found)) > 1)
    assert sum(seen) >= 9


def test_the_bound_is_of_use() -> None:
    """Half of the gradients are known to 100 units in the last place of the largest element, in short sequences."""
    rng, known = np.random.default_rng(3), []
    for _ in range(60):
        config = random_config(rng, "keras", largest=4, dtype="float32")
        draw = random_draw(rng, config)
        (found,) = gradients(config, [draw], [random_cotangents(rng, config, draw)], precision("float32"))
        for wanted in found:
            assert wanted.value is not None
            if largest := float(np.abs(wanted.value).max(initial=0.0)):
                known.append(float(np.median(wanted.allowed)) / largest / 2.0**-24)
    assert np.median(known) < 100


@pytest.mark.parametrize("layer", ["simple_rnn", "gru"])
def test_errors_with_signs_cancel(layer: str) -> None:
    """In longer sequences intervals say nothing any more."""
    config = keras(layer, Sizes(2, 24, 3, 8), return_sequences=True, dtype="float32")
    draw, cotangents = case(config)
    interval, signed = (
        gradients(config, [draw], [cotangents], precision("float32"), bound)[0] for bound in ("interval", "signed")
    )
    for loose, tight in zip(interval, signed, strict=True):
        assert tight.value is not None
        np.testing.assert_array_equal(loose.value, tight.value)
        assert (tight.allowed <= loose.allowed).all()
        assert np.median(tight.allowed) < 0.01 * np.abs(tight.value).max()
        assert np.median(tight.allowed) < 0.5 * np.median(loose.allowed)


@pytest.mark.parametrize("activation", ["relu", "hard_sigmoid"])
def test_at_a_kink_either_slope_will_do(activation: str) -> None:
    config = keras("simple_rnn", Sizes(1, 1, 1, 1), activation=activation)
    one = np.ones((1, 1))
    kink, slope = {"relu": (0.0, 1.0), "hard_sigmoid": (-3.0, 1 / 6)}[activation]
    for distance, decided in ((0.0, False), (0.1, True), (-0.1, True)):
        draw = Tensors((one, 0 * one, np.array([kink])), np.full((1, 1, 1), distance))
        bias = gradients_of(config, draw, {"output": one})["bias"]
        assert bias.value is not None
        assert bool(bias.allowed[0] < 1e-12) is decided
        assert min(abs(bias.value[0] - s) for s in (0.0, slope)) < 1e-12
        for either in (0.0, slope):
            assert decided or abs(either - bias.value[0]) <= bias.allowed[0]


def test_what_may_overflow_is_void() -> None:
    config = keras("simple_rnn", Sizes(1, 2, 1, 1), activation="linear", dtype="float32")
    huge = np.full((1, 1), 1e30, np.float32)
    draw = Tensors((huge, huge, np.zeros(1, np.float32)), np.ones((1, 2, 1), np.float32))
    for wanted in gradients_of(config, draw, {"output": np.ones((1, 1), np.float32)}).values():
        assert np.isinf(wanted.allowed).all()


# ---------------------------------------------------------------- what is refused


def test_what_is_refused() -> None:
    config = keras("gru", return_sequences=True, mask="left", initial_state=True, sizes=Sizes(2, 4, 2, 3))
    draw, cotangents = case(config)
    draw = replace(draw, mask=np.array([[False, True, True, True]] * 2))
    open_ones = np.ones((2, 4, 3))

    def refused(why: str, given: Sequence[dict[str, Any]], dtype: str = "float64", bound: Any = "interval") -> None:
        with pytest.raises(SpecError, match=why):
            gradients(config, [draw], given, precision(dtype), bound)

    refused("no gradient of 'out'; outputs with values are output", [{"out": cotangents["output"]}])
    refused(r"cotangent of output has shape \(2, 3\)", [{"output": np.ones((2, 3))}])
    refused("weighs elements that the specification leaves open", [{"output": open_ones}])
    refused("2 cotangents were given for 1 draws", [cotangents, cotangents])
    refused("no bound on gradients in float16", [cotangents], dtype="float16")
    refused("no bound 'step' for gradients", [cotangents], bound="step")
    assert gradients(config, [], [], precision("float64")) == ()


# ---------------------------------------------------------------- frameworks


def written(folder: Path, rng: Rng, dialect: str, dtype: str, count: int) -> list[tuple[LayerConfig, Tensors, Any]]:
    """Cases for `gradient_workers.py`."""
    cases: list[tuple[LayerConfig, Tensors, Any]] = []
    while len(cases) < count:
        config = random_config(rng, dialect, largest=4, dtype=dtype)
        if dialect == "keras" and _deviates(config):
            continue
        draw = random_draw(rng, config)
        cotangents = random_cotangents(rng, config, draw)
        single = {"x": draw.x, "mask": draw.mask, "lengths": draw.lengths, "outputs": [o.name for o in outputs(config)]}
        data = {name: value for name, value in single.items() if value is not None}
        data |= {f"weights.{k}": weight for k, weight in enumerate(draw.weights)}
        data |= {f"initial.{k}": state for k, state in enumerate(draw.initial_state or ())}
        data |= {f"cotangent.{name}": value for name, value in cotangents.items()}
        path = folder / f"{len(cases):03}.json"
        path.write_text(json.dumps(config.canonical()))
        np.savez(path.with_suffix(".npz"), **data)
        cases.append((config, draw, cotangents))
    return cases


def _deviates(config: LayerConfig) -> bool:
    """Known deviations of Keras (specs/deviations) would show here as well."""
    both_ways = config.bidirectional and config.get("go_backwards") is True
    return both_ways or (config.get("unroll") is True and config.get("mask") != "none")


@pytest.mark.framework
@pytest.mark.parametrize(
    ("name", "dtype", "seed"),
    [("torch", "float32", 0), ("torch", "float64", 1), ("keras:tensorflow", "float32", 2)],
)
def test_frameworks_keep_to_the_bound(name: str, dtype: str, seed: int, tmp_path: Path) -> None:
    launch, dialect = framework(name), name.split(":")[0]
    cases = written(tmp_path, np.random.default_rng([seed, 4]), dialect, dtype, 30)
    script = Path(__file__).parent / "gradient_workers.py"
    environment = {**os.environ, **launch.environment, "KERAS_BACKEND": "tensorflow", "OMP_NUM_THREADS": "1"}
    subprocess.run([launch.command[0], str(script), dialect, str(tmp_path)], env=environment, check=True, timeout=300)
    for k, (config, draw, cotangents) in enumerate(cases):
        (found,) = gradients(config, [draw], [cotangents], precision(dtype), "signed")
        with np.load(tmp_path / f"{k:03}.out.npz") as got:
            assert len(got.files) == len(found)
            for index, wanted in enumerate(found):
                assert ratio(got[str(index)], wanted) <= 1, (config, wanted.name)
