"""Keras 3.15.1: a recurrent layer of a half type cannot make its weights; bfloat16 on any backend, float16 on JAX.

The default `recurrent_initializer`, `orthogonal`, needs a QR decomposition, which the backends have not for these
types. `python keras_half_weights.py tensorflow`, torch, or jax. Clauses GEN-ACCEPT-1, KERAS-DTYPE-4. Imports nothing
of this project.
"""

import os
import sys

backend = sys.argv[1] if len(sys.argv) > 1 else "tensorflow"
os.environ["KERAS_BACKEND"] = backend

import keras  # noqa: E402

for dtype in ("float16", "bfloat16"):
    layer = keras.layers.SimpleRNN(1, dtype=dtype)
    try:
        layer.build((1, 1, 1))
    except Exception as error:  # whatever is raised is the finding
        told = f"deviates: {type(error).__name__}: {str(error)[:80]}"
    else:
        told = "conforms"
    print(f"Keras {keras.__version__}, {backend}, {dtype}: {told}")
