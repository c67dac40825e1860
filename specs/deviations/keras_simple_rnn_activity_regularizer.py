"""Keras 3: SimpleRNN takes an activity_regularizer and ignores it.

It is documented as "regularizer function applied to the output of the layer", and its value as "divided by the input
batch size". GRU and LSTM hand the argument on to RNN.__init__; SimpleRNN does not: it is neither counted in
`layer.losses` nor in the loss of `fit`, and `get_config` says None. Clauses KERAS-REG-2, KERAS-REG-4.
Needs Keras 3 with any backend; imports nothing of this project.
"""

import keras
import numpy as np

x = np.random.default_rng(0).normal(size=(3, 4, 2)).astype("float32")
wrong = []
for kind in (keras.layers.SimpleRNN, keras.layers.GRU, keras.layers.LSTM):
    layer = kind(5, activity_regularizer=keras.regularizers.L1(1.0))
    output = keras.ops.convert_to_numpy(layer(x))
    counted = sum(float(keras.ops.convert_to_numpy(loss)) for loss in layer.losses)
    if not np.isclose(counted, np.abs(output).sum() / len(x), rtol=1e-4):
        wrong.append(f"{kind.__name__} counts {counted:.4g} in the place of {np.abs(output).sum() / len(x):.4g}")
verdict = "deviates" if wrong else "conforms"
print(f"Keras {keras.__version__} on {keras.backend.backend()}: {verdict}: {'; '.join(wrong) or 'all are counted'}")
