"""Keras 3.15.1 on torch: the constraint NonNeg rounds weights of float64 to float32.

They are multiplied with booleans, and the product of a boolean and a float64 tensor is of float32 there. Clauses
KERAS-REG-5 and KERAS-DTYPE-1. Needs keras and torch (another backend, to compare:
`python keras_torch_non_neg_float64.py tensorflow`); imports nothing of this project.
"""

import os
import sys

backend = sys.argv[1] if len(sys.argv) > 1 else "torch"
os.environ["KERAS_BACKEND"] = backend
os.environ["JAX_ENABLE_X64"] = "1"  # or JAX has no float64

import keras  # noqa: E402
import numpy as np  # noqa: E402

keras.config.set_floatx("float64")
weight = keras.Variable(np.array([0.1, 1 / 3]), dtype="float64")
kept = keras.constraints.NonNeg()(weight)
off = float(np.abs(keras.ops.convert_to_numpy(kept).astype("float64") - [0.1, 1 / 3]).max())
verdict = "conforms" if off == 0 else "deviates"
print(f"Keras {keras.__version__}, {backend}: {verdict}: positive weights change by {off:.1e}; type {kept.dtype}")
