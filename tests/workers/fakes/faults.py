"""Workers that misbehave in one way each: `python faults.py keras --fault crashes`.

They are the honest NumPy implementation with one planted fault; raw.py has those that break the protocol itself.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy_layers
from numpy_layers import fault

Change = Callable[[Callable[[], Any], Any], Any]


def change_calls(dialect: Any, change: Change) -> None:
    """Let every call of a layer go through `change(honest_call, inputs)`."""
    honest = dialect.layer_class

    class Changed(honest):
        def call(self, mode: str, inputs: Any) -> Any:
            return change(lambda: honest.call(self, mode, inputs), inputs)

    dialect.layer_class = Changed


def on_call(number: int, misbehave: Callable[[], None]) -> Change:
    """A change that misbehaves on one call and is honest on all others."""
    counted: list[int] = []

    def change(honest: Callable[[], Any], _inputs: Any) -> Any:
        counted.append(1)
        if len(counted) == number:
            misbehave()
        return honest()

    return change


@fault
def crashes(dialect: Any) -> None:
    """Dies of a segmentation fault on its fifth call."""

    def crash() -> None:
        print("the last words", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)

    change_calls(dialect, on_call(5, crash))


@fault
def exits(dialect: Any) -> None:
    """Ends itself on its first call, past every exception handler."""
    change_calls(dialect, on_call(1, lambda: os._exit(7)))


@fault
def hangs(dialect: Any) -> None:
    change_calls(dialect, on_call(2, lambda: time.sleep(3600)))


@fault
def leaves_a_child(dialect: Any) -> None:
    """Starts a process that holds its pipes open, and hangs."""

    def spawn() -> None:
        if os.fork() == 0:
            time.sleep(3600)
        time.sleep(3600)

    change_calls(dialect, on_call(1, spawn))


@fault
def slow(dialect: Any) -> None:
    change_calls(dialect, on_call(1, lambda: time.sleep(0.3)))


@fault
def prints(dialect: Any) -> None:
    """Writes all kinds of rubbish to standard output and error, through Python and past it; reads standard input."""

    def rubbish() -> None:
        print("a stray print", flush=True)
        print('{"id": 1, "ok": true}', flush=True)
        os.write(1, b"\xff\xfe\x00 raw bytes on fd 1\n")
        os.write(2, b"\x1b[31m raw bytes on fd 2 \xff\xfe\n" * 20_000)
        sys.stdin.read()

    change_calls(dialect, on_call(1, rubbish))


@fault
def lies(dialect: Any) -> None:
    """Claims every option, and raises when it is used."""

    def refuse(honest: Callable[[], Any], _inputs: Any) -> Any:
        raise NotImplementedError("not \x1b[31mreally\x1b[0m \u202eimplemented")

    change_calls(dialect, refuse)


@fault
def raises_in_message(dialect: Any) -> None:
    """Raises an exception whose message raises."""

    class MuteError(RuntimeError):
        def __str__(self) -> str:
            raise ValueError("no message")

    def refuse(honest: Callable[[], Any], _inputs: Any) -> Any:
        raise MuteError

    change_calls(dialect, refuse)


@fault
def returns_nan(dialect: Any) -> None:
    """NaN in every floating output, however they are nested."""

    def spoilt(result: Any) -> Any:
        if isinstance(result, tuple):
            return tuple(spoilt(part) for part in result)
        return np.full_like(result, np.nan) if isinstance(result, np.ndarray) and result.dtype.kind == "f" else result

    change_calls(dialect, lambda honest, _inputs: spoilt(honest()))


@fault
def returns_one_too_many(dialect: Any) -> None:
    change_calls(dialect, lambda honest, _inputs: (honest(), np.zeros(3)))


@fault
def returns_none(dialect: Any) -> None:
    change_calls(dialect, lambda honest, _inputs: None)


@fault
def returns_dict(dialect: Any) -> None:
    change_calls(dialect, lambda honest, _inputs: {"output": [honest(), "text"]})


@fault
def wrong_dtype(dialect: Any) -> None:
    change_calls(dialect, lambda honest, _inputs: honest().astype(np.float64))


@fault
def unsendable_dtype(dialect: Any) -> None:
    change_calls(dialect, lambda honest, _inputs: honest().astype(object))


@fault
def wrong_shape(dialect: Any) -> None:
    change_calls(dialect, lambda honest, _inputs: honest()[None])


@fault
def eats_memory(dialect: Any) -> None:
    """Takes memory, a little with every call."""
    hoard: list[Any] = []
    change_calls(dialect, lambda honest, _inputs: (hoard.append(np.ones(1 << 22)), time.sleep(0.02), honest())[2])


@fault
def eats_memory_in_a_call(dialect: Any) -> None:
    """Takes memory and never comes back from a call."""

    def eat() -> None:
        hoard = []
        while True:
            hoard.append(np.ones(1 << 20))
            time.sleep(0.01)

    change_calls(dialect, on_call(1, eat))


@fault
def mutates_inputs(dialect: Any) -> None:
    def mutate(honest: Callable[[], Any], inputs: Any) -> Any:
        result = honest()
        inputs.x[...] += 1
        return result

    change_calls(dialect, mutate)


@fault
def mutates_weights(dialect: Any) -> None:
    honest = dialect.layer_class

    class Changed(honest):
        def call(self, mode: str, inputs: Any) -> Any:
            result = honest.call(self, mode, inputs)
            self.weights()[0][1][...] += 1
            return result

    dialect.layer_class = Changed


@fault
def overwrites_results(dialect: Any) -> None:
    """Returns the same buffer every time."""
    buffers: list[Any] = []

    def reuse(honest: Callable[[], Any], _inputs: Any) -> Any:
        result = honest()
        if not buffers or buffers[0].shape != result.shape:
            buffers[:] = [result.copy()]
        buffers[0][...] = result
        return buffers[0]

    change_calls(dialect, reuse)


@fault
def dies_at_import(dialect: Any) -> None:
    print("Traceback: something\nOSError: libwanted.so: cannot open shared object file", file=sys.stderr, flush=True)
    os._exit(1)


@fault
def lacks_its_framework(dialect: Any) -> None:
    raise ModuleNotFoundError("No module named 'wanted'")


if __name__ == "__main__":
    numpy_layers.main()
