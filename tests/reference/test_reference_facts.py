"""What the reference says about cases that can be checked by hand, and how it takes what it cannot use."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from reference_cases import random_config, random_draw

from conformance.errors import SpecError
from conformance.reference import Expected, evaluate, precision
from conformance.spec import LayerConfig, Sizes, Tensors, outputs, weights

F64 = precision("float64")
EXAMPLE = [
    [0.1, 4.2, 1.5, 1.1, 2.8],
    [1.0, 3.1, 2.5, 0.7, 1.1],
    [0.3, 2.1, 1.5, 2.1, 0.1],
    [2.2, 1.4, 0.5, 0.9, 1.1],
]


def by_name(config: LayerConfig, draw: Tensors, bound: Any = "step") -> dict[str, Expected]:
    (expected,) = evaluate(config, [draw], F64, bound)
    return {output.name: output for output in expected}


def worked_example(**options: Any) -> dict[str, Expected]:
    config = LayerConfig.of(
        "keras", "lstm", {"dtype": "float64", "bidirectional": True, "return_state": True} | options, Sizes(1, 4, 5, 3)
    )
    values = {
        "kernel": np.full((5, 12), 0.1),
        "recurrent_kernel": np.full((3, 12), 0.1),
        "bias": np.repeat([0.0, 1.0, 0.0, 0.0], 3),
    }
    return by_name(config, Tensors(tuple(values[w.role] for w in weights(config)), np.array([EXAMPLE])))


def test_worked_example() -> None:
    expected = worked_example()
    assert list(expected) == ["output", "forward_h", "forward_c", "backward_h", "backward_c"]
    np.testing.assert_allclose(expected["output"].value, [[0.6303139] * 3 + [0.70387346] * 3], atol=5e-8)
    np.testing.assert_array_equal(expected["output"].value[:, :3], expected["forward_h"].value)
    np.testing.assert_array_equal(expected["output"].value[:, 3:], expected["backward_h"].value)


def test_last_step_of_the_sequence_is_not_the_output_without_sequences() -> None:
    last, sequence = worked_example()["output"].value, worked_example(return_sequences=True)["output"].value
    assert last is not None
    assert sequence is not None
    np.testing.assert_array_equal(sequence[:, -1, :3], last[:, :3])
    np.testing.assert_array_equal(sequence[:, 0, 3:], last[:, 3:])
    assert np.all(np.abs(sequence[:, -1, 3:] - last[:, 3:]) > 0.01)


def simple(values: list[float], options: dict[str, Any] | None = None, **tensors: Any) -> dict[str, Expected]:
    """H' = x + h / 2, without activation."""
    given = {"dtype": "float64", "activation": "linear", "return_sequences": True, "return_state": True}
    config = LayerConfig.of("keras", "simple_rnn", given | (options or {}), Sizes(1, len(values), 1, 1))
    parameters = (np.array([[1.0]]), np.array([[0.5]]), np.array([0.0]))
    x = np.array(values).reshape(1, -1, 1)
    return by_name(config, Tensors(parameters * (2 if config.bidirectional else 1), x, **tensors))


def numbers(expected: Expected) -> list[Any]:
    assert expected.value is not None
    return expected.value.ravel().tolist()


def test_order_of_time() -> None:
    assert numbers(simple([1, 2, 4])["output"]) == [1, 2.5, 5.25]
    assert numbers(simple([1, 2, 4], {"go_backwards": True})["output"]) == [4, 4, 3]
    both = simple([1, 2, 4], {"bidirectional": True, "merge_mode": "None"})
    assert numbers(both["forward_output"]) == [1, 2.5, 5.25]
    assert numbers(both["backward_output"]) == [3, 4, 4]
    assert numbers(both["backward_h"]) == [3]


def test_masked_steps_repeat_the_output_and_carry_the_state() -> None:
    mask = np.array([[False, True, False, True]])
    expected = simple([9, 1, 9, 2], {"mask": "gaps"}, mask=mask)
    assert numbers(expected["output"]) == [0, 1, 1, 2.5]
    assert numbers(expected["h"]) == [2.5]
    zeroed = simple([9, 1, 9, 2], {"mask": "gaps", "zero_output_for_mask": True}, mask=mask)
    assert numbers(zeroed["output"]) == [0, 1, 0, 2.5]
    assert zeroed["output"].specified is None


def test_masked_steps_before_the_first_unmasked_one_are_open_if_there_is_a_state() -> None:
    mask, state = np.array([[False, True, False]]), (np.array([[4.0]]),)
    expected = simple([9, 1, 9], {"mask": "gaps", "initial_state": True}, mask=mask, initial_state=state)
    assert expected["output"].specified is not None
    assert expected["output"].specified.ravel().tolist() == [False, True, True]
    assert expected["h"].specified is None
    zero = simple([9, 1, 9], {"mask": "gaps", "initial_state": True}, mask=mask, initial_state=(np.zeros((1, 1)),))
    assert zero["output"].specified is None


def test_zero_output_without_sequences_is_open_at_a_masked_last_step() -> None:
    options = {"mask": "right", "zero_output_for_mask": True, "return_sequences": False}
    masked = simple([1, 2, 9], options, mask=np.array([[True, True, False]]))
    assert masked["output"].specified is not None
    assert not masked["output"].specified.any()
    assert simple([1, 2, 9], options, mask=np.array([[False, True, True]]))["output"].specified is None


def test_bidirectional_sequences_are_zero_at_masked_steps_and_last_outputs_are_states() -> None:
    mask = np.array([[True, False, True]])
    options = {"mask": "gaps", "bidirectional": True, "merge_mode": "sum"}
    sequence = simple([1, 9, 2], options, mask=mask)["output"]
    assert numbers(sequence) == [1 + 2, 0, 2.5 + 2]
    assert sequence.allowed[0, 1, 0] == 0
    last = simple([1, 9, 2], options | {"return_sequences": False, "zero_output_for_mask": True}, mask=mask)["output"]
    assert numbers(last) == [2.5 + 2]
    assert last.specified is None


def test_bidirectional_around_a_backward_layer_is_open_with_sequences_only() -> None:
    options = {"bidirectional": True, "go_backwards": True, "merge_mode": "None"}
    sequences = simple([1, 2, 4], options)
    assert not np.any(sequences["forward_output"].specified)
    assert numbers(sequences["forward_h"]) == [3]
    last = simple([1, 2, 4], options | {"return_sequences": False})
    assert last["forward_output"].specified is None
    assert numbers(last["forward_output"]) == [3]
    assert numbers(last["backward_output"]) == [5.25]


def test_packed_rows_end_at_their_own_length() -> None:
    config = LayerConfig.of(
        "torch",
        "simple_rnn",
        {"dtype": "float64", "nonlinearity": "relu", "bias": False, "input": "packed_unsorted", "bidirectional": True},
        Sizes(2, 4, 1, 1),
    )
    parameters = (np.array([[1.0]]), np.array([[0.5]])) * 2
    x = np.array([[1.0, 1.0], [2.0, 2.0], [9.0, 4.0], [9.0, 9.0]])[..., None]
    expected = by_name(config, Tensors(parameters, x, lengths=np.array([2, 3])))
    assert expected["output.data"].value is None
    assert numbers(expected["output.batch_sizes"]) == [2, 2, 1]
    assert numbers(expected["output.lengths"]) == [2, 3]
    padded = expected["output.padded"].value
    assert padded is not None
    assert padded[:, 0].tolist() == [[1, 2], [2.5, 2], [0, 0]]
    assert padded[:, 1].tolist() == [[1, 3], [2.5, 4], [5.25, 4]]
    assert numbers(expected["h_n"]) == [2.5, 5.25, 2, 3]
    assert expected["output.padded"].allowed[2, 0].tolist() == [0, 0]


@pytest.mark.parametrize("dialect", ["keras", "torch"])
def test_outputs_follow_the_contract(dialect: str) -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        config = random_config(rng, dialect)
        draws = [random_draw(rng, config) for _ in range(3)]
        for draw, expected in zip(draws, evaluate(config, draws, F64, "interval"), strict=True):
            contracts = outputs(config, None if draw.lengths is None else draw.lengths.tolist())
            assert [output.name for output in expected] == [contract.name for contract in contracts]
            for output, contract in zip(expected, contracts, strict=True):
                assert (output.value is None) == (contract.judged == "form")
                assert output.allowed.shape == contract.shape
                assert np.all(output.allowed >= 0)


def valid() -> tuple[LayerConfig, Tensors]:
    config = LayerConfig.of("keras", "gru", {}, Sizes(2, 3, 4, 5))
    return config, random_draw(np.random.default_rng(0), config)


def test_what_does_not_fit_is_refused() -> None:
    config, draw = valid()
    unknown = replace(config, items=(*config.items, ("recurrent_dropout", 1)))
    wrong = [
        (replace(config, dialect="onnx"), draw, "step", "dialect 'onnx'"),
        (unknown, draw, "step", "option 'recurrent_dropout'"),
        (config, draw, "zonotope", "no bound 'zonotope'"),
        (config, replace(draw, weights=draw.weights[:2]), "step", "2 weights were given; the layer has 3"),
        (config, replace(draw, weights=(draw.weights[0].T, *draw.weights[1:])), "step", "weight kernel has shape"),
        (config, replace(draw, x=draw.x[0]), "step", "x has shape"),
        (config, replace(draw, mask=np.ones((2, 3), bool)), "step", "mask was given"),
        (config, replace(draw, initial_state=(np.zeros((2, 5)),)), "step", "initial_state was given"),
        (config.with_options(initial_state=True), draw, "step", "initial state h is missing"),
    ]
    for changed, tensors, bound, message in wrong:
        with pytest.raises(SpecError, match=message):
            evaluate(changed, [tensors], F64, bound)  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="float8"):
        precision("float8")


def test_unknown_activation_is_refused() -> None:
    config, draw = valid()
    items = tuple((name, "gelu" if name == "activation" else value) for name, value in config.items)
    with pytest.raises(SpecError, match="no activation 'gelu'"):
        evaluate(replace(config, items=items), [draw], F64, "step")
