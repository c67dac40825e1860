"""The reference model keeps the contract's names and shapes, obeys every option, and refuses the rest."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_data import LAYERS, SIZES, keras_case, numbers, run_keras, some_states, some_weights

from conformance.spec import LayerConfig, Sizes, Value, load_dialect, outputs
from specs.model import keras, torch

# ---------------------------------------------------------------- the contract


@st.composite
def configs(draw: st.DrawFn, dialect: str) -> LayerConfig:
    rules = load_dialect(dialect)
    layer = draw(st.sampled_from(LAYERS))
    options: dict[str, Value] = {}
    for option in rules.options.values():
        if option.exists(layer, options):
            options[option.name] = draw(st.sampled_from(option.values))
    batch = 1 if options.get("input") == "unbatched" else draw(st.integers(2, 3))
    return LayerConfig.of(dialect, layer, options, Sizes(batch, 3, draw(st.integers(1, 3)), 4))


def run_config(config: LayerConfig) -> tuple[tuple[str, Any], ...]:
    """What the model gives for a configuration, on data that depend on its sizes alone."""
    sizes, states = config.sizes, None
    if config.get("initial_state") or config.get("hx"):
        states = some_states(config)
    x = numbers(9, sizes.batch, sizes.timesteps, sizes.features)
    if config.dialect == "keras":
        pattern = {"none": None, "right": [1, 1, 0], "left": [0, 1, 1], "gaps": [1, 0, 1], "full_rows": [0, 0, 0]}
        keep = pattern[str(config.get("mask"))]
        mask: Any = None if keep is None else [keep, *[[1, 1, 1]] * (sizes.batch - 1)]
        return tuple(keras.run(config.layer, config.options, some_weights(config), x, mask, states))
    lengths = packed_lengths(config)
    if config.get("input") == "unbatched":
        x = x[0]
    elif not config.get("batch_first"):
        x = np.swapaxes(x, 0, 1).tolist()
    return tuple(torch.run(config.layer, config.options, some_weights(config), x, lengths, states))


def packed_lengths(config: LayerConfig) -> list[int] | None:
    lengths = {"packed": [2, 1, 1], "packed_unsorted": [1, 2, 1]}.get(str(config.get("input")))
    return lengths[: config.sizes.batch] if lengths else None


@pytest.mark.parametrize("dialect", ["keras", "torch"])
def test_names_order_and_shapes_are_those_of_the_contract(dialect: str) -> None:
    @settings(max_examples=60, deadline=None)
    @given(config=configs(dialect))
    def check(config: LayerConfig) -> None:
        promised = [output for output in outputs(config, packed_lengths(config)) if output.judged == "values"]
        found = run_config(config)
        assert [name for name, _ in found] == [output.name for output in promised]
        assert [np.shape(value) for _, value in found] == [output.shape for output in promised]

    check()


SMALL = Sizes(batch=2, timesteps=3, features=3, units=4)
VISIBLE: Mapping[str, Mapping[str, Value]] = {
    "merge_mode": {"bidirectional": True},
    "go_backwards": {"return_sequences": True},
    "zero_output_for_mask": {"return_sequences": True, "mask": "right"},
    "mask": {"return_sequences": True},
}
"""Options that show only together with others."""

FOR_THE_PROGRAM = {"dtype"}
"""Options that leave the model's numbers alone but change the contract."""

WITHOUT_EFFECT = {"unroll", "unit_forget_bias"}
"""Options that change nothing once the weights are set."""


def pairs(dialect: str) -> list[tuple[str, str, str, Value]]:
    """Every option of every layer with every value that is not its default."""
    return [
        (dialect, layer, option.name, value)
        for layer in LAYERS
        for option in load_dialect(dialect).options_of(layer)
        for value in option.values
        if value != option.default
    ]


@pytest.mark.parametrize(("dialect", "layer", "option", "value"), pairs("keras") + pairs("torch"))
def test_every_option_shows(dialect: str, layer: str, option: str, value: Value) -> None:
    sizes = Sizes(1, 3, 3, 4) if value == "unbatched" else SMALL
    plain = LayerConfig.of(dialect, layer, VISIBLE.get(option, {}), sizes)
    flipped = plain.with_options(**{option: value})
    before, after = run_config(plain), run_config(flipped)
    if option in WITHOUT_EFFECT:
        assert after == before
    elif option in FOR_THE_PROGRAM:
        assert after == before
        assert outputs(flipped) != outputs(plain)
    else:
        assert after != before


def test_the_model_knows_the_options_of_the_specification() -> None:
    for layer in LAYERS:
        for dialect, model in (("keras", keras), ("torch", torch)):
            merge: Mapping[str, Any] = {"merge_mode": keras.MERGE_MODES} if dialect == "keras" else {}
            known = {**model.EVERY_LAYER, **model.ONE_LAYER[layer], **merge}
            promised = {option.name: option for option in load_dialect(dialect).options_of(layer)}
            assert {name: set(option.values) for name, option in promised.items()} == {
                name: set(values) for name, values in known.items()
            }
            assert {name: option.default for name, option in promised.items()} == {
                name: values[0] for name, values in known.items()
            }


# ---------------------------------------------------------------- what the model refuses


@pytest.mark.parametrize(
    ("layer", "options", "complaint"),
    [
        ("peephole_lstm", {}, "no layer"),
        ("lstm", {"time_major": True}, "no option 'time_major'"),
        ("lstm", {"reset_after": True}, "no option 'reset_after'"),
        ("lstm", {"merge_mode": "sum"}, "no option 'merge_mode'"),
        ("lstm", {"bidirectional": True, "merge_mode": "max"}, "merge_mode='max'"),
        ("lstm", {"activation": "softplus"}, "activation='softplus'"),
        ("lstm", {"return_state": 1}, "return_state=1"),
        ("lstm", {"mask": "right"}, "mask is handed over"),
        ("lstm", {"initial_state": True}, "initial_state is handed over"),
    ],
)
def test_the_keras_model_refuses(layer: str, options: dict[str, Value], complaint: str) -> None:
    layer_weights, x = keras_case("lstm")
    with pytest.raises(ValueError, match=complaint):
        keras.run(layer, options, layer_weights, x)


@pytest.mark.parametrize(
    ("layer", "options", "complaint"),
    [
        ("rnn", {}, "no layer"),
        ("lstm", {"dropout": 0}, "no option 'dropout'"),
        ("gru", {"proj_size": 1}, "no option 'proj_size'"),
        ("gru", {"nonlinearity": "relu"}, "no option 'nonlinearity'"),
        ("lstm", {"num_layers": 4}, "num_layers=4"),
        ("lstm", {"batch_first": 1}, "batch_first=1"),
        ("lstm", {"hx": True}, "hx is handed over"),
        ("lstm", {"input": "packed"}, "lengths is handed over"),
        ("lstm", {"num_layers": 2}, "4 weights; this layer has 8"),
    ],
)
def test_the_torch_model_refuses(layer: str, options: dict[str, Value], complaint: str) -> None:
    config = LayerConfig.of("torch", "lstm", {}, SIZES)
    with pytest.raises(ValueError, match=complaint):
        torch.run(layer, options, some_weights(config), numbers(0, 4, 2, 3))


def test_data_that_do_not_fit_are_refused() -> None:
    layer_weights, x = keras_case("lstm")
    gru_weights, _ = keras_case("gru", reset_after=False)
    h = numbers(0, SIZES.batch, SIZES.units)
    with pytest.raises(ValueError, match="2 weights; this layer has 3"):
        run_keras("lstm", layer_weights[:2], x)
    with pytest.raises(ValueError, match="columns"):
        run_keras("lstm", gru_weights, x)
    with pytest.raises(ValueError, match="initial states of sizes"):
        run_keras("lstm", layer_weights, x, None, [h])
    with pytest.raises(ValueError, match="argument"):
        run_keras("lstm", layer_weights, x, None, [h[:1], h[:1]])
    with pytest.raises(ValueError, match="mask is not"):
        run_keras("lstm", layer_weights, x, [[True]] * SIZES.batch)
    with pytest.raises(ValueError, match="argument"):
        run_keras("lstm", layer_weights, [[[*step, 1.0] for step in row] for row in x])


@pytest.mark.parametrize(
    ("lengths", "complaint"), [([2, 4], "not sorted"), ([4, 0], "from 1 to 4"), ([5, 4], "from 1")]
)
def test_lengths_that_do_not_fit_are_refused(lengths: list[int], complaint: str) -> None:
    config = LayerConfig.of("torch", "lstm", {}, SIZES)
    with pytest.raises(ValueError, match=complaint):
        torch.run("lstm", {"input": "packed"}, some_weights(config), numbers(0, 4, 2, 3), lengths)
