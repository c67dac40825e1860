"""Keras 3.15.1: Bidirectional changes the backward layer that it is handed.

Its `zero_output_for_mask` is overwritten with `return_sequences`, and its `use_cudnn` with that of the forward layer.
So the same layer called on its own, before and after, gives different outputs. The documentation tells of zeroed
outputs of Bidirectional, not of the layer. Clause GEN-LIFE-4. Needs keras and any backend; imports nothing of this
project.
"""

import keras
import numpy as np

x = np.array([[[5.0], [1.0]]], "float32")
mask = np.array([[False, True]])
options = {"return_sequences": True, "activation": "linear", "kernel_initializer": "ones"}
layer = keras.layers.SimpleRNN(1, go_backwards=True, **options)


def call() -> list[float]:
    """What the layer gives on its own: the masked step comes last and repeats the output of the one before it."""
    return np.asarray(keras.ops.convert_to_numpy(layer(x, mask=mask))).ravel().tolist()


before = call()
keras.layers.Bidirectional(keras.layers.SimpleRNN(1, **options), backward_layer=layer)
after = call()
verdict = "conforms" if before == after == [1.0, 1.0] else "deviates"
print(f"Keras {keras.__version__}: {verdict}: {before} before, {after} after it was handed to Bidirectional")
