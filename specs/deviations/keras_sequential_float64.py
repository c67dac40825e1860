"""Keras 3.15.1: the first call of a Sequential without Input rounds float64 input to float32; with Input it does not.

Without Input a Sequential is built when it first sees data ("Specifying the input shape in advance" in
keras.io/guides/sequential_model), and then is the model that it would be with one. Until then it is a layer of the
default type, and casts that data to it, though its only layer has dtype float64. Clauses GEN-LIFE-4, KERAS-DTYPE-1.
Needs keras and any backend with float64 (JAX: JAX_ENABLE_X64=1); imports nothing of this project.
"""

import keras
import numpy as np

ones = {"kernel_initializer": "ones", "recurrent_initializer": "ones"}
layer = keras.layers.LSTM(1, dtype="float64", **ones)
x = keras.ops.convert_to_tensor(np.full((1, 1, 1), 0.1))
models = [keras.Sequential([keras.Input((1, 1), dtype="float64"), layer]), keras.Sequential([layer])]
given, told = (float(np.asarray(keras.ops.convert_to_numpy(model(x)))[0, 0]) for model in models)
again = float(np.asarray(keras.ops.convert_to_numpy(models[1](x)))[0, 0])
called = float(np.asarray(keras.ops.convert_to_numpy(layer(x)))[0, 0])
verdict = "conforms" if called == given == told else "deviates"
said = f"the layer gives {called!r}, with Input {given!r}, without {told!r} at first and then {again!r}"
print(f"Keras {keras.__version__}: {verdict}: {said}")
