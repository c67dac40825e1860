"""Keras 3.15.1 on JAX: a GRU with `use_bias=False` raises in half and mixed precision.

Its loop for JAX puts `jnp.zeros(...)` in the place of the bias: zeros of JAX's default type, float32, to which the
state is then promoted; `lax.scan` refuses a state that changes its type. With `jax_enable_x64` that type is float64,
and layers of float32 raise as well (`python keras_jax_gru_without_bias.py x64`). With a bias, a mask or `unroll=True`
it works. Clause GEN-ACCEPT-1. Imports nothing of this project.
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1" if "x64" in sys.argv else "0"

import keras
import numpy as np

zeros = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}
for dtype in ("float32", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"):
    layer = keras.layers.GRU(1, use_bias=False, dtype=dtype, **zeros)
    try:
        layer(np.ones((1, 2, 1), "float32"))
    except Exception as error:  # whatever is raised is the finding
        told = f"deviates: {type(error).__name__}: {' '.join(str(error).split())[:140]}"
    else:
        told = "conforms"
    print(f"Keras {keras.__version__}, jax, {dtype}: {told}")
