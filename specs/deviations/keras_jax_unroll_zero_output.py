"""Keras 3.15.1 on JAX: unroll=True ignores zero_output_for_mask, and Bidirectional shows masked outputs.

`unroll` is documented to have no effect on results. Clauses KERAS-EXEC-1, KERAS-MASK-4, KERAS-MASK-7. Needs keras and
jax; imports nothing of this project.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np

x = np.array([[[1.0], [10.0]]], "float32")
mask = np.array([[True, False]])


def run(unroll: bool) -> list[float]:
    """The output of a layer that sums its inputs: 1 at the first step, 0 at the masked second one."""
    layer = keras.layers.SimpleRNN(
        1, unroll=unroll, return_sequences=True, zero_output_for_mask=True, activation="linear"
    )
    layer.build(x.shape)
    layer.set_weights([np.ones((1, 1)), np.ones((1, 1)), np.zeros(1)])
    return np.asarray(layer(x, mask=mask)).ravel().tolist()


rolled, unrolled = run(unroll=False), run(unroll=True)
verdict = "conforms" if rolled == unrolled == [1.0, 0.0] else "deviates"
print(f"Keras {keras.__version__}, JAX: {verdict}: unroll=False gives {rolled}, unroll=True gives {unrolled}")
