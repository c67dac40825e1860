"""The honest NumPy implementation with one fault or harmless variation: `python worker.py keras --fault NAME`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workers" / "fakes"))
import cell_faults  # noqa: F401 - registers its faults
import curvature_faults  # noqa: F401
import declared_faults  # noqa: F401
import descent_faults  # noqa: F401
import gradient_faults  # noqa: F401
import harmless  # noqa: F401
import keras2_faults  # noqa: F401
import keras_faults  # noqa: F401
import keras_route_faults  # noqa: F401
import law_data_faults  # noqa: F401
import law_life_faults  # noqa: F401
import lifetime_faults  # noqa: F401
import mixed_faults  # noqa: F401
import numpy_layers
import quantization_faults  # noqa: F401
import regularizer_faults  # noqa: F401
import route_faults  # noqa: F401
import size_faults  # noqa: F401
import torch_faults  # noqa: F401
import training_faults  # noqa: F401

if __name__ == "__main__":
    numpy_layers.main()
