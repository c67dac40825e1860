"""Workers that misbehave where they are told to.

`python targeted.py keras --fault crashes_on`: on the case whose input begins with the bytes in the variable TARGET, in
hexadecimal digits; if ONCE names a file, only until that file exists. `--fault refuses`: wherever all options have the
values in REFUSED, such as "go_backwards=True mask=gaps".
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workers" / "fakes"))
import numpy as np
import numpy_layers
from numpy_layers import fault


def _on_target(dialect: Any, misbehave: Any) -> None:
    honest = dialect.layer_class

    class Targeted(honest):
        def call(self, mode: str, inputs: Any) -> Any:
            if inputs.x.tobytes().hex().startswith(os.environ["TARGET"]) and _still():
                misbehave()
            return honest.call(self, mode, inputs)

    dialect.layer_class = Targeted


def _still() -> bool:
    once = os.environ.get("ONCE")
    if once and Path(once).exists():
        return False
    if once:
        Path(once).touch()
    return True


@fault
def crashes_on(dialect: Any) -> None:
    _on_target(dialect, lambda: os.kill(os.getpid(), signal.SIGSEGV))


@fault
def hangs_on(dialect: Any) -> None:
    _on_target(dialect, lambda: time.sleep(3600))


@fault
def eats_on(dialect: Any) -> None:
    def eat() -> None:
        hoard = []
        while True:
            hoard.append(np.ones(1 << 21))
            time.sleep(0.005)

    _on_target(dialect, eat)


@fault
def claims_little(dialect: Any) -> None:
    """No masks, one type."""
    dialect.options = {**dialect.options, "mask": ["none"], "dtype": ["float32"]}


@fault
def refuses(dialect: Any) -> None:
    """Raises where the options have certain values; several such conditions are separated by commas."""
    honest = dialect.layer_class

    class Refusing(honest):
        def call(self, mode: str, inputs: Any) -> Any:
            has = self.options
            for condition in os.environ["REFUSED"].split(","):
                wanted = dict(word.split("=") for word in condition.split())
                if all(str(has.get(name)) == value for name, value in wanted.items()):
                    raise NotImplementedError(condition)
            return honest.call(self, mode, inputs)

    dialect.layer_class = Refusing


if __name__ == "__main__":
    numpy_layers.main()
