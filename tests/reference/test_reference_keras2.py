"""What Keras 2 does otherwise than Keras 3, against facts that were written down by hand."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.errors import SpecError
from conformance.generate import covering
from conformance.generate.phases import batch, covering_config
from conformance.generate.tensors import tensors
from conformance.reference import evaluate, precision
from conformance.reference.activations import activation
from conformance.spec import LayerConfig, Sizes, Tensors, load_dialect, outputs, structure
from specs.model import keras2

SIZES = Sizes(batch=3, timesteps=4, features=2, units=2)
ROWS = covering.load("keras2", 2)


def test_several_outputs_are_a_list_and_one_is_bare() -> None:
    assert structure(LayerConfig.of("keras2", "lstm", {"return_state": True}, SIZES)) == {"list": [0, 1, 2]}
    assert structure(LayerConfig.of("keras2", "lstm", {}, SIZES)) == 0


@pytest.mark.parametrize(("x", "y"), [(-3.0, 0.0), (-2.5, 0.0), (-1.0, 0.3), (0.0, 0.5), (2.0, 0.9), (2.5, 1.0)])
def test_hard_sigmoid_is_the_line_with_slope_a_fifth(x: float, y: float) -> None:
    name = load_dialect("keras2").activations["hard_sigmoid"]
    assert activation(name).value(np.array(x)) == pytest.approx(y)
    config = LayerConfig.of(
        "keras2", "simple_rnn", {"activation": "hard_sigmoid", "use_bias": False}, Sizes(1, 1, 1, 1)
    )
    draw = Tensors(x=np.full((1, 1, 1), x), weights=(np.ones((1, 1)), np.zeros((1, 1))))
    assert evaluate(config, [draw], precision("float64"), "step")[0][0].value == pytest.approx(y)


def test_time_comes_first_in_sequences_and_not_in_states() -> None:
    options = {"time_major": True, "return_sequences": True, "return_state": True}
    assert [output.shape for output in outputs(LayerConfig.of("keras2", "gru", options, SIZES))] == [(4, 3, 2), (3, 2)]


def test_a_mask_and_time_first_are_no_configuration() -> None:
    with pytest.raises(SpecError, match="option 'mask' needs time_major=False"):
        LayerConfig.of("keras2", "gru", {"time_major": True, "mask": "right"}, SIZES)


@pytest.mark.parametrize("row", ROWS, ids=range(len(ROWS)))
def test_the_readable_model_gives_the_same_for_every_pair_of_options(row: covering.Row) -> None:
    config = covering_config(load_dialect("keras2"), row).with_options(dtype="float64")
    for case in batch("covering", config, 2, 0).cases:
        draw = tensors(case)
        due = evaluate(config, [draw], precision("float64"), "interval")[0]
        mask = None if draw.mask is None else draw.mask.astype(bool).tolist()
        states = None if draw.initial_state is None else [state.tolist() for state in draw.initial_state]
        weights = [weight.tolist() for weight in draw.weights]
        got = keras2.run(config.layer, config.options, weights, draw.x.tolist(), mask, states)
        assert [name for name, _ in got] == [output.name for output in due]
        for (_, rows), output in zip(got, due, strict=True):
            values = np.array(rows, dtype=float)
            specified = np.ones(values.shape, bool) if output.specified is None else output.specified
            assert values.shape == np.shape(output.value)
            assert (np.abs(values - output.value) <= output.allowed)[specified].all()
