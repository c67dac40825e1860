"""Layers with a backward pass of their own, all of them right in what they return: faults in gradients alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy_layers import KerasDialect, KerasLayer, fault, terms

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "reference"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from emulation import Style
from gradient_emulation import Emulation, Row

from conformance.reference import Accuracy
from conformance.spec import LayerConfig, Sizes, Tensors, outputs

STYLE = Style("float32", Accuracy((1.0, 0.0), (2.0, 0.0)), push=0)


def trainable(dialect: KerasDialect, kind: type[Emulation]) -> None:
    """Let layers compute gradients with `kind`, which reads one way and in float32."""

    class Trainable(KerasLayer):
        def __init__(self, layer: str, options: dict[str, Any], sizes: dict[str, int]) -> None:
            super().__init__(layer, options, sizes)
            own = {name: value for name, value in options.items() if name != "stateful"}
            self.config = LayerConfig.of("keras", layer, own, Sizes(**sizes))

        def gradients(self, mode: str, inputs: terms.Inputs, weighed: terms.Weighed) -> terms.Gradients:
            return self.differentiated(inputs, self.cotangents(mode, inputs, weighed))

        def differentiated(self, inputs: terms.Inputs, cotangents: dict[str, Any]) -> terms.Gradients:
            """The gradients of a loss with these slopes by the outputs of these names."""
            given = self.given(inputs)
            x, *found = kind(self.config, given, STYLE).gradients(cotangents)
            return terms.Gradients(x, found[: len(given.weights)], found[len(given.weights) :])

        def given(self, inputs: terms.Inputs) -> Tensors:
            """All that a call is given."""
            arrays, states = tuple(array for _, array in self.weights()), inputs.initial_state
            return Tensors(arrays, inputs.x, inputs.mask, None, None if states is None else tuple(states))

        def cotangents(self, mode: str, inputs: terms.Inputs, weighed: terms.Weighed) -> dict[str, Any]:
            """The weights of outputs by the names of these."""
            pairs = zip(outputs(self.config), weighed(self.call(mode, inputs)), strict=True)
            return {output.name: cotangent for output, (_, cotangent) in pairs}

    dialect.layer_class = Trainable
    dialect.features = [*dialect.features, "gradients"]
    dialect.options = {**dialect.options, "dtype": ["float32"], "bidirectional": [False]}


@fault
def backward_pass(dialect: Any) -> None:
    """A right one."""
    trainable(dialect, Emulation)


@fault
def slope_of_tanh_by_an_old_output(dialect: Any) -> None:
    """The slope of tanh is taken at an output that was rounded to half precision."""

    class Rounded(Emulation):
        def sloped(self, g: Any, gate: str, row: Row, act: str | None = None) -> Any:
            if (act or self.acts[gate]) != "tanh":
                return super().sloped(g, gate, row, act)
            y = row.y[gate].astype(np.float16).astype(np.float32)
            return g * (1 - y * y)

    trainable(dialect, Rounded)


@fault
def cell_state_detached(dialect: Any) -> None:
    """No gradient goes from a cell state to the one before it."""

    class Detached(Emulation):
        def back_lstm(self, row: Row, dh: Any, dc: Any) -> Any:
            return *super().back_lstm(row, dh, dc)[:3], []

    trainable(dialect, Detached)


@fault
def masked_steps_have_no_gradient(dialect: Any) -> None:
    """What is shown at masked steps is taken for a constant, although it repeats an earlier output."""

    class Forgetful(Emulation):
        def shown(self, cotangents: Any, b: int, k: int, mask: Any) -> list[Any]:
            return super().shown(cotangents, b, k, mask) if mask[k] else []

    trainable(dialect, Forgetful)


@fault
def biases_have_one_gradient(dialect: Any) -> None:
    """The recurrent bias gets the gradient of the input bias."""

    class Once(Emulation):
        def collect(self, terms: Any, row: Row, d: Any, recurrent: Any) -> None:
            super().collect(terms, row, d, recurrent)
            terms["recurrent_bias"][-1] = terms["bias"][-1]

    trainable(dialect, Once)


@fault
def truncated_after_four_steps(dialect: Any) -> None:
    """Backpropagation through time stops four steps before the end."""

    class Truncated(Emulation):
        def gradients(self, cotangents: Any) -> list[Any]:
            self.left = 0
            return super().gradients(cotangents)

        def final(self, cotangents: Any, b: int) -> Any:
            self.left = 4
            return super().final(cotangents, b)

        def back(self, row: Row, dh: Any, dc: Any) -> Any:
            self.left -= 1
            zero = [np.zeros((1, len(row.h)), np.float32)]
            return super().back(row, *((dh, dc) if self.left >= 0 else (zero, zero)))

    trainable(dialect, Truncated)


@fault
def initial_state_has_no_gradient(dialect: Any) -> None:
    """Initial states are taken for constants."""

    class Constant(Emulation):
        def gradients(self, cotangents: Any) -> list[Any]:
            found, states = super().gradients(cotangents), len(self.draw.initial_state or ())
            return [*found[: len(found) - states], *map(np.zeros_like, found[len(found) - states :])]

    trainable(dialect, Constant)
