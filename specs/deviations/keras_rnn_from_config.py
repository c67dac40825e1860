"""Keras 3.15.1: RNN.from_config takes the cell out of the configuration that it is given.

A second layer cannot be made of it. LSTM, GRU, SimpleRNN and Bidirectional leave theirs alone. Clause GEN-LIFE-4.
Needs keras and any backend; imports nothing of this project.
"""

import keras

config = keras.layers.RNN(keras.layers.SimpleRNNCell(1)).get_config()
before = sorted(config)
keras.layers.RNN.from_config(config)
gone = sorted(set(before) - set(config))
try:
    keras.layers.RNN.from_config(config)
except KeyError as error:
    print(f"Keras {keras.__version__}: deviates: {gone} is gone; a second from_config raises KeyError: {error}")
else:
    print(f"Keras {keras.__version__}: {'deviates' if gone else 'conforms'}")
