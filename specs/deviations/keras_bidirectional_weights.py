"""Keras 3.15.1: Bidirectional(weights=...) is accepted and ignored.

The lists are stored as `initial_weights` of both layers, an attribute that nothing reads in Keras 3. In Keras 2 it set
the initial weights. The argument is in the signature, without a description. Clause GEN-LIFE-4. Needs keras and any
backend; imports nothing of this project.
"""

import keras
import numpy as np

given = [np.full((1, 1), 0.5), np.full((1, 1), 0.5), np.full(1, 0.5)] * 2
layer = keras.layers.Bidirectional(keras.layers.SimpleRNN(1), weights=given)
layer.build((1, 1, 1))
got = [np.round(weight.ravel(), 3).tolist() for weight in layer.get_weights()]
verdict = "conforms" if all(np.allclose(a, b) for a, b in zip(given, layer.get_weights(), strict=True)) else "deviates"
print(f"Keras {keras.__version__}: {verdict}: weights all 0.5 were given, the layer has {got}")
