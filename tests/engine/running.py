"""Short runs of the fake implementations."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from conformance.engine.events import CaseJudged, Event, GroupFound, ImplementationStarted, RunFinished
from conformance.engine.implementations import Launch
from conformance.engine.run import RunOptions, run
from conformance.generate.phases import PROFILES, plan
from conformance.generate.tensors import tensors
from conformance.spec import Case, LayerConfig, load_dialect

HERE = Path(__file__).resolve().parent
FAULTS = HERE.parent / "workers" / "fakes" / "faults.py"
HONEST = HERE.parent / "workers" / "fakes" / "numpy_layers.py"
TARGETED = HERE / "targeted.py"

SMALL = {"layer": "simple_rnn", "bidirectional": "false", "return_state": "false", "dtype": "float32"}
"""A part of the quick profile's covering phase, in which every call gives one array."""

ONE_LAYER = {"layer": "simple_rnn", "dtype": "float32"}
"""A larger part, still of a second or two."""


def launch(script: Path, fault: str = "", dialect: str = "keras", **environment: str) -> Launch:
    flags = ("--fault", fault) if fault else ()
    return Launch(f"fake:{fault}", (sys.executable, str(script), dialect, *flags), environment)


def small_run(launched: Launch, **options: object) -> list[Event]:
    """All events of a short run."""
    return list(run(RunOptions((launched,), PROFILES["quick"], **{"phases": ("covering",), "only": SMALL, **options})))  # type: ignore[arg-type]


def planned(only: Mapping[str, str]) -> list[Case]:
    """The valid cases of a short run, in order."""
    batches = plan(load_dialect("keras"), PROFILES["quick"], 0, ("covering",))

    def wanted(config: LayerConfig) -> bool:
        has = {"layer": config.layer, **{name: str(value).lower() for name, value in config.items}}
        return all(has.get(name) == value for name, value in only.items())

    return [case for it in batches for case in it.cases if wanted(it.config) and case.rejection is None]


def target(case: Case) -> str:
    """How a fake recognises a case."""
    return tensors(case).x.tobytes()[:32].hex()


def judged(events: Sequence[Event]) -> list[CaseJudged]:
    return [event for event in events if isinstance(event, CaseJudged)]


def groups(events: Sequence[Event]) -> list[GroupFound]:
    return [event for event in events if isinstance(event, GroupFound)]


def started(events: Sequence[Event]) -> list[ImplementationStarted]:
    return [event for event in events if isinstance(event, ImplementationStarted)]


def footer(events: Sequence[Event]) -> RunFinished:
    (last,) = [event for event in events if isinstance(event, RunFinished)]
    assert events[-1] is last
    return last


def outcomes(events: Sequence[Event], check: str) -> dict[str, str]:
    """Case id -> outcome of a check, where it applies."""
    return {case.id: case.outcomes[check].outcome for case in judged(events) if check in case.outcomes}
