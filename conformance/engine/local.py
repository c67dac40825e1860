"""A worker without a process: an implementation that lives in this one, behind the same interface."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.adapters import serve, terms
from conformance.engine.answers import Message, checked, last_line
from conformance.engine.implementations import Launch
from conformance.errors import BrokenImplementationError
from conformance.spec import Array


def _no_adapter() -> terms.Adapter:
    raise NotImplementedError


@dataclass(frozen=True)
class Local(Launch):
    """An implementation in this process.

    Attributes:
        load: gives its adapter.
    """

    load: Callable[[], terms.Adapter] = _no_adapter


class LocalWorker:
    """Answers requests in this process: nothing is sent, nothing can be timed out, and a crash takes us along.

    Arrays are copied on their way in and out, bit by bit, so that what an implementation does to its arguments or to
    earlier results shows, as it does through pipes. For one thread.

    Args:
        launch: the implementation.
    """

    def __init__(self, launch: Local) -> None:
        self.launch = launch
        self.cpu_seconds = 0.0
        self._session: serve.Session | None = None
        self._pending: deque[tuple[int, Mapping[str, Any], dict[str, Array]]] = deque()
        self._next_id = 0

    def start(self) -> Mapping[str, Any]:
        """Load the implementation and give its answer to `hello`.

        Raises:
            BrokenImplementationError: it cannot be loaded.
        """
        self.close()
        try:
            self._session = serve.Session(self.launch.load())
        except Exception as error:
            raise self._broken(type(error).__name__, str(error)) from None
        self.send({"op": "hello"})
        header = self.receive().header
        if not header["ok"]:
            raise self._broken(header["error"]["type"], header["error"]["message"])
        return header

    def restart(self) -> Mapping[str, Any]:
        """Load it again."""
        return self.start()

    def send(self, request: Mapping[str, Any], arrays: Mapping[str, Array] | None = None) -> int:
        """Queue a request; it is answered when `receive` is called. Returns its id."""
        self._next_id += 1
        self._pending.append((self._next_id, request, _copied(arrays or {})))
        return self._next_id

    def receive(self) -> Message:
        """The answer to the oldest request that has none."""
        if self._session is None or not self._pending:
            raise RuntimeError("no request is under way")
        identity, request, arrays = self._pending.popleft()
        began = time.thread_time()
        with np.errstate(all="ignore"):  # overflow is no outcome; a worker of its own shows no warnings either
            fields, named = self._session.answer({"id": identity, **request}, arrays)
        self.cpu_seconds += time.thread_time() - began
        return checked(identity, request["op"], fields, _copied(dict(named)))

    def close(self) -> None:
        """Forget the implementation and what was asked of it."""
        self._session = None
        self._pending.clear()

    def _broken(self, kind: str, message: str) -> BrokenImplementationError:
        return BrokenImplementationError(f"{self.launch.name}: {kind}: {last_line(message)}")


def _copied(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The same arrays elsewhere in memory; type, shape and bits as they are."""
    return {name: np.array(array) for name, array in arrays.items()}
