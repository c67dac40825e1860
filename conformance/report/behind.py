"""What was run in the place of configurations that cannot be called, and what stays untested, in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.engine.events import CaseJudged
from conformance.engine.uncalled import Uncalled, cannot_be_called
from conformance.errors import SpecError
from conformance.report.tally import Judged, Tally
from conformance.report.text import count, safe
from conformance.results import Results
from conformance.spec import Case, LayerConfig, Value, canonical_json

HEAD = "behind what cannot be called, run with that option at another value"

WHY = "untested: nothing can be called there, and no other value of a single option is known to help"


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


@dataclass(frozen=True)
class Untested:
    """Configurations that cannot be called, and in whose place nothing could be run.

    Attributes:
        implementation: its name.
        configs: number of configurations.
        of: ids of their cases.
    """

    implementation: str
    configs: int
    of: frozenset[str]

    @property
    def words(self) -> str:
        """How many, and why nothing was run in their place."""
        return f"{count(self.configs, 'configuration stays', 'configurations stay')} {WHY}"


Beyond = Behind | Untested
"""What is told of that which cannot be called."""


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


def untested_of(results: Results) -> Iterator[Untested]:
    """By implementation, what no change of a single option would bring within reach. The results must be whole."""
    records: dict[str, list[CaseJudged]] = defaultdict(list)
    for record in results.cases:
        records[record.implementation].append(record)
    for name, some in records.items():
        if any(map(cannot_be_called, some)) and (stuck := _stuck(some)):
            ids = frozenset(record.id for record in some if canonical_json(record.case["config"]) in stuck)
            yield Untested(name, len(stuck), ids)


def _stuck(records: Sequence[CaseJudged]) -> set[str]:
    """The configurations, as JSON."""
    judged = [(case, record) for record in records if (case := _case(record.case)) is not None]
    uncalled = Uncalled.of(judged)
    stood = {record.instead.of for record in records if record.instead is not None}
    replaced = {case.config for case, record in judged if record.id in stood}
    seen = {item for case, record in judged if not cannot_be_called(record) for item in _items(case.config)}
    return {
        canonical_json(config.canonical())
        for config in uncalled.lost
        if config not in replaced and not any(_items(other) <= seen for _, other in uncalled.others(config))
    }


def _items(config: LayerConfig) -> set[tuple[str, Value]]:
    return {("layer", config.layer), *config.items}


def _case(data: Mapping[str, Any]) -> Case | None:
    try:
        return Case.from_canonical(data)
    except SpecError:  # of another version of the specification
        return None


def lines(found: Iterable[tuple[Beyond, Sequence[int]]]) -> list[str]:
    """For a terminal; nothing where everything could be called.

    Args:
        found: what to tell of, with the numbers of the failures because of which it cannot be called.
    """
    told = [f"  {safe(one.implementation)}  {one.words}{_because(failures)}" for one, failures in found]
    return ["\n".join([HEAD, *told])] if told else []


def _because(numbers: Sequence[int]) -> str:
    return f" (failure {', '.join(map(str, numbers))})" if numbers else ""
