"""What a run shows while it goes on: live bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import click

from conformance.engine.events import DEVIATIONS, CaseJudged, Event, GroupFound, ImplementationStarted, MorePlanned
from conformance.engine.run import RunOptions

EVERY = 5.0
"""Seconds between lines where there is no terminal."""


@contextmanager
def progress(options: RunOptions) -> Iterator[Callable[[Event], None]]:
    """A consumer of events that shows progress on standard error until the context ends."""
    click.echo(
        f"rnn-conformance  profile {options.profile.name}  seed {options.seed}  phases {', '.join(options.phases)}",
        err=True,
    )
    shown = _bars() if sys.stderr.isatty() else _Lines()
    with shown as display:
        yield _Counter(display).see


class Display(Protocol):
    """Shows where an implementation is."""

    def __enter__(self) -> Display: ...

    def __exit__(self, *error: object) -> None: ...

    def say(self, text: str) -> None:
        """A line that stays."""

    def update(self, name: str, phase: str, done: int, planned: int, failed: int) -> None:
        """Where an implementation is now."""


class _Counter:
    """Counts events for a display."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._planned: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._failed: dict[str, int] = {}

    def see(self, event: Event) -> None:
        """Take notice of an event."""
        if isinstance(event, ImplementationStarted):
            self._started(event)
        elif isinstance(event, MorePlanned):
            self._planned[event.implementation] += event.cases
        elif isinstance(event, CaseJudged):
            self._judged(event)
        elif isinstance(event, GroupFound):
            when = f" when {' and '.join(event.when)}" if event.when else ""
            self._display.say(f"{event.implementation}: {event.outcome} in {event.check}{when}")

    def _started(self, event: ImplementationStarted) -> None:
        if event.state == "broken":
            self._display.say(f"{event.name}: broken: {event.message}")
            return
        versions = ", ".join(f"{package} {version}" for package, version in event.versions.items())
        self._display.say(f"{event.name}: {versions}; {event.planned} cases")
        self._planned[event.name] = event.planned

    def _judged(self, event: CaseJudged) -> None:
        name = event.implementation
        self._done[name] = self._done.get(name, 0) + 1
        if any(verdict.outcome in DEVIATIONS for verdict in event.outcomes.values()):
            self._failed[name] = self._failed.get(name, 0) + 1
        self._display.update(name, event.phase, self._done[name], self._planned.get(name, 0), self._failed.get(name, 0))


class _Lines:
    """A line for every implementation now and then."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def say(self, text: str) -> None:
        click.echo(text, err=True)

    def update(self, name: str, phase: str, done: int, planned: int, failed: int) -> None:
        now = time.monotonic()
        if done == planned or now - self._last.setdefault(name, now) >= EVERY:
            self._last[name] = now
            click.echo(f"{name}: {phase}: {done} of {planned} cases, {failed} with deviations", err=True)


def _bars() -> Display:
    """Live bars; rich is imported only where something is drawn."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    class Bars:
        def __init__(self) -> None:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn(
                    "{task.completed}/{task.total}  {task.fields[phase]}  {task.fields[failed]} with deviations"
                ),
                TimeElapsedColumn(),
            )
            self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self._tasks: dict[str, TaskID] = {}

        def __enter__(self) -> Bars:
            self._progress.start()
            return self

        def __exit__(self, *error: object) -> None:
            self._progress.stop()

        def say(self, text: str) -> None:
            self._progress.console.print(text, markup=False, highlight=False)

        def update(self, name: str, phase: str, done: int, planned: int, failed: int) -> None:
            if name not in self._tasks:
                self._tasks[name] = self._progress.add_task(name, total=planned, phase=phase, failed=failed)
            self._progress.update(self._tasks[name], total=planned, completed=done, phase=phase, failed=failed)

    return Bars()
