"""Keras 3: the documented string identifier "l1_l2" of a regularizer is refused.

The documentation of L1L2 says: "L1L2 may be passed to a layer as a string identifier:
dense = Dense(3, kernel_regularizer='l1_l2')". The table of names has "l1l2", the class name in snake case; "l1" and
"l2" are as documented. Clause GEN-ACCEPT-1. It concerns every layer that takes a regularizer.
Needs Keras 3 with any backend; imports nothing of this project.
"""

import keras

wrong = []
for name in ("l1", "l2", "l1_l2"):
    try:
        keras.layers.LSTM(2, kernel_regularizer=name)
    except ValueError as error:
        wrong.append(f"kernel_regularizer={name!r}: {error}")
verdict = "deviates" if wrong else "conforms"
print(f"Keras {keras.__version__} on {keras.backend.backend()}: {verdict}: {'; '.join(wrong) or 'all are taken'}")
