"""Keras 3.15.1: a layer that reads backwards passes on the mask in time order, but its sequence in processing order.

So the next layer skips a step that is there and reads one that is not. `go_backwards` is documented to "return the
reversed sequence", and masked timesteps "will be masked (skipped) in all downstream layers" (`Masking`). Known as
keras-team/keras issues 3737 and 6022 since 2016. Clauses GEN-LIFE-4, KERAS-MASK-6, KERAS-DECL-2. Needs keras and any
backend; imports nothing of this project.
"""

import keras
import numpy as np


def reader(**options: bool) -> keras.Layer:
    """A layer whose output at every step is its input."""
    initial = {"kernel_initializer": "ones", "recurrent_initializer": "zeros"}
    return keras.layers.SimpleRNN(1, activation="linear", use_bias=False, **initial, **options)


x = np.array([[[1.0], [2.0], [0.0]]], "float32")
first = reader(go_backwards=True, return_sequences=True, zero_output_for_mask=True)
adding = keras.layers.SimpleRNN(
    1, activation="linear", use_bias=False, kernel_initializer="ones", recurrent_initializer="ones"
)
sequence = first(keras.layers.Masking(0.0)(x))
got = float(np.asarray(keras.ops.convert_to_numpy(adding(sequence)))[0, 0])
verdict = "conforms" if got == 3.0 else "deviates"
reversed_ = np.asarray(keras.ops.convert_to_numpy(sequence)).ravel().tolist()
print(f"Keras {keras.__version__}: {verdict}: the unmasked steps of {reversed_} add up to {got}, should be 3.0")
