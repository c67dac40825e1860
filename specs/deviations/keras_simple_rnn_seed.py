"""Keras 3: the configuration of SimpleRNN loses the seed of its dropout.

GRU and LSTM keep it. So a copy of a SimpleRNN, a saved and loaded one, and those in `Bidirectional`, which are made
from the configuration, draw other masks every time. Clause KERAS-DROP-4. Needs Keras 3 with any backend; imports
nothing of this project.
"""

import keras

kinds = (keras.layers.SimpleRNN, keras.layers.GRU, keras.layers.LSTM)
kept = {kind.__name__: kind(5, dropout=0.5, seed=7).get_config().get("seed") for kind in kinds}
verdict = "conforms" if all(seed == 7 for seed in kept.values()) else "deviates"
print(f"Keras {keras.__version__} on {keras.backend.backend()}: {verdict}: get_config of seed=7 says {kept}")
