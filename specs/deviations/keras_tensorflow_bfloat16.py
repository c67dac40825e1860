"""Keras 3.15.1 on TensorFlow: a recurrent layer of dtype bfloat16 cannot make its weights.

The default `recurrent_initializer`, `orthogonal`, needs a QR decomposition, which TensorFlow has not for bfloat16.
Clauses GEN-ACCEPT-1, KERAS-DTYPE-1. Needs keras and tensorflow; imports nothing of this project.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras

layer = keras.layers.SimpleRNN(1, dtype="bfloat16")
try:
    layer.build((1, 1, 1))
except Exception as error:  # whatever is raised is the finding
    print(f"Keras {keras.__version__}, TensorFlow: deviates: {type(error).__name__}: {str(error)[:80]}")
else:
    print(f"Keras {keras.__version__}, TensorFlow: conforms")
