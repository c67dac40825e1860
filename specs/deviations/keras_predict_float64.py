"""Keras 3.15.1: predict rounds float64 input to float32, also for a model whose input and layers are float64.

The data adapter of arrays casts floating-point input to keras.config.floatx(), whatever the type of the model's input;
so do `fit` and `evaluate`. A call of the model keeps the type. "Generates output predictions for the input samples"
says the documentation of `predict`, and nothing of a cast. Clauses GEN-LIFE-4, KERAS-DTYPE-1. Needs keras and any
backend with float64; imports nothing of this project.
"""

import keras
import numpy as np

inputs = keras.Input((1, 1), dtype="float64")
ones = {"kernel_initializer": "ones", "recurrent_initializer": "ones"}
layer = keras.layers.SimpleRNN(1, activation="linear", dtype="float64", **ones)
model = keras.Model(inputs, layer(inputs))
x = np.full((1, 1, 1), 0.1)
called = float(np.asarray(keras.ops.convert_to_numpy(model(x)))[0, 0])
predicted = float(model.predict(x, verbose=0)[0, 0])
verdict = "conforms" if predicted == called == 0.1 else "deviates"
print(f"Keras {keras.__version__}: {verdict}: the model of 0.1 gives {called!r}, predict {predicted!r}")
