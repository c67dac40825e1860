"""Keras 3.15.1: Bidirectional declares its states in its own dtype and gives them in that of its layers.

Bidirectional(layer) has a dtype policy of its own, by default the global one. It casts its output to that, but not the
states: a symbolic call says float32, the call gives float16, so a functional model does not give what it declares.
Which of the two types states should have is documented nowhere. Clause KERAS-DECL-1. Needs keras and any backend;
imports nothing of this project.
"""

import keras
import numpy as np

layer = keras.layers.Bidirectional(keras.layers.GRU(2, return_state=True, dtype="mixed_float16"))
symbolic = [part.dtype for part in layer(keras.Input((3, 1)))]
actual = [keras.backend.standardize_dtype(part.dtype) for part in layer(np.ones((1, 3, 1), "float32"))]
verdict = "conforms" if symbolic == actual else "deviates"
print(f"Keras {keras.__version__}: {verdict}: output and states are declared as {symbolic}, and given as {actual}")
