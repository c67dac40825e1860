"""Keras 3.15.1 on JAX: a stateful layer loses its states in predict, evaluate and fit.

The states are no variables of the model, so the stateless step of the trainer does not carry them. Clauses
KERAS-STATE-6 and KERAS-STATE-8. Needs keras and jax (another backend, to compare:
`python keras_jax_stateful_predict.py tensorflow`); imports nothing of this project.
"""

import os
import sys

backend = sys.argv[1] if len(sys.argv) > 1 else "jax"
os.environ["KERAS_BACKEND"] = backend

import keras  # noqa: E402
import numpy as np  # noqa: E402

inputs = keras.Input(batch_shape=(1, 1, 1))
layer = keras.layers.SimpleRNN(1, stateful=True, activation="linear")
model = keras.Model(inputs, layer(inputs))
model.set_weights([np.ones((1, 1)), np.ones((1, 1)), np.zeros(1)])
x = np.ones((1, 1, 1), "float32")
got = [float(model.predict(x, verbose=0).item()) for _ in range(3)]
verdict = "conforms" if got == [1, 2, 3] else "deviates"
print(f"Keras {keras.__version__}, {backend}: {verdict}: three calls of predict give {got}, should be [1, 2, 3]")
