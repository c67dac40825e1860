"""Keras 3.15.1: a mask from Masking or Embedding is lost when initial_state is given.

Masked timesteps "will be masked (skipped) in all downstream layers (as long as they support masking)", says `Masking`.
With two tensor arguments Layer.__call__ looks for an argument `sequences_mask` instead of `mask`, finds none and goes
on without. So a decoder of padded sequences reads the padding. Clauses GEN-LIFE-4, KERAS-MASK-1. Needs keras and any
backend; imports nothing of this project.
"""

import keras
import numpy as np

masked = keras.layers.Masking(0.0)(np.array([[[1.0], [2.0], [0.0]]], "float32"))
mask = np.array([[True, True, False]])
zero = np.zeros((1, 1), "float32")
ones = {"kernel_initializer": "ones", "recurrent_initializer": "ones", "bias_initializer": "ones"}
layer = keras.layers.SimpleRNN(1, activation="linear", **ones)


def run(**arguments: object) -> float:
    """Every step that is read adds its value and one: 5 for the two that are there."""
    return float(np.asarray(keras.ops.convert_to_numpy(layer(masked, **arguments)))[0, 0])


alone, with_state, explicit = run(), run(initial_state=[zero]), run(initial_state=[zero], mask=mask)
verdict = "conforms" if alone == with_state == explicit == 5.0 else "deviates"
print(
    f"Keras {keras.__version__}: {verdict}: mask of Masking {alone}, and with an initial state of zero {with_state}; "
    f"mask as argument and an initial state of zero {explicit}"
)
