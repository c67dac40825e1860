"""Workers that misbehave only in the further calls of laws: `python law_fakes.py keras --fault dies_of_nan`."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workers" / "fakes"))
import numpy as np
import numpy_layers
from numpy_layers import fault


def _on_nan(dialect: Any, misbehave: Callable[[], None]) -> None:
    honest = dialect.layer_class

    class Allergic(honest):  # type: ignore[valid-type, misc]
        def call(self, mode: str, inputs: Any) -> Any:
            if np.isnan(inputs.x).any():
                misbehave()
            return honest.call(self, mode, inputs)

    dialect.layer_class = Allergic


@fault
def dies_of_nan(dialect: Any) -> None:
    _on_nan(dialect, lambda: os.kill(os.getpid(), signal.SIGSEGV))


@fault
def sleeps_on_nan(dialect: Any) -> None:
    _on_nan(dialect, lambda: time.sleep(3600))


@fault
def offers_nothing(dialect: Any) -> None:
    """Plain calls alone."""
    dialect.features = []


if __name__ == "__main__":
    numpy_layers.main()
