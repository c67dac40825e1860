"""Keras layers and cells in the place of Keras's own, right and wrong. Imported by workers alone."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class MyKerasLSTM(keras.layers.Layer):
    """Right: one direction, no masks, in plain operations; claims what its signatures say."""

    def __init__(self, units: int, return_sequences: bool = False, return_state: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.return_sequences, self.return_state = units, return_sequences, return_state

    def build(self, input_shape: Any) -> None:
        for name, rows in (("kernel", input_shape[-1]), ("recurrent_kernel", self.units)):
            setattr(self, name, self.add_weight(shape=(rows, 4 * self.units), name=name))
        self.bias = self.add_weight(shape=(4 * self.units,), name="bias")

    def call(self, sequences: Any, initial_state: Any = None) -> Any:
        zeros = ops.zeros((sequences.shape[0], self.units), sequences.dtype)
        h, c = initial_state or (zeros, zeros)
        output = []
        for step in range(sequences.shape[1]):
            z = ops.matmul(sequences[:, step], self.kernel) + ops.matmul(h, self.recurrent_kernel) + self.bias
            i, f, g, o = ops.split(z, 4, axis=1)
            c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
            h = ops.sigmoid(o) * ops.tanh(c)
            output.append(h)
        first = ops.stack(output, axis=1) if self.return_sequences else h
        return (first, h, c) if self.return_state else first


class IgnoresMask(keras.layers.LSTM):
    """Its `call` takes a mask, and forgets it."""

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        return super().call(sequences, initial_state=initial_state, training=training)


class MyCell(keras.layers.Layer):
    """A right LSTM cell without options of its own."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.state_size = [units, units]

    build = MyKerasLSTM.build

    def call(self, inputs: Any, states: Any) -> Any:
        h, c = states
        z = ops.matmul(inputs, self.kernel) + ops.matmul(h, self.recurrent_kernel) + self.bias
        i, f, g, o = ops.split(z, 4, axis=1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        h = ops.sigmoid(o) * self.shown(c)
        return h, [h, c]

    def shown(self, c: Any) -> Any:
        return ops.tanh(c)


class BareOutput(MyCell):
    def shown(self, c: Any) -> Any:
        return c


# ---------------------------------------------------------------- bad input


def returning(result: Any) -> type[keras.layers.LSTM]:
    class Returning(keras.layers.LSTM):
        def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
            return result(sequences)

    return Returning


ReturnsText = returning(lambda x: "text")
ReturnsGenerator = returning(lambda x: (part for part in x))
ReturnsSymbol = returning(lambda x: keras.Input((3,)))


class NoStateSize(keras.layers.Layer):
    def __init__(self, units: int) -> None:
        super().__init__()

    def call(self, inputs: Any, states: Any) -> Any:
        return inputs, states
