"""From a failing case to a small one: options towards their defaults, then sizes towards one, then simpler data.

Greedy and deterministic, with a limit on the number of tries: on a framework every try costs a build and a compilation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from conformance.checks import Verdict
from conformance.engine.conditions import SIZES
from conformance.errors import SpecError
from conformance.generate.tensors import KINDS
from conformance.spec import Case, DataSpec

TRIES = 80

Fails = Callable[[Case], Verdict | None]
"""The verdict on a case if it still fails in the same way, else None."""


@dataclass
class _Search:
    """The smallest failing case so far, and how many tries are left."""

    case: Case
    verdict: Verdict
    fails: Fails
    tries: int

    def step(self, candidates: Iterator[Case]) -> bool:
        """Go to the first candidate that still fails; whether there was one."""
        for candidate in candidates:
            if self.tries == 0:
                return False
            self.tries -= 1
            if (verdict := self.fails(candidate)) is not None:
                self.case, self.verdict = candidate, verdict
                return True
        return False


def minimise(case: Case, verdict: Verdict, fails: Fails, tries: int = TRIES) -> tuple[Case, Verdict]:
    """The smallest case found that still fails, with its verdict.

    Args:
        case: a failing case.
        verdict: its verdict.
        fails: runs a case.
        tries: how many cases may be run.
    """
    search = _Search(case, verdict, fails, tries)
    progress = True
    while progress and search.tries:
        progress = False
        for name in tuple(search.case.config.non_default()):
            progress |= search.step(_default_option(search.case, name))
        for name in SIZES:
            progress |= search.step(_smaller_size(search.case, name))
        progress |= search.step(_simpler_data(search.case))
    return search.case, search.verdict


def _default_option(case: Case, name: str) -> Iterator[Case]:
    if name in case.config.options:
        yield replace(case, config=case.config.refitted(**{name: case.config.rules.options[name].default}))


def _smaller_size(case: Case, name: str) -> Iterator[Case]:
    size = getattr(case.config.sizes, name)
    for smaller in sorted({1, 2, 3, size // 2, size - size // 4, size - size // 8, size - 1}):
        if 0 < smaller < size:
            try:
                yield replace(case, config=case.config.with_sizes(**{name: smaller}), data=_of_any_size(case.data))
            except SpecError:  # an option needs more
                continue


def _of_any_size(data: DataSpec) -> DataSpec:
    """The same data, or ordinary ones in place of an example that has one size only."""
    return data if data.kind in KINDS else DataSpec("generic", data.seed)


def _simpler_data(case: Case) -> Iterator[Case]:
    kinds = list(KINDS)
    if case.data.kind in kinds:
        for kind in kinds[: kinds.index(case.data.kind)]:
            yield replace(case, data=DataSpec(kind, case.data.seed))
