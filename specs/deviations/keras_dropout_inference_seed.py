"""Keras 3: a call outside of training draws dropout masks, which it does not use, and so changes those of later calls.

Two layers with the same seed and weights train with different masks if one of them was used in between. The
documentation does not say which is right. Clause KERAS-DROP-5. Needs Keras 3 with any backend; imports nothing of
this project.
"""

import keras
import numpy as np

x = keras.ops.ones((64, 3, 2))
changed = []
for kind in (keras.layers.SimpleRNN, keras.layers.GRU, keras.layers.LSTM):
    first, second = (kind(5, dropout=0.5, seed=7) for _ in range(2))
    first.build(x.shape)
    second.build(x.shape)
    second.set_weights(first.get_weights())
    second(x, training=False)
    one, other = (keras.ops.convert_to_numpy(layer(x, training=True)) for layer in (first, second))
    if not np.allclose(one, other):
        changed.append(kind.__name__)
verdict = "deviates" if changed else "conforms"
told = f"using the layer changed the masks of {changed or None}"
print(f"Keras {keras.__version__} on {keras.backend.backend()}: {verdict}: {told}")
