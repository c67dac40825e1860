"""What is stated about each activation holds on its whole range."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.errors import SpecError
from conformance.reference import CAPS, Accuracy, precision
from conformance.reference.activations import activation
from conformance.reference.arithmetic import Bounds
from conformance.reference.bounded import Bounded

NAMES = ("tanh", "sigmoid", "relu", "linear", "hard_sigmoid")
every = pytest.mark.parametrize("name", NAMES)


def intervals(count: int = 20000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centres v, radii R of all magnitudes, and points of [v - R, v + R]."""
    rng = np.random.default_rng(0)
    v = rng.normal(size=count) * 10 ** rng.uniform(-2, 1.5, count)
    v[::3] = rng.choice([-3.0, 0.0, 3.0], size=v[::3].size)
    R = 10 ** rng.uniform(-6, 1, count)
    return v, R, v + R * rng.uniform(-1, 1, count).round(1)


@every
def test_range_and_slope(name: str) -> None:
    f = activation(name)
    v, _, _ = intervals()
    y = f.value(v)
    assert np.all((y >= f.low) & (y <= f.high))
    step = 1e-6 * np.maximum(np.abs(v), 1)
    smooth = np.abs(np.abs(v) - 3) > 0.01 if name == "hard_sigmoid" else np.abs(v) > 0.01
    numeric = (f.value(v + step) - f.value(v - step)) / (2 * step)
    np.testing.assert_allclose(f.slope(v)[smooth], numeric[smooth], rtol=1e-4, atol=1e-8)


@every
def test_lipschitz_bound_and_remainder(name: str) -> None:
    f = activation(name)
    v, R, w = intervals()
    change = f.value(w) - f.value(v)
    largest = f.slope(f.steepest(v, R)) * R
    assert np.all(np.abs(change) <= largest * (1 + 1e-9) + 1e-15)
    assert np.all(np.abs(change - f.slope(v) * (w - v)) <= f.remainder(v, R) * (1 + 1e-9) + 1e-15)


def test_slopes_do_not_vanish_in_saturation() -> None:
    """1 - tanh^2 is 0 in float64 from 19 on; the slope is not."""
    assert activation("tanh").slope(np.array([25.0]))[0] == pytest.approx(4 * np.exp(-50), rel=1e-9)
    assert activation("sigmoid").slope(np.array([50.0]))[0] == pytest.approx(np.exp(-50), rel=1e-9)


def test_sigmoid_is_accurate_far_out() -> None:
    assert activation("sigmoid").value(np.array([-700.0]))[0] == pytest.approx(np.exp(-700), rel=1e-14)
    with np.errstate(over="ignore"):
        assert activation("sigmoid").value(np.array([-1e4, 1e4])).tolist() == [0, 1]


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_own_activations_are_as_accurate_as_the_float64_bound_assumes(name: str) -> None:
    if np.finfo(np.longdouble).nmant < 60:
        pytest.skip("no wider type on this machine")
    v = np.random.default_rng(0).normal(size=300_000) * 10.0 ** np.random.default_rng(1).uniform(-6, 1.5, 300_000)
    wide = v.astype(np.longdouble)
    true = np.tanh(wide) if name == "tanh" else 1 / (1 + np.exp(-wide))
    perfect = precision("float64", Accuracy(tanh=(0.0, 0.0), sigmoid=(0.0, 0.0))).accuracy
    rel, absolute = getattr(perfect, name)
    error = np.abs(activation(name).value(v) - true)
    assert np.all(error <= 2.0**-53 * (rel * np.abs(true) + absolute))


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_every_evaluation_of_hard_sigmoid_fits(dtype: type) -> None:
    u = 2.0**-24 if dtype is np.float32 else 2.0**-11
    x = np.concatenate([np.random.default_rng(0).uniform(-4, 4, 200_000), np.linspace(-3.01, 3.01, 20_001)])
    x = x.astype(dtype)
    sixth, three, half = dtype(1) / dtype(6), dtype(3), dtype(0.5)
    f = activation("hard_sigmoid")
    y = f.value(x.astype(np.float64))
    rel, absolute = f.accuracy(CAPS["float32"])
    forms = {
        "relu6 / 6": np.clip(x + three, 0, 6) / dtype(6),
        "relu6 * 1/6": np.clip(x + three, 0, 6) * sixth,
        "x * 1/6 + 0.5": np.clip(x * sixth + half, 0, 1),
        "x / 6 + 0.5": np.clip(x / dtype(6) + half, 0, 1),
    }
    largest = {}
    for form, got in forms.items():
        assert got.dtype == dtype
        error = np.abs(got.astype(np.float64) - y)
        assert np.all(error <= u * (rel * y + absolute)), form
        largest[form] = np.max(error / (u * (rel * y + absolute)))
    assert max(largest.values()) > 0.5  # not a loose allowance


@every
def test_signed_and_unsigned_activation_agree(name: str) -> None:
    """Without error in, only the activation's own error comes out."""
    v = np.linspace(-4, 4, 41).reshape(1, 1, -1)
    p = precision("float32")
    result = Bounds(p).activate(Bounded.of(v), activation(name))
    rel, absolute = activation(name).accuracy(p.accuracy)
    flush = p.tiny if rel else 0.0
    np.testing.assert_allclose(result.radius, p.u * (rel * np.abs(result.value) + absolute) + flush, rtol=1e-12)


def test_unknown_activation() -> None:
    with pytest.raises(SpecError, match="softplus"):
        activation("softplus")
