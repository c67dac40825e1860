"""Going on with a run that was cut off: what it found is told again, and only the rest is run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from conformance.engine.events import CaseJudged, Event, ImplementationStarted
from conformance.errors import ResultsError
from conformance.generate.phases import Batch

Key = tuple[str, str]
"""Phase and id of a case."""

Left = Sequence[tuple[Batch, frozenset[int]]]
"""Batches that are not finished, with the places of their cases that have a verdict already."""


@dataclass(frozen=True)
class Earlier:
    """What an earlier run found of one implementation.

    Attributes:
        name: of the implementation.
        versions: its packages then; None: it had not started.
        cases: with their verdicts, in order.
    """

    name: str
    versions: Mapping[str, str] | None = None
    cases: tuple[CaseJudged, ...] = ()

    @classmethod
    def of(cls, name: str, events: Sequence[Event]) -> Earlier:
        """The part of a run that is about one implementation."""
        ready = [it for it in events if isinstance(it, ImplementationStarted) and it.name == name]
        versions = next((it.versions for it in ready if it.state == "ready"), None)
        cases = tuple(it for it in events if isinstance(it, CaseJudged) and it.implementation == name)
        return cls(name, versions, cases)

    def check(self, versions: Mapping[str, str], planned: Sequence[Batch]) -> None:
        """Whether this run goes on with the earlier one.

        Raises:
            ResultsError: the versions are others, or the earlier run has cases that this one does not plan.
        """
        if self.versions is not None and self.versions != versions:
            was, is_ = (", ".join(f"{key} {value}" for key, value in it.items()) for it in (self.versions, versions))
            raise ResultsError(f"--resume: {self.name} was {was} and is {is_}; run anew without --resume")
        ids = {_key(batch, index) for batch in planned for index in range(len(batch.cases))}
        planned_then = (judged for judged in self.cases if judged.phase != "behind")
        strange = sum((judged.phase, judged.id) not in ids for judged in planned_then)
        if strange:
            raise ResultsError(
                f"--resume: {strange} of {len(self.cases)} cases of {self.name} are none that these options plan; "
                "give the options of the run that was cut off, or run anew without --resume"
            )

    def left(self, planned: Sequence[Batch]) -> Left:
        """The batches that are not finished.

        A batch is run as a whole again, because the first call on a layer is made and judged otherwise than later ones.
        """
        found = Counter((judged.phase, judged.id) for judged in self.cases)
        left = []
        for batch in planned:
            done = set()
            for index in range(len(batch.cases)):
                if found[_key(batch, index)]:
                    found[_key(batch, index)] -= 1
                    done.add(index)
            if len(done) < len(batch.cases):
                left.append((batch, frozenset(done)))
        return left


def _key(batch: Batch, index: int) -> Key:
    return (batch.phase, batch.cases[index].id)
