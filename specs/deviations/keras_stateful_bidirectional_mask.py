"""Keras 3.15.1: a stateful Bidirectional layer with return_state=True cannot be called.

compute_mask multiplies a generator, `(None for _ in self.states)`, by two, as if it were a tuple. Without stateful
there are no `states` and the line is not reached. Nor can it be called on symbolic tensors. Clauses KERAS-STATE-6,
KERAS-STATE-7 and KERAS-DECL-1. Needs keras and any backend; imports nothing of this project.
"""

import keras
import numpy

layer = keras.layers.Bidirectional(keras.layers.LSTM(1, stateful=True, return_state=True))
try:
    layer(numpy.ones((1, 1, 1), "float32"))
except TypeError as error:
    print(f"Keras {keras.__version__}: deviates: {error}")
else:
    print(f"Keras {keras.__version__}: conforms")
