"""Which laws are tried on which cases: a few on each, every law somewhere.

What is tried on a case follows from the whole plan of a run, never from the part of it that is run or from what came
before: so shards, and a run that goes on after it was cut off, try the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from conformance.checks import Unclaimed
from conformance.engine.requests import Hello
from conformance.generate.phases import Batch
from conformance.generate.tensors import tensors
from conformance.laws import LAWS, WAYS, Plan, Subject, laws_for
from conformance.spec import Case

Trial = tuple[str, Plan | Unclaimed]
"""Name of a law and what it plans for a case, or what it needs and the implementation does not offer."""


@dataclass(frozen=True)
class Trials:
    """The choice of laws for the batches of a run.

    Attributes:
        hello: what the implementation claims.
        count: how many laws are tried on the first case of a batch.
        named: case id -> the laws, or `routes/NAME`, that are tried on that case instead.
        owed: case id -> the laws that come first there (`first_places`).
    """

    hello: Hello
    count: int = 0
    named: Mapping[str, Sequence[str]] = field(default_factory=dict)
    owed: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def of(self, batch: Batch) -> Iterator[Trial]:
        """What is tried on the first case of a batch; laws that are not claimed take no place of others."""
        case = batch.cases[0]
        if case.id in self.named:
            yield from trials(self.hello, case, self.named[case.id])
            return
        places = self.count
        turns = dict.fromkeys((*self.owed.get(case.id, ()), *laws_for(case.config)))
        for name, plan in trials(self.hello, case, turns) if places else ():
            yield name, plan
            places -= isinstance(plan, Plan)
            if not places:
                return


def trials(hello: Hello, case: Case, names: Iterable[str]) -> Iterator[Trial]:
    """Those of some laws that say something about a case.

    Args:
        hello: what the implementation claims.
        case: that they may be tried on; none is on one that must be rejected.
        names: of laws; `routes/NAME` for one route of a law, in which `*` stands for any text.
    """
    if case.rejection is not None:
        return
    drawn = tensors(case)
    for name, _, way in (chosen.partition("/") for chosen in names):
        law = LAWS[name]
        lacking = hello.lacks(law.needs)
        ways = {kind: [it for it in hello.ways_for(kind, case.config) if _is_meant(it.name, way)] for kind in WAYS}
        can = lambda config: hello.missing(config) is None  # noqa: E731
        plan = law.plan(Subject(case, drawn, can, name, ways))
        if lacking and (plan is not None or law.ways):  # without ways there is no plan
            yield law.name, Unclaimed(lacking)
        elif plan is not None:
            yield law.name, plan


def _is_meant(name: str, way: str) -> bool:
    """Whether a way of a law has that name; all are meant where there is none."""
    return not way or fnmatchcase(name, way)


def tries(hello: Hello, name: str, case: Case) -> bool:
    """Whether a law, or one route of a law (`routes/NAME`), is tried on a case."""
    law, _, route = name.partition("/")
    if hello.lacks(LAWS[law].needs):
        return False
    plan = dict(trials(hello, case, (law,))).get(law)
    return isinstance(plan, Plan) and (not route or any(fnmatchcase(call.manner.name, route) for call in plan.calls))


def first_places(hello: Hello, batches: Sequence[Batch], count: int) -> dict[str, tuple[str, ...]]:
    """Case id -> laws that come first there, so that every law is tried once where that is possible.

    Each law takes the first batch with a place left on which it is tried, and begins to look further on than the law
    before it.

    Args:
        hello: what the implementation claims.
        batches: all batches of the run.
        count: places of a batch.
    """
    given: defaultdict[str, list[str]] = defaultdict(list)
    for turn, name in enumerate(LAWS):
        start = turn // max(count, 1)
        for batch in (*batches[start:], *batches[:start]):
            case = batch.cases[0]
            if len(given[case.id]) < count and hello.missing(case.config) is None and tries(hello, name, case):
                given[case.id].append(name)
                break
    return {identity: tuple(names) for identity, names in given.items() if names}
