"""Keras 3: with a rate of 1, GRU and LSTM drop nothing.

The rate is documented as the "fraction of the units to drop", a number "between 0 and 1", and is clipped to [0, 1].
The cells of GRU and LSTM ask for `0.0 < rate < 1.0`; SimpleRNN does not, and drops everything. Clause KERAS-DROP-2.
Needs Keras 3 with any backend; imports nothing of this project.
"""

import keras
import numpy as np

x = keras.ops.ones((4, 3, 2))
wrong = []
for kind in (keras.layers.SimpleRNN, keras.layers.GRU, keras.layers.LSTM):
    for rate in ("dropout", "recurrent_dropout"):
        layer = kind(5, recurrent_initializer="ones", **{rate: 1.0})
        in_use, in_training = (keras.ops.convert_to_numpy(layer(x, training=told)) for told in (False, True))
        if np.allclose(in_use, in_training):
            wrong.append(f"{kind.__name__}({rate}=1.0)")
verdict = "deviates" if wrong else "conforms"
print(f"Keras {keras.__version__} on {keras.backend.backend()}: {verdict}: nothing is dropped by {wrong or 'none'}")
