"""What a planted fault is as data: which check finds it, when it shows, and what it must be said to look like."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from conformance.engine.implementations import Launch
from conformance.generate.phases import PROFILES, Profile

WORKER = Path(__file__).with_name("worker.py")

PLANTED = replace(PROFILES["quick"], name="planted", draws=6, meaning="quick, with one draw of every kind of data")
"""What finds it on six draws of data finds it on more."""


@dataclass(frozen=True)
class Mutant:
    """One planted fault.

    Attributes:
        fault: its name in the worker.
        dialect: the dialect that it is planted in.
        check: the check that must find it.
        when: statements that must be among those of a group of that check.
        looks_like: what that group must look like; None: it has no name, and none must be given.
        only: what part of the profile is run, to stay quick.
        phases: which phases are run.
        profile: how much of them.
    """

    fault: str
    dialect: str
    check: str
    when: tuple[str, ...] = ()
    looks_like: str | None = None
    only: Mapping[str, str] = field(default_factory=dict)
    phases: tuple[str, ...] = ("covering",)
    profile: Profile = PLANTED

    @property
    def id(self) -> str:
        """Name of its test."""
        return f"{self.dialect}-{self.fault}"

    @property
    def launch(self) -> Launch:
        """How to start it."""
        return launch(self.dialect, self.fault)


def launch(dialect: str, fault: str) -> Launch:
    """The worker with one fault, by this interpreter."""
    command = (sys.executable, str(WORKER), dialect, "--fault", fault)
    return Launch(f"{dialect}:{fault}", command, {"OMP_NUM_THREADS": "1"})


LSTM, GRU, RNN = {"layer": "lstm"}, {"layer": "gru"}, {"layer": "simple_rnn"}
BI = {"bidirectional": "true"}


def keras(fault: str, check: str, *when: str, looks: str | None = None, **more: object) -> Mutant:
    return Mutant(fault, "keras", check, when, looks, **more)  # type: ignore[arg-type]


def torch(fault: str, check: str, *when: str, looks: str | None = None, **more: object) -> Mutant:
    return Mutant(fault, "torch", check, when, looks, **more)  # type: ignore[arg-type]


ALL = ("pinned", "covering", "random")
