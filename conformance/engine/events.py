"""What a run tells while it goes on. Consumers (terminal, files) subscribe; the engine knows none of them.

The same values, written as JSON Lines by `conformance.results`, are the results file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from conformance.checks.verdict import DEVIATIONS, Also, Elements, Outcome, Verdict, Worst
from conformance.generate.phases import Instead

__all__ = [
    "DEVIATIONS",
    "Also",
    "BehaviourSeen",
    "CaseJudged",
    "Elements",
    "Event",
    "Evidence",
    "GroupFound",
    "ImplementationStarted",
    "Instead",
    "KnownSeen",
    "MorePlanned",
    "Outcome",
    "RunFinished",
    "RunStarted",
    "Verdict",
    "Witness",
    "Worst",
]


Witness = Literal["fails", "passes", "not run"]
"""What became of the witness of a declared deviation."""


@dataclass(frozen=True)
class RunStarted:
    """The header of a run: everything needed to do it again.

    `machine` holds system, python, processor, cores and the versions of numpy and hypothesis. `shard` says which part
    of the cases was run, such as `2/4`; None: all of them.
    """

    suite: str
    spec: str
    seed: int
    profile: str
    phases: tuple[str, ...]
    command: str
    started: str
    machine: Mapping[str, str]
    implementations: tuple[str, ...]
    format: int = 1
    shard: str | None = None


@dataclass(frozen=True)
class ImplementationStarted:
    """What an implementation said of itself, or why it could not.

    Attributes:
        name: as the user named it.
        state: `ready`, or `broken` (with `message`): nothing was tested, which is not 0 %.
        dialect: the contract it follows.
        versions: package -> version.
        environment: python, device, threads and the like.
        capabilities: layers, options with values, modes.
        calibration: dtype -> {"tanh": [rel, abs], "sigmoid": [rel, abs], "measured": bool}: activation accuracy in
            units of rounding, as measured through the public layers (or the cap, where that was not possible).
        planned: number of cases that are going to be judged, as far as is known by now.
        message: why it is broken.
    """

    name: str
    state: Literal["ready", "broken"]
    dialect: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)
    planned: int = 0
    message: str | None = None


@dataclass(frozen=True)
class MorePlanned:
    """So many more cases of an implementation are going to be judged: what lies behind that which cannot be called."""

    implementation: str
    cases: int


@dataclass(frozen=True)
class CaseJudged:
    """All outcomes of one case on one implementation.

    Attributes:
        implementation: its name.
        id: the case's identity.
        case: the case's canonical form (`Case.canonical()`).
        phase: `pinned`, `covering`, `random` or `behind`.
        mode: how the layer was called: `eager`, `graph`, ...
        seconds: time of the call inside the worker; None if there was none.
        outcomes: check name -> verdict; checks that do not apply to the case are left out.
        instead: what it was run in the place of; in phase `behind` only.
    """

    implementation: str
    id: str
    case: Mapping[str, Any]
    phase: str
    mode: str
    outcomes: Mapping[str, Verdict]
    seconds: float | None = None
    instead: Instead | None = None


@dataclass(frozen=True)
class Evidence:
    """Some elements of an output as it came and as it should be, enough for a picture.

    Attributes:
        case: canonical form of the case that shows it: the smallest one of its group, or one with more to see.
        output: name of the output.
        axes: its axes.
        start, shape: the block of the output that is here; a few hundred elements at most.
        expected, got, allowed: its elements, the last axis running fastest; allowed is infinite where nothing is due.
        mask: a text for each of the first rows of the batch, `1` for a step that is processed; empty: no mask.
    """

    case: Mapping[str, Any]
    output: str
    axes: tuple[str, ...]
    start: tuple[int, ...]
    shape: tuple[int, ...]
    expected: tuple[float, ...]
    got: tuple[float, ...]
    allowed: tuple[float, ...]
    mask: tuple[str, ...] = ()


@dataclass(frozen=True)
class Leaf:
    """One array of what a call returns; `name` is empty where nothing says which output it is."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Outline:
    """What a call returns, without numbers.

    Attributes:
        tree: how the arrays are nested, as in `conformance.spec.Tree`: the number of an array, or
            `{"tuple": [0, {"list": [1, 2]}]}`.
        arrays: the arrays, in order.
    """

    tree: Any
    arrays: tuple[Leaf, ...]


@dataclass(frozen=True)
class Returned:
    """What the smallest case of a group should have returned, and what came."""

    promised: Outline
    came: Outline


@dataclass(frozen=True)
class GroupFound:
    """Failures with one cause.

    Attributes:
        number: 1, 2, ... within the run.
        implementation, check: where.
        clauses: ids of the clauses that the check tests.
        outcome: `fail`, `error`, `crash` or `timeout`.
        when: the smallest conjunction of features that separates these cases from passing ones, such as
            `("layer=gru", "reset_after=False")`; empty: all cases fail.
        exact: whether `when` holds for no passing case.
        cases: ids of the failing cases.
        judged: number of cases of this implementation that the check judged.
        smallest: canonical form of the smallest failing case.
        smallest_id: its id.
        message: one line from the smallest case.
        worst: the worst element of the smallest case.
        looks_like: a change to the reference that explains the group's cases, or None.
        also: checks of laws that fail as a consequence: one of their further calls is a case of this group, or the
            mistake that it looks like breaks them as well.
        evidence: numbers that show the failure; only of checks of values, and where they could be had.
        returned: what was promised and what came; only of checks of form, and where it could be had.
        cause: what the verdict on the smallest case says that it is, as `Verdict.cause`; empty: nothing, or an earlier
            version wrote it.
    """

    number: int
    implementation: str
    check: str
    clauses: tuple[str, ...]
    outcome: Outcome
    when: tuple[str, ...]
    exact: bool
    cases: tuple[str, ...]
    judged: int
    smallest: Mapping[str, Any]
    smallest_id: str
    message: str
    worst: Worst | None = None
    looks_like: str | None = None
    also: tuple[str, ...] = ()
    evidence: Evidence | None = None
    returned: Returned | None = None
    cause: str = ""


@dataclass(frozen=True)
class KnownSeen:
    """A declared deviation of an implementation in these versions, and what the run says of it.

    Attributes:
        implementation: its name.
        id, check, when, reason, link, script: as declared; see `conformance.engine.deviations.Deviation`.
        witness: whether the case that shows it still fails; `not run` if it is none of this run's, or says nothing.
        cases: that fail and are explained by it, laws that fail as a consequence included.
        passing: cases for which it is declared and which pass: the declaration is wider than the deviation.
        other: cases for which it is declared and which fail in another way; they are failures.
    """

    implementation: str
    id: str
    check: str
    when: tuple[str, ...]
    reason: str
    link: str = ""
    script: str = ""
    witness: Witness = "not run"
    cases: int = 0
    passing: int = 0
    other: int = 0


@dataclass(frozen=True)
class BehaviourSeen:
    """What an implementation does where the specification leaves it open; never a failure.

    Attributes:
        implementation: its name.
        behaviour: id of the open question; see `conformance.spec.behaviours.Behaviour`.
        answer: the name of one of its answers.
        detail: type of the error, or shapes of what was returned; empty: there is none.
    """

    implementation: str
    behaviour: str
    answer: str
    detail: str = ""


@dataclass(frozen=True)
class RunFinished:
    """The footer. A file without one was cut off.

    Attributes:
        complete: whether everything that was planned was run.
        reason: `finished`, `interrupted`, or why it stopped early, such as `--max-time 60`.
        seconds: wall time.
        cost: implementation -> {"worker": ..., "forward": ..., "driver": ...} CPU seconds.
    """

    complete: bool
    reason: str
    finished: str
    seconds: float
    cost: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def cut_short(self) -> bool:
        """Whether somebody or a limit ended it, so that what works, too, was tested with a part of the cases only."""
        return self.reason == "interrupted" or "--max-" in self.reason


Event = (
    RunStarted | ImplementationStarted | MorePlanned | CaseJudged | GroupFound | KnownSeen | BehaviourSeen | RunFinished
)
