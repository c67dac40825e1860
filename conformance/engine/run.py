"""A run: every implementation in a thread of its own, its outcomes as a stream of events."""

from __future__ import annotations

import platform
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np

import conformance
from conformance.engine.events import Event, RunFinished, RunStarted
from conformance.engine.examination import Done, Examination
from conformance.engine.options import RunOptions
from conformance.spec import SPEC_VERSION

__all__ = ["RunOptions", "run"]


def run(options: RunOptions, stop: threading.Event | None = None) -> Iterator[Event]:
    """Run everything and give the events as they come; the last one is always `RunFinished`.

    Args:
        options: what to run.
        stop: set it (or interrupt the program) to end early: what is under way is finished, what was found so far is
            grouped, and the footer says that the run was interrupted. An interrupt after that is raised at once.
    """
    began = time.monotonic()
    stop = stop or threading.Event()
    yield next((event for event in options.earlier if isinstance(event, RunStarted)), _header(options))
    events: queue.SimpleQueue[Event | Done] = queue.SimpleQueue()
    tests = [Examination(launch, options, events, stop) for launch in options.launches]
    threads = [threading.Thread(target=test.run, name=test.launch.name, daemon=True) for test in tests]
    for thread in threads:
        thread.start()
    ended: list[Done] = []
    awaited = True
    with _limited(options.max_seconds, stop) as late:
        try:
            while len(ended) < len(threads):
                try:
                    event = events.get()
                except KeyboardInterrupt:
                    if stop.is_set():
                        raise
                    stop.set()
                    continue
                if isinstance(event, Done):
                    ended.append(event)
                else:
                    yield event
        except (KeyboardInterrupt, GeneratorExit):
            awaited = not stop.is_set()  # else somebody is in a hurry; workers end with the program
            raise
        finally:  # also when nobody wants the rest: no worker may be left
            finished = len(ended) == len(threads) and not stop.is_set()
            stop.set()
            for thread in threads if awaited else ():
                thread.join()
    early = f"--max-time {options.max_seconds:g}" if late.is_set() else "interrupted"
    reason = _reason(ended) if finished else early
    yield RunFinished(
        complete=reason == "finished",
        reason=reason,
        finished=_now(),
        seconds=round(time.monotonic() - began, 3),
        cost={test.launch.name: test.cost() for test in tests},
    )
    for done in ended:
        if done.error is not None:
            raise done.error


@contextmanager
def _limited(seconds: float | None, stop: threading.Event) -> Iterator[threading.Event]:
    """An event that is set, together with `stop`, when the time is over; never without a limit."""
    late = threading.Event()

    def expire() -> None:
        late.set()
        stop.set()

    timer = threading.Timer(seconds or 0, expire)
    timer.daemon = True
    if seconds is not None:
        timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def _reason(ended: Sequence[Done]) -> str:
    """Why the run ended: what went wrong, if anything did."""
    return "; ".join(dict.fromkeys(done.reason for done in ended if done.reason != "finished")) or "finished"


def _header(options: RunOptions) -> RunStarted:
    return RunStarted(
        suite=conformance.__version__,
        spec=SPEC_VERSION,
        seed=options.seed,
        profile=options.profile.name,
        phases=options.phases,
        command=options.command,
        started=_now(),
        machine={
            "system": platform.platform(),
            "processor": platform.processor() or platform.machine(),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "hypothesis": version("hypothesis"),
        },
        implementations=tuple(launch.name for launch in options.launches),
        shard=None if options.shard is None else str(options.shard),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
