"""Keras 3.15.1 on torch and JAX: a layer of dtype float64 computes partly in float32.

`python keras_float64_in_float32.py torch`, or jax. Clause KERAS-DTYPE-1. Imports nothing of this project.
"""

import os
import sys

backend = sys.argv[1] if len(sys.argv) > 1 else "torch"
os.environ["KERAS_BACKEND"] = backend

if backend == "jax":
    import jax

    jax.config.update("jax_enable_x64", True)

import keras  # noqa: E402
import numpy as np  # noqa: E402

layer = keras.layers.SimpleRNN(1, dtype="float64")
layer.build((1, 1, 1))
layer.set_weights([np.full((1, 1), 0.1), np.full((1, 1), 0.1), np.zeros(1)])
try:
    got = float(np.asarray(keras.ops.convert_to_numpy(layer(np.full((1, 1, 1), 0.1)))).item())
except Exception as error:  # whatever is raised is the finding
    print(f"Keras {keras.__version__}, {backend}: deviates: {type(error).__name__}: {error}")
else:
    expected = float(np.tanh(0.01))
    verdict = "conforms" if abs(got - expected) < 1e-15 else "deviates"
    print(f"Keras {keras.__version__}, {backend}: {verdict}: tanh(0.01) = {got!r}, should be {expected!r}")
