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
    dialect.declares = {}


@fault
def two_wrong_routes(dialect: Any) -> None:
    """Two ways to call a layer: one wrong without a bias; one for sequences, always wrong."""
    honest, described = dialect.layer_class, dialect.describe

    class Routed(honest):  # type: ignore[valid-type, misc]
        def __init__(self, layer: str, options: Any, *rest: Any) -> None:
            super().__init__(layer, options, *rest)
            self.told = options

        def call(self, mode: str, inputs: Any) -> Any:
            plain = honest.call(self, "eager", inputs)
            wrong = {"eager": False, "half": not self.told["use_bias"], "sequences": True}[mode]
            if mode == "sequences" and not self.told["return_sequences"]:
                raise KeyError("it is not offered here")
            parts = plain if isinstance(plain, tuple) else (plain,)
            given = tuple(part + 1 for part in parts) if wrong else parts
            return given if isinstance(plain, tuple) else given[0]

    def describe() -> Any:
        said = described()
        said["capabilities"]["routes"] = {"half": {}, "sequences": {"return_sequences": [True]}}
        return said

    dialect.layer_class = Routed
    dialect.describe = describe


@fault
def two_wrong_ways_to_declare(dialect: Any) -> None:
    """Two ways to declare: one wrong without a bias, one refused with a bias."""
    honest = dialect.layer_class

    class Declared(honest):  # type: ignore[misc, valid-type]
        """A layer whose declarations are wrong."""

        def declare(self, way: str, inputs: Any) -> Any:
            if way == "unknown" and self.options["unroll"]:
                raise KeyError("it is not offered here")
            if way == "unknown" and self.options["use_bias"]:
                raise ValueError("no such thing")
            said = super().declare(way, inputs)
            return [said] if way == "shapes" and not self.options["use_bias"] else said

    dialect.layer_class = Declared


if __name__ == "__main__":
    numpy_layers.main()
