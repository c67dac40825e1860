"""Work beside other work, in threads that the end of the program does not wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


def aside(work: Callable[[], Result]) -> Future[Result]:
    """Begin some work; its result, or what it raised, is in the future that is given.

    A pool of threads would keep a program alive that somebody wants to stop at once, until an implementation that hangs
    is ended by its limit.
    """
    future: Future[Result] = Future()

    def do() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=do, daemon=True).start()
    return future
