"""Keras 3.15.1: Bidirectional with a backward layer of another width declares other shapes than it gives.

compute_output_shape doubles the forward layer's units and repeats its states. So do the symbolic tensors: a Dense
layer after it in a functional model gets a kernel that does not fit, and the model cannot be called. Documented to
have to match are `stateful`, `return_state`, `return_sequences`, "etc."; another width is accepted, and the call
works. Clauses KERAS-BI-1, KERAS-OUT-4. Needs keras and any backend; imports nothing of this project.
"""

import keras
import numpy as np

layers = keras.layers
layer = layers.Bidirectional(layers.SimpleRNN(2), backward_layer=layers.SimpleRNN(3, go_backwards=True))
inputs = keras.Input((2, 1))
x = np.ones((1, 2, 1), "float32")
symbolic, declared, actual = layer(inputs).shape[-1], layer.compute_output_shape((1, 2, 1))[-1], layer(x).shape[-1]
model = keras.Model(inputs, layers.Dense(1)(layer(inputs)))
try:
    model(x)
except Exception as error:  # whatever is raised is the finding
    then = f"a model with a Dense layer after it raises {type(error).__name__}"
else:
    then = "a model with a Dense layer after it works"
verdict = "conforms" if symbolic == declared == actual == 5 else "deviates"
widths = f"width declared {declared}, symbolic {symbolic}, actual {int(actual)}"
print(f"Keras {keras.__version__}: {verdict}: {widths}; {then}")
