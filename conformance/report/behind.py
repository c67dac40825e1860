"""What was run in the place of configurations that cannot be called, in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from conformance.report.tally import Judged, Tally
from conformance.report.text import count, safe

HEAD = "behind what cannot be called, run with that option at another value"


@dataclass(frozen=True)
class Behind:
    """Cases with one option changed, because nothing can be called as it was.

    Attributes:
        implementation: its name.
        option, now: the option with its value that cannot be called, and with the value that was run.
        configs: number of configurations.
        tally: of their cases.
        of: ids of the cases that could not be called.
    """

    implementation: str
    option: str
    now: str
    configs: int
    tally: Tally
    of: frozenset[str]

    @property
    def words(self) -> str:
        """Such as `with go_backwards=False, not go_backwards=True: 9 configurations, 36 cases: 36 pass`."""
        size = f"{count(self.configs, 'configuration')}, {count(self.tally.total, 'case')}"
        return f"with {safe(self.now)}, not {safe(self.option)}: {size}: {self.tally.words}"


def behind_of(cases: Mapping[str, Sequence[Judged]]) -> tuple[Behind, ...]:
    """All of it, by implementation and option."""
    found: dict[tuple[str, str, str], list[Judged]] = defaultdict(list)
    for name, some in cases.items():
        for case in some:
            if case.instead is not None:
                found[name, case.instead.option, case.instead.now].append(case)
    return tuple(
        Behind(
            *key,
            configs=len({str(case.case["config"]) for case in some}),
            tally=Tally.of(case.outcome for case in some),
            of=frozenset(case.instead.of for case in some if case.instead is not None),
        )
        for key, some in found.items()
    )


def lines(found: Iterable[Behind]) -> list[str]:
    """For a terminal; nothing where everything could be called."""
    told = [f"  {safe(one.implementation)}  {one.words}" for one in found]
    return ["\n".join([HEAD, *told])] if told else []
