"""Keras 3.15.1 on torch: an unrolled masked layer that reads backwards raises AttributeError.

Clauses GEN-ACCEPT-1, KERAS-EXEC-1. Needs keras and torch; imports nothing of this project.
"""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np

layer = keras.layers.SimpleRNN(1, unroll=True, go_backwards=True)
try:
    layer(np.ones((1, 2, 1), "float32"), mask=np.array([[True, False]]))
except AttributeError as error:
    print(f"Keras {keras.__version__}, torch: deviates: {error}")
else:
    print(f"Keras {keras.__version__}, torch: conforms")
