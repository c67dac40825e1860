"""Keras 3.15.1 on TensorFlow: a stateful layer for batches of one row cannot be trained, unless batch_size=1 is said.

With the default batch_size (or any but 1) the loop's state changes its static shape from (1, units) to (None, units).
For two rows all is well. Clause GEN-ACCEPT-1. Needs keras and tensorflow (another backend, to compare:
`python keras_tensorflow_stateful_fit.py torch`); imports nothing of this project.
"""

import os
import sys

backend = sys.argv[1] if len(sys.argv) > 1 else "tensorflow"
os.environ["KERAS_BACKEND"] = backend

import keras  # noqa: E402
import numpy as np  # noqa: E402

for rows in (1, 2):
    inputs = keras.Input(batch_shape=(rows, 2, 1))
    model = keras.Model(inputs, keras.layers.SimpleRNN(1, stateful=True)(inputs))
    model.compile("sgd", "mse")
    try:
        model.fit(np.ones((rows, 2, 1), "float32"), np.ones((rows, 1), "float32"), verbose=0)
    except Exception as error:  # whatever is raised is the finding
        told = f"deviates: {type(error).__name__}: {' '.join(str(error).split())[40:150]}"
    else:
        told = "conforms"
    print(f"Keras {keras.__version__}, {backend}, {rows} in a batch: {told}")
