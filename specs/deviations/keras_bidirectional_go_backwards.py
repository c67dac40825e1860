"""Keras 3.15.1: Bidirectional refuses a layer with go_backwards=True, although it documents no such limit.

The backward layer is generated with go_backwards=True whatever the wrapped layer has, instead of the opposite.
Clauses GEN-ACCEPT-1, KERAS-BI-1. Needs keras and any backend; imports nothing of this project.
"""

import keras

layer = keras.layers.SimpleRNN(1, go_backwards=True)
try:
    keras.layers.Bidirectional(layer)
except ValueError as error:
    print(f"Keras {keras.__version__}: deviates: {error}")
else:
    print(f"Keras {keras.__version__}: conforms")
