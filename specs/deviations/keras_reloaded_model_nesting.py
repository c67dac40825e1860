"""Keras 3.15.1: a model that gives a tuple gives a list when it was saved and loaded.

A recurrent layer with return_state gives a tuple, alone and as the output of a functional model. After `to_json` and
`model_from_json`, and after `save` and `load_model`, the same model gives a list: JSON has no tuples, and nothing
marks them. Clauses KERAS-OUT-1, GEN-LIFE-4. Needs keras and any backend; imports nothing of this project.
"""

import keras
import numpy as np

x = np.ones((1, 2, 1), "float32")
inputs = keras.Input((2, 1))
model = keras.Model(inputs, keras.layers.SimpleRNN(1, return_state=True)(inputs))
loaded = keras.models.model_from_json(model.to_json())
before, after = type(model(x)).__name__, type(loaded(x)).__name__
verdict = "conforms" if before == after else "deviates"
print(f"Keras {keras.__version__}: {verdict}: the model gives a {before}, the loaded one a {after}")
