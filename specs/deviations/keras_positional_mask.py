"""Keras 3.15.1: `layer(x, None, None)` raises TypeError: "got multiple values for argument 'mask'".

Documented is `call(sequences, initial_state=None, mask=None, training=False)`; handing over the defaults by position
must be the same as leaving them out. Layer.__call__ fills in a mask by keyword although there is one by position. With
initial states, `layer(x, states, None)`, it works. Clause GEN-ACCEPT-1. Needs keras and any backend; imports nothing
of this project.
"""

import keras
import numpy as np

layer = keras.layers.SimpleRNN(1)
x = np.ones((1, 1, 1), "float32")
layer(x, initial_state=None, mask=None)
try:
    layer(x, None, None)
except TypeError as error:
    print(f"Keras {keras.__version__}: deviates: {error}")
else:
    print(f"Keras {keras.__version__}: conforms")
