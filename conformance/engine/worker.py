"""A worker: an implementation in a process of its own, and everything that can go wrong with it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import IO, Any, BinaryIO, NoReturn

import psutil

from conformance.adapters import wire
from conformance.engine.answers import Message, NonsenseError, checked, last_line, printable
from conformance.engine.implementations import Launch
from conformance.errors import BrokenImplementationError
from conformance.spec import Array

__all__ = ["Limits", "Message", "Worker", "WorkerDied", "WorkerLost", "WorkerNonsense", "WorkerTimeout", "printable"]

TAIL = 8192
"""Bytes of standard error that are kept."""

POLL = 0.2
"""Seconds between looks at a worker's memory."""

GRACE = 2.0
"""Seconds that a worker has to end by itself."""


@dataclass(frozen=True)
class Limits:
    """What a worker may use.

    Attributes:
        seconds: to answer one request.
        start_seconds: to start and say hello.
        memory: resident bytes.
    """

    seconds: float = 60.0
    start_seconds: float = 180.0
    memory: int = 4 << 30


class WorkerLost(Exception):  # noqa: N818 - an outcome of the case that caused it, not an error of this program
    """The process is gone, and with it all requests under way; `restart` to go on.

    Attributes:
        stderr: the end of what it wrote to standard error, printable.
    """

    def __init__(self, message: str, stderr: str) -> None:
        super().__init__(message)
        self.stderr = stderr


class WorkerDied(WorkerLost):
    """It ended by itself, or was ended for its use of memory.

    Attributes:
        exit_code: its exit status, negative for a signal.
        signal: name of the signal that ended it, such as `SIGSEGV`, or None.
    """

    def __init__(self, message: str, stderr: str, exit_code: int) -> None:
        super().__init__(message, stderr)
        self.exit_code = exit_code
        self.signal = _signal_name(-exit_code) if exit_code < 0 else None


class WorkerTimeout(WorkerLost):
    """It gave no answer in time and was ended."""


class WorkerNonsense(WorkerLost):
    """It sent something that is not the answer that was due, and was ended."""


_Frame = wire.Message | wire.WireError | None


class _Process:
    """One life of a worker: the process, and the threads that keep its pipes from blocking."""

    def __init__(self, launch: Launch) -> None:
        scratch = tempfile.mkdtemp(prefix="rnn-conformance-")
        try:
            self.popen = subprocess.Popen(  # noqa: S603 - the user named this program
                launch.command,
                env={**os.environ, **launch.environment, wire.SCRATCH: scratch},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        self.finalizer = weakref.finalize(self, _kill, self.popen, scratch)
        self.outgoing: SimpleQueue[bytes | None] = SimpleQueue()
        self.frames: SimpleQueue[_Frame] = SimpleQueue()
        self.tail = bytearray()
        self.threads = [
            _thread(_write_all, self.popen.stdin, self.outgoing),
            _thread(_read_all, self.popen.stdout, self.frames),
            _thread(_keep_tail, self.popen.stderr, self.tail),
        ]
        self.vitals = psutil.Process(self.popen.pid)
        self.seen = 0.0

    @property
    def memory(self) -> int:
        """Resident bytes; 0 if it has just ended."""
        try:
            return int(self.vitals.memory_info().rss)
        except psutil.Error:
            return 0

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of all its threads; once it has ended, as they were seen last."""
        with contextlib.suppress(psutil.Error):
            times = self.vitals.cpu_times()
            self.seen = max(self.seen, float(times.user + times.system))
        return self.seen

    def end(self, grace: float) -> int:
        """Wait that long for it to end by itself, then end it and all it started; the exit status."""
        self.outgoing.put(None)
        _ = self.cpu_seconds
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(grace)
        self.finalizer()
        for thread in self.threads:
            thread.join(GRACE)
        return self.popen.wait()

    @property
    def stderr(self) -> str:
        """The end of what it wrote to standard error."""
        return printable(bytes(self.tail).decode("utf-8", errors="backslashreplace"))


class Worker:
    """An implementation in a process of its own.

    Use it as a context manager, or call `close`: then no process is left behind, whatever happens. For one thread.

    Args:
        launch: what to start.
        limits: what it may use.
    """

    def __init__(self, launch: Launch, limits: Limits | None = None) -> None:
        self.launch = launch
        self.limits = limits or Limits()
        self._process: _Process | None = None
        self._pending: deque[tuple[int, str]] = deque()
        self._next_id = 0
        self._spent = 0.0
        self._looked = 0.0

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether there is a process to send requests to."""
        return self._process is not None

    @property
    def pending(self) -> int:
        """How many requests wait for their answer."""
        return len(self._pending)

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of all processes that this worker has had."""
        return self._spent + (self._process.cpu_seconds if self._process is not None else 0.0)

    def start(self) -> Mapping[str, Any]:
        """Start the process and give its answer to `hello`.

        Raises:
            BrokenImplementationError: it cannot be started, its framework is missing, or it speaks no protocol.
        """
        self.close()
        try:
            self._process = _Process(self.launch)
        except OSError as error:
            raise self._broken(f"cannot start {self.launch.command[0]}: {error.strerror}") from None
        self.send({"op": "hello"})
        try:
            answer = self.receive(self.limits.start_seconds)
        except WorkerLost as loss:
            raise self._broken(f"it did not say hello: {loss}") from None
        if not answer.header["ok"]:
            self.close()
            said = answer.header["error"]
            raise self._broken(f"{said['type']}: {last_line(said['message'])}")
        return answer.header

    def restart(self) -> Mapping[str, Any]:
        """End the process, if there is one, and start a new one; what was under way is lost."""
        return self.start()

    def send(self, request: Mapping[str, Any], arrays: Mapping[str, Array] | None = None) -> int:
        """Send a request without waiting; returns its id. A process that has ended is reported by `receive`.

        Args:
            request: `op` and its fields, as docs/protocol.md gives them, without `id`.
            arrays: name -> array, in the order in which they are sent.
        """
        if self._process is None:
            raise RuntimeError("the worker is not running; call restart()")
        self._next_id += 1
        self._process.outgoing.put(wire.encode({"id": self._next_id, **request}, (arrays or {}).items()))
        self._pending.append((self._next_id, request["op"]))
        return self._next_id

    def receive(self, seconds: float | None = None) -> Message:
        """The answer to the oldest request that has none; it may tell of an error that the implementation raised.

        Args:
            seconds: how long to wait; None: what the limits say.

        Raises:
            WorkerLost: the process ended, or was ended because of a limit or because it sent nonsense.
        """
        if self._process is None or not self._pending:
            raise RuntimeError("no request is under way")
        process, allowed = self._process, self.limits.seconds if seconds is None else seconds
        deadline = time.monotonic() + allowed
        while True:
            self._watch_memory(process)
            left = deadline - time.monotonic()
            with contextlib.suppress(Empty):
                return self._judged(process.frames.get(timeout=max(0.0, min(POLL, left))))
            if left <= 0:
                self._end(0)
                raise WorkerTimeout(f"no answer within {allowed:g} s; the process was ended", process.stderr)

    def close(self) -> None:
        """End the process and everything that it started. Can be called at any time, also twice."""
        if self._process is None:
            return
        if self._pending:
            self._end(0)
        else:
            self._process.outgoing.put(wire.encode({"id": 0, "op": "quit"}))
            self._end(GRACE)

    # ------------------------------------------------------------ what came

    def _judged(self, frame: _Frame) -> Message:
        if frame is None:
            self._died()
        if isinstance(frame, wire.WireError):
            self._nonsense(str(frame))
        identity, operation = self._pending[0]
        try:
            answer = checked(identity, operation, *frame)
        except NonsenseError as error:
            self._nonsense(str(error))
        self._pending.popleft()
        return answer

    def _watch_memory(self, process: _Process) -> None:
        if time.monotonic() - self._looked < POLL:
            return
        self._looked = time.monotonic()
        if (used := process.memory) > self.limits.memory:
            code = self._end(0)
            most, size = (f"{amount / 2**20:.0f} MiB" for amount in (self.limits.memory, used))
            raise WorkerDied(f"it used {size} of memory, more than {most}, and was ended", process.stderr, code)

    def _died(self) -> NoReturn:
        process = self._running()
        loss = WorkerDied("", "", self._end(GRACE))
        how = f"of {loss.signal}" if loss.signal else f"with exit status {loss.exit_code}"
        last = last_line(process.stderr)
        raise WorkerDied(f"the process died {how}" + (f": {last}" if last else ""), process.stderr, loss.exit_code)

    def _nonsense(self, reason: str) -> NoReturn:
        process = self._running()
        self._end(0)
        raise WorkerNonsense(f"it sent {printable(reason)}", process.stderr)

    def _running(self) -> _Process:
        assert self._process is not None  # noqa: S101 - only called while it runs
        return self._process

    def _end(self, grace: float) -> int:
        """End the process; its exit status."""
        process = self._running()
        self._pending.clear()
        self._process = None
        code = process.end(grace)
        self._spent += process.cpu_seconds
        return code

    # ------------------------------------------------------------ why it cannot be used

    def _broken(self, why: str) -> BrokenImplementationError:
        """One line; where a package is missing, with what to do about it."""
        lacking = self.launch.install and ("ModuleNotFoundError" in why or "ImportError" in why)
        hint = f" (in {self.launch.command[0]}); {self.launch.install}" if lacking else ""
        return BrokenImplementationError(f"{self.launch.name}: {why}{hint}")


def _write_all(pipe: IO[bytes], outgoing: SimpleQueue[bytes | None]) -> None:
    """Write what is queued until None comes or nobody reads any more; then the worker sees the end of its input."""
    with contextlib.suppress(OSError), pipe:
        while (data := outgoing.get()) is not None:
            pipe.write(data)
            pipe.flush()


def _read_all(pipe: BinaryIO, frames: SimpleQueue[_Frame]) -> None:
    """Read messages until the end, which is queued as None, or until something else comes."""
    frame: _Frame = None
    with pipe:
        try:
            while (frame := wire.read(pipe)) is not None:
                frames.put(frame)
        except wire.WireError as error:
            frame = error
        frames.put(frame)


def _keep_tail(pipe: IO[bytes], tail: bytearray) -> None:
    with pipe:
        while data := os.read(pipe.fileno(), TAIL):
            tail += data
            del tail[:-TAIL]


def _thread(target: Callable[..., None], *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread


def _kill(popen: subprocess.Popen[bytes], scratch: str) -> None:
    """End a process and the group that it leads, whatever state they are in, and remove its directory."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(popen.pid, signal.SIGKILL)
    popen.wait()
    shutil.rmtree(scratch, ignore_errors=True)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
