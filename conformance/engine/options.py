"""What to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from conformance.engine.deviations import Deviation
from conformance.engine.events import CaseJudged, ImplementationStarted, RunStarted
from conformance.engine.implementations import Launch
from conformance.engine.worker import Limits
from conformance.generate.phases import PHASES, PROFILES, Phase, Profile
from conformance.generate.shard import Shard
from conformance.spec import Case, LayerConfig


@dataclass(frozen=True)
class RunOptions:
    """What to run.

    Attributes:
        launches: the implementations.
        profile: how much.
        seed: of the random phase.
        phases: which phases.
        saved: cases to run first.
        only: option values (and layer) that a configuration must have to be run.
        limits: time and memory of a worker.
        command: what the user typed, for the header.
        shard: the part of the cases to run; None: all.
        max_cases: so many cases of each implementation are run at most, the first ones.
        max_seconds: after so much time the run ends in order, as if it were interrupted.
        known: declared deviations; their witnesses are run first.
        configs: the configurations of somebody's model; they are run in the place of all others. None: the usual ones.
        earlier: what an earlier run of the same cases found: header, then implementations and cases. It is told again,
            and only the rest is run.
        ask: whether the open questions are asked, too.
        workers: how many processes of each implementation share its cases.
    """

    launches: tuple[Launch, ...]
    profile: Profile = PROFILES["ci"]
    seed: int = 0
    phases: tuple[Phase, ...] = PHASES
    saved: tuple[Case, ...] = ()
    only: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    command: str = ""
    shard: Shard | None = None
    max_cases: int | None = None
    max_seconds: float | None = None
    known: tuple[Deviation, ...] = ()
    configs: tuple[LayerConfig, ...] = ()
    earlier: tuple[RunStarted | ImplementationStarted | CaseJudged, ...] = ()
    ask: bool = False
    workers: int = 1
