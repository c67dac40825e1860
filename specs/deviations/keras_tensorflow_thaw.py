"""Keras 3.15.1 on TensorFlow: `layer.trainable = True` does not thaw a weight that was frozen by itself.

The setter is documented to set "trainable attribute for the layer and its sublayers", and sets that of every weight; on
PyTorch and JAX it does. On TensorFlow `__setattr__` returns before the setter where the attribute has that value
already ("Short circuit for self.$x = self.$x"), and `fit` goes on without the weight. Not only recurrent layers. Clause
GEN-GRAD-3. Needs keras and tensorflow (another backend, to compare: `python keras_tensorflow_thaw.py torch`); imports
nothing of this project.
"""

import os
import sys

os.environ["KERAS_BACKEND"] = backend = sys.argv[1] if len(sys.argv) > 1 else "tensorflow"

import keras
import numpy as np

layer = keras.layers.LSTM(1)
model = keras.Sequential([keras.Input((2, 1)), layer])
layer.weights[0].trainable = False
layer.trainable = True
before = np.array(layer.get_weights()[0])
model.compile("sgd", "mse")
model.fit(np.ones((1, 2, 1), "float32"), np.ones((1, 1), "float32"), verbose=0)
moved = bool((layer.get_weights()[0] != before).any())
verdict = "conforms" if moved else "deviates"
told = f"weight.trainable is {layer.weights[0].trainable}, and fit {'trains' if moved else 'does not train'} it"
print(f"Keras {keras.__version__}, {backend}: {verdict}: after layer.trainable = True, {told}")
