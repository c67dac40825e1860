"""Keras 3.15.1 on torch: a stateful LSTM or GRU cannot be trained.

The states are written in place while the backward pass still needs them. Clauses GEN-ACCEPT-1 and
KERAS-STATE-8. Needs keras and torch (another backend, to compare: `python keras_torch_stateful_fit.py tensorflow`);
imports nothing of this project.
"""

import os
import sys

backend = sys.argv[1] if len(sys.argv) > 1 else "torch"
os.environ["KERAS_BACKEND"] = backend

import keras  # noqa: E402
import numpy as np  # noqa: E402

for kind in (keras.layers.SimpleRNN, keras.layers.GRU, keras.layers.LSTM):
    inputs = keras.Input(batch_shape=(1, 2, 1))
    model = keras.Model(inputs, kind(1, stateful=True)(inputs))
    model.compile("sgd", "mse")
    try:
        model.fit(np.ones((1, 2, 1), "float32"), np.ones((1, 1), "float32"), batch_size=1, verbose=0)
    except Exception as error:  # whatever is raised is the finding
        told = f"deviates: {type(error).__name__}: {str(error)[:90]}"
    else:
        told = "conforms"
    print(f"Keras {keras.__version__}, {backend}, {kind.__name__}: {told}")
