"""Keras 3.15.1: RNN of a list of one cell fails, or gives its states otherwise nested from case to case.

"In the case that `cell` is a list of RNN cell instances, the cells will be stacked": StackedRNNCells takes the states
of a single cell out of their list (`if len(new_states) == 1: new_states = new_states[0]`), so that they no longer have
the nesting that it was given. Two cells work. An LSTM cell fails unrolled, and on torch with a mask; on TensorFlow
every cell fails in a masked loop, on JAX in any loop. Where it works, the nesting of the returned state depends on the
number of steps. Clauses GEN-ACCEPT-1, GEN-LIFE-4. Needs keras and any backend; imports nothing of this project.
"""

import keras
import numpy as np

x = np.ones((1, 2, 1), "float32")
mask = np.array([[True, False]])
layers, found = keras.layers, []
for kind in (layers.SimpleRNNCell, layers.LSTMCell):
    for unroll in (True, False):
        for given in (None, mask):
            layers.RNN(kind(1), unroll=unroll)(x, mask=given)
            try:
                layers.RNN([kind(1)], unroll=unroll)(x, mask=given)
            except Exception as error:  # whatever is raised is the finding
                how = f"unroll={unroll}, {'no mask' if given is None else 'mask'}"
                found.append(f"{kind.__name__} {how}: {type(error).__name__}")
verdict = "deviates" if found else "conforms"
print(f"Keras {keras.__version__}, {keras.backend.backend()}: {verdict}: {'; '.join(found)}")
