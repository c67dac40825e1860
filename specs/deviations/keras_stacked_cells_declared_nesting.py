"""Keras 3.15.1: RNN of stacked GRU or SimpleRNN cells declares another nesting of its states than it gives.

Declared, by compute_output_shape and by a symbolic call, is one tensor for each cell; an eager call gives a list of
one tensor for each. A functional model of the layer gives what is declared, so layer and model differ. LSTM cells
agree. Clauses KERAS-OUT-4, GEN-LIFE-4. Needs keras and any backend; imports nothing of this project.
"""

import keras
import numpy as np

layer = keras.layers.RNN([keras.layers.SimpleRNNCell(1), keras.layers.SimpleRNNCell(2)], return_state=True)
symbolic = [type(part).__name__ for part in layer(keras.Input((2, 1)))[1:]]
actual = [type(part).__name__ for part in layer(np.ones((1, 2, 1), "float32"))[1:]]
nested = "list" in actual
verdict = "deviates" if nested != ("list" in symbolic) else "conforms"
print(f"Keras {keras.__version__}: {verdict}: states are declared as {symbolic}, and given as {actual}")
