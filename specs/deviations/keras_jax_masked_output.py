"""Keras 3.15.1 on JAX: at a masked step, RNN of a cell of one's own returns the cell's first state, not its output.

"In the `False` case, output from previous timestep is returned for masked timestep" (`zero_output_for_mask`). The
scanned loop on JAX takes the first state in its place ("Assume the first state is the previous output"), which a cell
need not have: here it is a clock, of another size than the output. So in every version since 3.0; unrolled, and on
TensorFlow and torch, the output is repeated. Clauses KERAS-MASK-2 and GEN-LIFE-4. Needs keras and jax (another
backend, to compare: `python keras_jax_masked_output.py tensorflow`); imports nothing of this project.
"""

import os
import sys

backend = sys.argv[1] if len(sys.argv) > 1 else "jax"
os.environ["KERAS_BACKEND"] = backend

import keras  # noqa: E402
import numpy as np  # noqa: E402


class Clock(keras.layers.Layer):
    """Adds its inputs up, and counts the steps."""

    state_size = (1, 2)
    output_size = 2

    def call(self, inputs, states):
        """One step."""
        time, total = states
        return total + inputs, [time + 1, total + inputs]


x = np.array([[[1, 2], [10, 20], [100, 200]]], "float32")
mask = np.array([[True, False, True]])
should = [[1, 2], [1, 2], [101, 202]]
found = keras.ops.convert_to_numpy(keras.layers.RNN(Clock(), return_sequences=True)(x, mask=mask))[0].tolist()
verdict = "conforms" if found == should else "deviates"
print(f"Keras {keras.__version__}, {backend}: {verdict}: the steps give {found}, should be {should}")
