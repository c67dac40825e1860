"""Cases per CPU second: this suite beside a straightforward one, on the same implementation, in the same invocation.

    python benchmarks/cases_per_second.py keras:tensorflow torch --python torch=/venvs/torch/bin/python

CPU seconds are those of all threads of all processes (worker, driver, Hypothesis), without imports and start. Walls are
not used: they depend on what else the machine does.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import click

from conformance.adapters import wire
from conformance.checks import observation
from conformance.cli.options import launches, python_option
from conformance.engine import causes, session, worker
from conformance.engine import run as engine
from conformance.engine.events import CaseJudged, GroupFound, RunFinished
from conformance.engine.implementations import Launch
from conformance.generate import phases
from conformance.results import Writer

NAIVE = Path(__file__).with_name("naive_suite.py")

VARIANTS = (("fill", "same"), ("elementwise", "small"), ("elementwise", "same"))
"""How the naive suite draws arrays, and how large (see there)."""


# ---------------------------------------------------------------- the straightforward suite


@dataclass(frozen=True)
class Rate:
    """Cases, the CPU seconds that they cost, and those inside the calls of the layers."""

    cases: float
    cpu: float
    forward: float

    @property
    def per_second(self) -> float:
        """Cases per CPU second."""
        return self.cases / self.cpu


def naive(launch: Launch, drawing: str, sizes: str, examples: int) -> Rate:
    """The straightforward suite in the implementation's interpreter, which needs pytest and Hypothesis."""
    framework, _, backend = launch.name.partition(":")
    with tempfile.TemporaryDirectory() as directory:
        cost = Path(directory) / "cost.json"
        environment = {"KERAS_BACKEND": backend} if backend else {}
        environment |= {"NAIVE_DRAWING": drawing, "NAIVE_SIZES": sizes}
        environment |= {"NAIVE_EXAMPLES": str(examples), "NAIVE_COST": str(cost)}
        command = [launch.command[0], "-m", "pytest", "-q", "-p", "no:cacheprovider", str(NAIVE), "-k", framework]
        done = subprocess.run(
            command,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", **launch.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not cost.is_file():
            said = (done.stdout + done.stderr)[-2000:]
            raise click.ClickException(f"the naive suite failed in {command[0]}:\n{said}")
        return Rate(**json.loads(cost.read_text(encoding="ascii")))


# ---------------------------------------------------------------- our suite, with a meter inside


class Meter:
    """CPU seconds by label; what an inner label costs is not counted for the outer one."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._open = threading.local()

    @contextmanager
    def under(self, label: str) -> Iterator[None]:
        """Count what the calling thread does meanwhile."""
        outer: list[float] | None = getattr(self._open, "inner", None)
        inner = self._open.inner = [0.0]
        began = time.thread_time()
        try:
            yield
        finally:
            spent = time.thread_time() - began
            self.seconds[label] += spent - inner[0]
            self._open.inner = outer
            if outer is not None:
                outer[0] += spent

    def metered(self, label: str | Callable[..., str], function: Callable[..., Any]) -> Callable[..., Any]:
        """A function that does the same, on the meter; a label may depend on the arguments."""

        @functools.wraps(function)
        def counted(*arguments: Any, **keywords: Any) -> Any:
            with self.under(label if isinstance(label, str) else label(*arguments, **keywords)):
                return function(*arguments, **keywords)

        return counted


def _bound(_config: Any, _draws: Any, _precision: Any, bound: str) -> str:
    return f"reference, {bound} bound"


PLACES: Sequence[tuple[Any, str, str | Callable[..., str]]] = (
    (phases, "random_configs", "Hypothesis"),
    (engine._Test, "_planned", "plan"),
    (engine, "calibrate", "calibration"),
    (session, "tensors", "tensors"),
    (wire, "encode", "encode and decode"),
    (wire, "read", "encode and decode"),
    (worker, "checked", "encode and decode"),
    (observation, "evaluate", _bound),
    (engine, "judge", "judging"),
    (causes, "judge", "judging"),
    (causes, "minimise", "causes"),
    (engine._Test, "_run", "session and the rest"),
)
"""Where the meter is put: module or class, function, label."""


@dataclass(frozen=True)
class Cost:
    """What a run of ours cost, in CPU seconds.

    Attributes:
        cases, groups: how many were judged, and how many causes of failures were found.
        start: of the worker, imports included.
        worker, forward, driver: without the start; all threads of the driver.
        causes: those of worker and forward that went into finding causes.
        labels: where the driver's went.
    """

    cases: int
    groups: int
    start: float
    worker: float
    forward: float
    driver: float
    causes: tuple[float, float, float]
    labels: Counter[str]

    @property
    def total(self) -> float:
        """All but the start."""
        return self.worker + self.driver

    @property
    def rate(self) -> Rate:
        """As of the naive suite."""
        return Rate(self.cases, self.total, self.forward)


def ours(launch: Launch, profile: str, seed: int) -> Cost:
    """One run of this suite, written to a file as the command does."""
    meter = Meter()
    marks: dict[str, Any] = {}
    with ExitStack() as stack, tempfile.TemporaryDirectory() as directory:
        for place, name, label in PLACES:
            stack.enter_context(mock.patch.object(place, name, meter.metered(label, getattr(place, name))))
        stack.enter_context(mock.patch.object(session.Session, "start", _marking_start(marks)))
        stack.enter_context(mock.patch.object(causes.Investigator, "groups", _marking_causes(marks)))
        began = time.process_time()
        with Writer(Path(directory) / "results.jsonl") as writer:
            events = []
            for event in engine.run(engine.RunOptions((launch,), phases.PROFILES[profile], seed)):
                with meter.under("results"):
                    writer(event)
                events.append(event)
        driver = time.process_time() - began
    spent = next(event for event in events if isinstance(event, RunFinished)).cost[launch.name]
    return Cost(
        cases=sum(isinstance(event, CaseJudged) for event in events),
        groups=sum(isinstance(event, GroupFound) for event in events),
        start=marks["start"],
        worker=spent["worker"] - marks["start"],
        forward=spent["forward"],
        driver=driver,
        causes=marks.get("causes", (0.0, 0.0, 0.0)),
        labels=meter.seconds,
    )


def _marking_start(marks: dict[str, Any]) -> Callable[..., Any]:
    original = session.Session.start

    def start(self: session.Session) -> Any:
        hello = original(self)
        marks["start"] = self.cpu_seconds
        return hello

    return start


def _marking_causes(marks: dict[str, Any]) -> Callable[..., Any]:
    original = causes.Investigator.groups

    def now(living: session.Session) -> tuple[float, float, float]:
        return living.cpu_seconds, living.forward_seconds, time.thread_time()

    def groups(self: causes.Investigator, records: Any) -> Iterator[GroupFound]:
        before = now(self._session)
        yield from original(self, records)
        marks["causes"] = tuple(after - was for was, after in zip(before, now(self._session), strict=True))

    return groups


# ---------------------------------------------------------------- telling


def tell_cost(cost: Cost) -> None:
    worker_causes, forward_causes, driver_causes = cost.causes
    lines = [
        ("worker: import and start (not counted below)", cost.start),
        ("worker: forward", cost.forward - forward_causes),
        ("worker: build, weights, wire", cost.worker - worker_causes - (cost.forward - forward_causes)),
        ("worker, for causes of failures", worker_causes),
        *((f"driver: {label}", seconds) for label, seconds in cost.labels.most_common()),
        ("driver: threads, queues and what the meter misses", cost.driver - sum(cost.labels.values())),
    ]
    for label, seconds in lines:
        click.echo(f"  {label:<52} {seconds:7.2f} s {100 * seconds / cost.total:6.1f} %")
    cases_only = cost.total - worker_causes - driver_causes
    click.echo(f"  {'total':<52} {cost.total:7.2f} s")
    click.echo(f"  total ÷ forward: {cost.total / cost.forward:.2f}", nl=False)
    click.echo(f"; without causes: {cases_only / (cost.forward - forward_causes):.2f}")
    click.echo(f"  of the driver, for causes of {cost.groups} groups: {driver_causes:.2f} s")
    click.echo(f"  cases per CPU s without causes: {cost.cases / cases_only:.1f}")


def tell_rate(name: str, rate: Rate) -> None:
    click.echo(
        f"{name:<24} {rate.cases:6.0f} cases {rate.cpu:8.2f} CPU s {rate.per_second:8.1f} cases per CPU s"
        f"   total ÷ forward {rate.cpu / rate.forward:5.2f}"
    )


@click.command()
@click.argument("implementations", nargs=-1, required=True, metavar="IMPLEMENTATION...")
@click.option("--profile", type=click.Choice(list(phases.PROFILES)), default="quick", show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--examples", default=100, show_default=True, help="Of the naive suite, for each of its three layers.")
@python_option
def main(
    implementations: tuple[str, ...],
    profile: str,
    seed: int,
    examples: int,
    pythons: tuple[str, ...],
) -> None:
    """Compare cases per CPU second of this suite and of naive_suite.py, one implementation after the other."""
    for launch in launches(implementations, pythons):
        click.echo(f"\n{launch.name}, profile {profile}, seed {seed}")
        cost = ours(launch, profile, seed)
        tell_cost(cost)
        tell_rate("this suite", cost.rate)
        for drawing, sizes in VARIANTS:
            rate = naive(launch, drawing, sizes, examples)
            tell_rate(f"naive, {drawing}, {sizes}", rate)
            click.echo(f"  ratio {cost.rate.per_second / rate.per_second:.1f}")


if __name__ == "__main__":
    sys.exit(main())
