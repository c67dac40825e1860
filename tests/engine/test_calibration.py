"""The accuracy of activations, measured through public layers: known accuracies are recovered."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.checks import Refusal, Reply
from conformance.engine.calibration import MARGIN, Probe, calibrate, fit, precisions, probes
from conformance.engine.requests import Hello
from conformance.engine.session import Modes
from conformance.reference import CAPS, Accuracy, evaluate, precision
from conformance.spec import Floats, LayerConfig, Tensors, dialect_names, load_dialect

EXACT = {"tanh": np.tanh, "sigmoid": lambda x: 1 / (1 + np.exp(-x))}
every_dialect = pytest.mark.parametrize("dialect", dialect_names())


def measured(dtype: str, error: Any) -> list[tuple[Probe, Floats]]:
    """What an implementation with that error would show: `error(y)` in units of rounding."""
    u = precision(dtype).u
    found = []
    for probe in probes(load_dialect("keras"), dtype):
        with np.errstate(over="ignore"):
            true = EXACT[probe.activation](probe.points)
        found.append((probe, true + u * error(true)))
    return found


@every_dialect
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_probe_shows_the_bare_activation(dialect: str, dtype: str) -> None:
    for probe in probes(load_dialect(dialect), dtype):
        due = evaluate(probe.config, [probe.tensors], precision(dtype), "step")[0][0]
        with np.errstate(over="ignore"):
            true = EXACT[probe.activation](probe.points)
        assert due.value is not None
        np.testing.assert_allclose(due.value.reshape(-1), true, rtol=1e-13, atol=1e-60)


def test_exact_activations_are_held_to_one_unit_of_rounding() -> None:
    assert fit(measured("float32", lambda y: 0 * y), "float32") == Accuracy(tanh=(1.0, 0.0), sigmoid=(1.0, 0.0))


def test_a_relative_error_is_recovered_with_a_margin() -> None:
    found = fit(measured("float32", lambda y: 4 * y), "float32")
    assert found.tanh == pytest.approx((4 * MARGIN, 0.0), rel=1e-6)
    assert found.sigmoid == pytest.approx((4 * MARGIN, 0.0), rel=1e-6)


def test_an_absolute_error_is_recovered_with_a_margin() -> None:
    found = fit(measured("float32", lambda y: 0.5 * np.ones_like(y)), "float32")
    assert found.sigmoid[1] > 0
    assert found.sigmoid[0] <= CAPS["float32"].sigmoid[0]
    for relative, absolute in (found.tanh, found.sigmoid):
        assert relative * 1e-6 + absolute >= 0.5


def test_activations_that_are_worse_than_any_known_are_held_to_the_cap() -> None:
    assert fit(measured("float32", lambda y: 1000 * y), "float32") == CAPS["float32"]
    assert fit(measured("float32", lambda y: np.nan * y), "float32") == CAPS["float32"]


def test_the_cap_is_the_worst_that_is_ever_allowed() -> None:
    for size in (0.1, 1, 3, 9, 12, 40):
        found, cap = fit(measured("float32", lambda y, size=size: size * y), "float32"), CAPS["float32"]
        assert 1 <= found.tanh[0] <= cap.tanh[0]
        assert 1 <= found.sigmoid[0] <= cap.sigmoid[0]


@every_dialect
def test_types_that_were_not_measured_are_held_to_the_cap(dialect: str) -> None:
    own = Accuracy(tanh=(2.0, 0.0), sigmoid=(3.0, 0.0))
    held = precisions(load_dialect(dialect), {"float32": own})
    assert held["float32"].accuracy == own
    assert held["float64"].accuracy == CAPS["float64"]


class Answering:
    """Stands for a session: answers every probe of float32 exactly, refuses one layer."""

    def __init__(self, refuses: str) -> None:
        self.refuses = refuses
        self.asked: list[tuple[str, str]] = []

    def call_once(self, config: LayerConfig, tensors: Tensors, mode: str) -> Reply | Refusal:
        self.asked.append((config.layer, config.dtype))
        if config.layer == self.refuses:
            return Refusal("call", "ValueError", ("ValueError",), "no")
        due = evaluate(config, [tensors], precision(config.dtype), "step")[0]
        return Reply(tuple(it.value for it in due if it.value is not None), 0, 0.0)


def claiming(layers: tuple[str, ...], dtypes: tuple[str, ...]) -> Hello:
    dialect = load_dialect("keras")
    options = {name: option.values for name, option in dialect.options.items()} | {"dtype": dtypes}
    return Hello("keras", {}, {}, layers, options, ("eager",))


def test_only_what_is_claimed_is_measured() -> None:
    session: Any = Answering(refuses="")
    hello = claiming(("gru",), ("float32",))
    found = calibrate(session, load_dialect("keras"), hello, Modes.of(hello))
    assert set(session.asked) == {("gru", "float32")}
    assert set(found) == {"float32"}


def test_layers_that_refuse_are_left_out() -> None:
    session: Any = Answering(refuses="lstm")
    hello = claiming(("lstm",), ("float32",))
    assert calibrate(session, load_dialect("keras"), hello, Modes.of(hello)) == {}
