"""Several workers of one implementation, which share its batches."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import wait
from dataclasses import replace

from conformance.adapters import wire
from conformance.checks import Observation
from conformance.engine.aside import aside
from conformance.engine.implementations import Launch
from conformance.engine.local import Local
from conformance.engine.requests import Hello
from conformance.engine.session import Modes, Sent, Session
from conformance.engine.trials import Trials
from conformance.engine.worker import Limits
from conformance.generate.phases import Batch
from conformance.reference import Precision

AHEAD = 4
"""Batches of a worker whose requests are sent before the answers to the first of them are awaited. Some batches take
ten times as long as others: so many keep every worker busy."""


class Team:
    """The sessions of an implementation. Which batch goes to which follows from their order alone.

    Their processes have a directory in common, such as for what a compiler made; it is gone when the last is closed.

    Args:
        launch: how to start a worker.
        limits: what each may use.
        workers: how many; one that lives in this process has no other beside it.
    """

    def __init__(self, launch: Launch, limits: Limits, workers: int = 1) -> None:
        shared = tempfile.mkdtemp(prefix="rnn-conformance-")
        self._remove_shared = weakref.finalize(self, shutil.rmtree, shared, ignore_errors=True)
        launch = replace(launch, environment={**launch.environment, wire.SHARED: shared})
        self._sessions = [Session(launch, limits) for _ in range(1 if isinstance(launch, Local) else workers)]

    @property
    def first(self) -> Session:
        """The session that answers what is asked one thing at a time."""
        return self._sessions[0]

    @property
    def last(self) -> Session:
        """Another one that can be asked beside it; the same where there is one worker."""
        return self._sessions[-1]

    def start(self) -> Hello:
        """Start all workers at the same time; `BrokenImplementationError` if one cannot be started."""
        first, *others = self._sessions
        started = [aside(session.start) for session in others]
        try:
            hello = first.start()
        finally:
            wait(started)  # so that closing them ends them all
        for other in started:
            other.result()
        return hello

    def observe(
        self, batches: Iterable[Batch], held_to: Mapping[str, Precision], modes: Modes, trials: Trials
    ) -> Iterator[tuple[Sent, list[Observation]]]:
        """Run batches, each in the session whose turn it is, and give their observations in order.

        Args:
            batches: what to run.
            held_to: type -> accuracy that the implementation is held to.
            modes: how to call the layers.
            trials: which laws are tried.
        """
        under_way: deque[Session] = deque()
        for batch, session in zip(batches, itertools.cycle(self._sessions), strict=False):
            session.send(batch, modes, trials.of(batch))
            under_way.append(session)
            if len(under_way) > AHEAD * len(self._sessions):
                yield under_way.popleft().take(held_to)
        while under_way:
            yield under_way.popleft().take(held_to)

    def close(self, keep: int = 0) -> None:
        """End the workers but the first few; of those that have ended no process is left."""
        for session in self._sessions[keep:]:
            session.close()
        if keep == 0:
            self._remove_shared()

    @property
    def cpu_seconds(self) -> float:
        """CPU time of all workers so far."""
        return sum(session.cpu_seconds for session in self._sessions)

    @property
    def forward_seconds(self) -> float:
        """Time of all calls of layers so far."""
        return sum(session.forward_seconds for session in self._sessions)
