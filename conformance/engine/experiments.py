"""Cases run on purpose, to learn whether they fail as a known one did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from conformance.checks import Observation, Verdict, judge
from conformance.checks.laws import again
from conformance.checks.registry import applicable
from conformance.generate.bits import derive
from conformance.generate.phases import Batch, accompanied, batch
from conformance.laws import LAWS
from conformance.spec import Case, LayerConfig

DRAWS = 6
"""Draws of data before a configuration counts as not failing."""

LAW_DRAWS = 3
"""As many before one counts as not breaking a law."""


class Observe(Protocol):
    """Runs all cases of a batch on a fresh layer; what it gives is empty if nothing can be run any more."""

    def __call__(self, batch: Batch, mode: str, *, thorough: bool, laws: Sequence[str] = ()) -> Sequence[Observation]:
        """What was seen of each case."""


class Trial:
    """Runs cases to learn whether they fail as a known one did.

    Args:
        observe: how to run them.
        check: the one that failed.
        verdict: what it said.
        mode: how the layer is called.
    """

    def __init__(self, observe: Observe, check: str, verdict: Verdict, mode: str) -> None:
        self.mode = mode
        self._observe = observe
        self._check = check
        self._verdict = verdict
        self._known: dict[str, Verdict | None] = {}

    def in_mode(self, mode: str) -> Trial:
        """The same with another way of calling."""
        return Trial(self._observe, self._check, self._verdict, mode)

    def fails(self, case: Case) -> Verdict | None:
        """The verdict on a case, run alone, if it fails in the same way; else None."""
        if case.id not in self._known:
            single = Batch("pinned", case.config, (case,))
            self._known[case.id] = next(self._alike(accompanied(case) if self._thorough(case) else single), None)
        return self._known[case.id]

    def can_fail(self, config: LayerConfig) -> bool:
        """Whether any of several draws fails: one alone may be blind, such as a mask that is symmetric in time."""
        return any(next(self._alike(draws), None) is not None for draws in self._draws(config))

    def outcome(self, config: LayerConfig) -> bool | None:
        """Whether any of several draws fails in the same way; None: none does, but they do not pass either."""
        found = [failed for _, failed in self.outcomes(config)]
        return True if True in found else False if False in found and None not in found else None

    def outcomes(self, config: LayerConfig) -> list[tuple[Case, bool | None]]:
        """Several draws, and whether they fail in the same way; None: otherwise, or they cannot be run."""
        return [
            (case, True if self._same(verdict) else False if verdict.outcome == "pass" else None)
            for draws in self._draws(config)
            for case, verdict in self._verdicts(draws)
            if verdict.outcome != "unspecified"
        ]

    def _draws(self, config: LayerConfig) -> Iterator[Batch]:
        draws = batch("pinned", config, DRAWS, derive("experiment"))
        if self._check not in LAWS:
            yield draws
        else:  # tried on the first case of a batch only
            yield from (Batch("pinned", config, (case,)) for case in draws.cases[:LAW_DRAWS])

    def _same(self, found: Verdict) -> bool:
        return (found.outcome, found.cause) == (self._verdict.outcome, self._verdict.cause)

    def _thorough(self, case: Case) -> bool:
        """Whether the check looks at more than the answer to one call."""
        return self._check not in applicable(case) and self._check not in LAWS

    def _alike(self, draws: Batch) -> Iterator[Verdict]:
        return (verdict for _, verdict in self._verdicts(draws) if self._same(verdict))

    def _verdicts(self, draws: Batch) -> Iterator[tuple[Case, Verdict]]:
        thorough = self._thorough(draws.cases[0])
        laws = (again(self._check, self._verdict),) if self._check in LAWS else ()
        for observation in self._observe(draws, self.mode, thorough=thorough, laws=laws):
            verdict = judge(observation).get(self._check)
            if verdict is not None:
                yield observation.case, verdict
