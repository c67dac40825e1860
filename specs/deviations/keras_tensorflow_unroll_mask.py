"""Keras 3.15.1 on TensorFlow: unroll=True zeroes the wrong steps when a masked sequence is read backwards.

The outputs are in processing order, the mask that zeroes them is in time order. `unroll` is documented to have no
effect on results. Clauses KERAS-EXEC-1, KERAS-MASK-4, KERAS-MASK-7. Needs keras and tensorflow; imports nothing of this
project.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np

x = np.array([[[1.0], [10.0]]], "float32")
mask = np.array([[True, False]])
ones = [np.ones((1, 1), "float32"), np.ones((1, 1), "float32"), np.zeros(1, "float32")]


def run(layer: keras.Layer, weights: list[np.ndarray]) -> list[list[float]]:
    """The output for one layer with these weights, as a list."""
    layer.build(x.shape)
    layer.set_weights(weights)
    return [np.asarray(part).ravel().tolist() for part in keras.tree.flatten(layer(x, mask=mask))]


def one_direction(unroll: bool) -> list[list[float]]:
    """A layer that reads backwards; read backwards the masked step comes first, so [0, 1] is right."""
    options = {"return_sequences": True, "go_backwards": True, "zero_output_for_mask": True, "activation": "linear"}
    return run(keras.layers.SimpleRNN(1, unroll=unroll, **options), ones)


def both_directions(unroll: bool) -> list[list[float]]:
    """The forward and the backward half, both in time order: [1, 0] is right for both."""
    layer = keras.layers.SimpleRNN(1, unroll=unroll, return_sequences=True, activation="linear")
    return run(keras.layers.Bidirectional(layer, merge_mode=None), ones + ones)


rolled = one_direction(unroll=False), both_directions(unroll=False)
unrolled = one_direction(unroll=True), both_directions(unroll=True)
verdict = "conforms" if rolled == unrolled else "deviates"
print(f"Keras {keras.__version__}, TensorFlow: {verdict}: unroll=False gives {rolled}, unroll=True gives {unrolled}")
