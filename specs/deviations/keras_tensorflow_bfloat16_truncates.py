"""Keras 3 on TensorFlow 2.21 without oneDNN: products of bfloat16 matrices are cut off instead of rounded.

A product of one row and one column of one element each has an error of up to two units of rounding; with oneDNN (the
default on x86), with `tf.cast` and on the other backends it has at most one. Nothing is documented of either. Clauses
KERAS-DTYPE-1, KERAS-EXEC-2. Needs TensorFlow and ml_dtypes; imports nothing of this project.
"""

import os

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import numpy as np
import tensorflow as tf
from ml_dtypes import bfloat16

rng = np.random.default_rng(0)
worst = 0.0
for _ in range(200):
    row, column = (rng.standard_normal(shape).astype(bfloat16) for shape in ((8, 1), (1, 1)))
    exact = row.astype(float) @ column.astype(float)
    got = np.asarray(tf.linalg.matmul(tf.constant(row), tf.constant(column))).astype(float)
    worst = max(worst, float(np.max(np.abs(got - exact) / np.abs(exact))) * 2**8)
verdict = "conforms" if worst <= 1 else "deviates"
print(f"TensorFlow {tf.__version__}: {verdict}: a product is off by {worst:.2f} units of rounding, should be at most 1")
