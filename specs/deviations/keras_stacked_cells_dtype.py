"""Keras 3: RNN of a list of cells makes a stack of the default type, whatever dtype the layer and the cells have.

A list of cells is documented ("the cells will be stacked on top of each other in the RNN"), and dtype as "the dtype of
the layer's computations and weights". RNN.__init__ wraps the list in StackedRNNCells(cells), without its own dtype: the
stack is float32 in a layer of float16 or float64 whose cells are as well, so inputs and initial states pass through
float32: float64 is lost. A call raises on JAX, and with a mask on TensorFlow. A StackedRNNCells that is made with that
dtype works. Clauses GEN-ACCEPT-1, KERAS-DTYPE-1.
Needs Keras 3 with any backend; imports nothing of this project.
"""

import keras
import numpy as np

layers, dtype = keras.layers, "float64"
if keras.backend.backend() == "jax":
    import jax

    jax.config.update("jax_enable_x64", True)
x = keras.ops.convert_to_tensor(np.random.default_rng(0).normal(size=(2, 3, 1)), dtype)
mask = keras.ops.convert_to_tensor([[True, True, False], [True, True, True]])

wrong, results = [], []
for what in ("a list", "StackedRNNCells"):
    cells = [layers.LSTMCell(2, dtype=dtype), layers.LSTMCell(2, dtype=dtype)]
    layer = layers.RNN(cells if what == "a list" else layers.StackedRNNCells(cells, dtype=dtype), dtype=dtype)
    if layer.cell.compute_dtype != dtype:
        wrong.append(f"{what} of cells of {dtype} in a layer of {dtype} is stacked in {layer.cell.compute_dtype}")
    layer.build(x.shape)
    draw = np.random.default_rng(1)
    layer.set_weights([draw.normal(size=weight.shape) for weight in layer.weights])
    for given in ({}, {"mask": mask}):
        try:
            results.append(keras.ops.convert_to_numpy(layer(x, **given)))
        except Exception as error:  # whatever is raised is the finding
            wrong.append(f"{what} {'with' if given else 'without'} a mask: {type(error).__name__}")
if len(results) > 2 and (apart := np.abs(results[0] - results[-2]).max()) > 1e-12:
    wrong.append(f"their results differ by {apart:.1g}")
verdict = "deviates" if wrong else "conforms"
print(f"Keras {keras.__version__} on {keras.backend.backend()}: {verdict}: {'; '.join(wrong) or 'all is float64'}")
