"""Keras 3: GRU and LSTM with dropout and implementation=1 cannot be called in training.

`implementation=1` draws a mask for each gate. The path that tries cuDNN first (`use_cudnn="auto"`, the default) takes
the list of them for one mask, and broadcasts it to the shape of the input. Clauses GEN-ACCEPT-1, KERAS-DROP-2. Needs
Keras 3 with any backend; imports nothing of this project.
"""

import keras

x = keras.ops.ones((4, 3, 2))
raised = {}
for kind in (keras.layers.GRU, keras.layers.LSTM):
    try:
        kind(5, dropout=0.5, implementation=1)(x, training=True)
    except Exception as error:
        raised[kind.__name__] = type(error).__name__
verdict = "deviates" if raised else "conforms"
print(f"Keras {keras.__version__} on {keras.backend.backend()}: {verdict}: raised {raised or 'nothing'}")
