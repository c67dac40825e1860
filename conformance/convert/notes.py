"""What a porter must know beside the weights: where inputs, outputs and states of two APIs differ, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.convert.traits import LAYERS


@dataclass(frozen=True)
class Note:
    """One sentence that holds for a source with some options."""

    source: str
    target: str
    text: str
    when: Mapping[str, Any] = field(default_factory=dict)
    layers: tuple[str, ...] = LAYERS

    def applies(self, layer: str, options: Mapping[str, Any]) -> bool:
        """Whether it is about a layer with these options."""
        return layer in self.layers and all(options.get(name) == value for name, value in self.when.items())


_LAST = {"return_sequences": False}
_ONE, _BOTH = {"bidirectional": False}, {"bidirectional": True}
_MERGED_BIAS = ("simple_rnn", "lstm")

NOTES = (
    # ------------------------------------------------------------ Keras -> PyTorch
    Note(
        "keras",
        "torch",
        "the bias goes to bias_ih, bias_hh is zero; both receive its gradient, so a step of plain SGD moves their sum "
        "twice as far",
        {"use_bias": True},
        _MERGED_BIAS,
    ),
    Note("keras", "torch", "the output of Keras is h_n[-1]", _LAST | _ONE),
    Note(
        "keras",
        "torch",
        "the output of Keras is torch.cat([h_n[-2], h_n[-1]], dim=-1), not output[:, -1], whose backward half has read "
        "one step only",
        _LAST | _BOTH | {"merge_mode": "concat"},
    ),
    *(
        Note("keras", "torch", f"the output of Keras is {formula.format('h_n[-2]', 'h_n[-1]')}", when | _LAST)
        for when, formula in (
            (_BOTH | {"merge_mode": "sum"}, "{} + {}"),
            (_BOTH | {"merge_mode": "mul"}, "{} * {}"),
            (_BOTH | {"merge_mode": "ave"}, "({} + {}) / 2"),
            (_BOTH | {"merge_mode": "None"}, "the pair {}, {}"),
        )
    ),
    *(
        Note(
            "keras",
            "torch",
            f"the output of Keras is {formula}, where f, b = output.chunk(2, dim=-1)",
            _BOTH | {"merge_mode": mode, "return_sequences": True},
        )
        for mode, formula in (("sum", "f + b"), ("mul", "f * b"), ("ave", "(f + b) / 2"), ("None", "the pair f, b"))
    ),
    Note("keras", "torch", "the states of Keras are h_n[-1] (and c_n[-1])", _ONE | {"return_state": True}),
    Note(
        "keras",
        "torch",
        "the states of Keras are h_n[-2] (and c_n[-2]), then h_n[-1] (and c_n[-1])",
        _BOTH | {"return_state": True},
    ),
    Note("keras", "torch", "flip the input along time; the output is then ordered as in Keras", {"go_backwards": True}),
    Note(
        "keras",
        "torch",
        "pack the input with the lengths of its rows; the output at padding is zero",
        {"mask": "right"},
    ),
    # ------------------------------------------------------------ PyTorch -> Keras
    Note("torch", "keras", "the two biases are added", {"bias": True}, _MERGED_BIAS),
    Note("torch", "keras", "Keras is batch first: swap the first two axes of input and output", {"batch_first": False}),
    Note("torch", "keras", "h_n[n] (and c_n[n]) are the states of layer n, (batch, units) each", _ONE),
    Note(
        "torch",
        "keras",
        "h_n[2 n] and h_n[2 n + 1] (likewise c_n) are the forward and backward states of layer n; Keras gives all "
        "forward states, then all backward ones",
        _BOTH,
    ),
    # ------------------------------------------------------------ Keras -> ONNX
    Note("keras", "onnx", "ONNX is time first here: swap the first two axes of the input"),
    Note("keras", "onnx", "Y has an axis of directions: Keras' sequence is Y[:, 0], batch first", _ONE),
    Note(
        "keras",
        "onnx",
        "Y has an axis of directions, both in time order: merge Y[:, 0] and Y[:, 1] for the next node or the output",
        _BOTH,
    ),
    Note("keras", "onnx", "the output of Keras is Y_h[0] of the last node", _LAST | _ONE),
    Note(
        "keras",
        "onnx",
        "the output of Keras is Y_h[0] and Y_h[1] of the last node, merged; not Y[-1]",
        _LAST | _BOTH,
    ),
    Note(
        "keras", "onnx", "Y is in time order, a sequence in Keras in processing order: flip it", {"go_backwards": True}
    ),
    Note("keras", "onnx", "sequence_lens are the lengths of the rows; Y is zero at padding", {"mask": "right"}),
    # ------------------------------------------------------------ ONNX -> Keras
    Note("onnx", "keras", "the two halves of B are added", {"bias": True}, _MERGED_BIAS),
    Note("onnx", "keras", "the two halves of B are added", {"bias": True, "linear_before_reset": 0}, ("gru",)),
    Note("onnx", "keras", "Keras is batch first: swap the first two axes of the input", {"layout": 0}),
    Note(
        "onnx",
        "keras",
        "a sequence comes in processing order, Y is in time order: flip it",
        {"direction": "reverse"},
    ),
    Note(
        "onnx",
        "keras",
        "concatenated halves are Y.transpose(0, 2, 1, 3) reshaped to (timesteps, batch, 2 units)",
        {"direction": "bidirectional", "layout": 0},
    ),
    # ------------------------------------------------------------ PyTorch <-> ONNX
    Note("torch", "onnx", "ONNX is time first here: swap the first two axes of the input", {"batch_first": True}),
    Note(
        "torch",
        "onnx",
        "the output of PyTorch is Y.transpose(0, 2, 1, 3) reshaped to (timesteps, batch, directions * units), which "
        "the next node reads too; h_n is all Y_h, one after the other",
    ),
    Note(
        "onnx",
        "torch",
        "Y is the output of PyTorch reshaped to (timesteps, batch, directions, units) and transposed by (0, 2, 1, 3)",
        {"layout": 0},
    ),
    Note("onnx", "torch", "flip the input along time, and the output back", {"direction": "reverse"}),
)


def notes(source: str, target: str, layer: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """The notes for a layer that is moved from one API to another.

    Args:
        source: name of the API that it comes from.
        target: name of the API that it goes to.
        layer: the layer.
        options: all its options, in the words of the source.
    """
    return tuple(
        note.text for note in NOTES if (note.source, note.target) == (source, target) and note.applies(layer, options)
    )
