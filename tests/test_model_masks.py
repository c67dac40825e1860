"""Masked steps in the reference model, with a cell that counts: what is carried, shown, zero or open."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from model_data import run_keras

from specs.model import OPEN

# a cell that counts: h' = h + x
COUNTER = [[[1.0]], [[1.0]], [0.0]]
TENS = [[[1.0], [10.0], [100.0], [1000.0]]]
LEFT, RIGHT, GAP, NOTHING = ([0, 0, 1, 1], [1, 1, 0, 0], [1, 0, 0, 1], [0, 0, 0, 0])


def count(mask: Sequence[int], initial: float | None = None, **options: Any) -> dict[str, Any]:
    """The only row of what the counter gives; numbers without their axis of one unit."""
    state = None if initial is None else [[[initial]]] * (2 if options.get("bidirectional") else 1)
    layers = COUNTER * 2 if options.get("bidirectional") else COUNTER
    found = run_keras("simple_rnn", layers, TENS, [mask], state, activation="linear", return_state=True, **options)
    return {name: np.array(value, dtype=object)[0].squeeze(-1).tolist() for name, value in found.items()}


@pytest.mark.parametrize(
    ("mask", "options", "shown", "h"),
    [
        (RIGHT, {}, [1, 11, 11, 11], 11),
        (LEFT, {}, [0, 0, 100, 1100], 1100),
        (GAP, {}, [1, 1, 1, 1001], 1001),
        (NOTHING, {}, [0, 0, 0, 0], 0),
        (GAP, {"zero_output_for_mask": True}, [1, 0, 0, 1001], 1001),
        (RIGHT, {"go_backwards": True}, [0, 0, 10, 11], 11),
        (LEFT, {"go_backwards": True}, [1000, 1100, 1100, 1100], 1100),
        (LEFT, {"go_backwards": True, "zero_output_for_mask": True}, [1000, 1100, 0, 0], 1100),
    ],
)
def test_masked_sequences(mask: list[int], options: dict[str, Any], shown: list[float], h: float) -> None:
    assert count(mask, return_sequences=True, **options) == {"output": shown, "h": h}


@pytest.mark.parametrize(
    ("mask", "options", "output", "h"),
    [
        (RIGHT, {}, 11, 11),
        (NOTHING, {}, 0, 0),
        (LEFT, {"zero_output_for_mask": True}, 1100, 1100),
        (RIGHT, {"zero_output_for_mask": True}, OPEN, 11),
        (RIGHT, {"zero_output_for_mask": True, "go_backwards": True}, 11, 11),
        (LEFT, {"zero_output_for_mask": True, "go_backwards": True}, OPEN, 1100),
    ],
)
def test_masked_last_outputs(mask: list[int], options: dict[str, Any], output: float | None, h: float) -> None:
    assert count(mask, **options) == {"output": output, "h": h}


def test_what_is_shown_before_the_first_step_is_open_if_the_state_is_not_zero() -> None:
    assert count(LEFT, 5.0, return_sequences=True) == {"output": [OPEN, OPEN, 105, 1105], "h": 1105}
    assert count(LEFT, 0.0, return_sequences=True) == {"output": [0, 0, 100, 1100], "h": 1100}
    assert count(LEFT, 5.0, return_sequences=True, zero_output_for_mask=True)["output"] == [0, 0, 105, 1105]
    assert count(NOTHING, 5.0) == {"output": OPEN, "h": 5}


def test_masked_bidirectional() -> None:
    options: dict[str, Any] = {"bidirectional": True, "merge_mode": "None"}
    assert count(GAP, return_sequences=True, **options) == {
        "forward_output": [1, 0, 0, 1001],
        "backward_output": [1001, 0, 0, 1000],
        "forward_h": 1001,
        "backward_h": 1001,
    }
    for zero in (False, True):
        last = count(RIGHT, 5.0, zero_output_for_mask=zero, **options)
        assert last == {"forward_output": 16, "backward_output": 16, "forward_h": 16, "backward_h": 16}
    assert count(NOTHING, 5.0, **options)["forward_output"] is OPEN
    assert count(NOTHING, 5.0, bidirectional=True, merge_mode="sum") == {
        "output": OPEN,
        "forward_h": 5,
        "backward_h": 5,
    }


def test_only_the_order_of_a_sequence_is_open_around_a_layer_that_goes_backwards() -> None:
    options: dict[str, Any] = {"bidirectional": True, "go_backwards": True}
    mask = [1, 1, 1, 1]
    assert count(mask, return_sequences=True, merge_mode="sum", **options)["output"] == [OPEN] * 4
    assert count(mask, merge_mode="sum", **options)["output"] == 2222
