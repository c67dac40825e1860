"""Results through a filter (`conformance.results.where`): which verdicts and groups match."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from conformance.engine.events import DEVIATIONS, CaseJudged, GroupFound, ImplementationStarted
from conformance.report.groups import Group
from conformance.report.tally import JUDGED, settings_of
from conformance.results import Results
from conformance.results.where import Item, Where

Key = tuple[str, str]
"""Case and check."""


def items(results: Results, groups: Iterable[Group] = ()) -> Iterator[tuple[CaseJudged, Item]]:
    """Every verdict as a filter sees it, with its record.

    Args:
        results: where from.
        groups: the failures of the report, as it numbers them.
    """
    fails = fails_of(results)
    members: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for group in groups:
        for case in group.ids:
            members[group.implementation, group.check, case].append(group.number)
    for record in results.cases:
        settings, data = settings_of(record.case), record.case.get("data", {})
        for check, verdict in record.outcomes.items():
            yield (
                record,
                Item(
                    check=check,
                    impl=record.implementation,
                    outcome=verdict.outcome,
                    settings=settings,
                    phase=record.phase,
                    mode=record.mode,
                    data=str(data.get("kind", "")),
                    id=record.id,
                    ratio=_ratio(verdict.ratio),
                    fails=fails.get((record.id, check), ()),
                    groups=tuple(members.get((record.implementation, check, record.id), ())),
                    message=verdict.told,
                ),
            )


def _ratio(ratio: float | None) -> float | None:
    """What is not a number is beyond every limit."""
    return math.inf if ratio is not None and math.isnan(ratio) else ratio


def selected(results: Results, where: Where, groups: Iterable[Group] = ()) -> Results:
    """The verdicts that match, and the groups that any of them belongs to, with those cases alone."""
    kept: dict[int, set[str]] = defaultdict(set)
    cases: set[tuple[str, str, str]] = set()
    for record, item in items(results, groups):
        if where.holds(item):
            kept[id(record)].add(item.check)
            cases.add((item.impl, item.check, item.id))
    records = (
        replace(record, outcomes={check: v for check, v in record.outcomes.items() if check in kept[id(record)]})
        for record in results.cases
        if id(record) in kept
    )
    return replace(results, cases=tuple(records), groups=tuple(_groups(results.groups, cases)))


def _groups(groups: Iterable[GroupFound], cases: set[tuple[str, str, str]]) -> Iterator[GroupFound]:
    for group in groups:
        left = tuple(case for case in group.cases if (group.implementation, group.check, case) in cases)
        if left:
            yield replace(group, cases=left)


def fails_of(results: Results) -> dict[Key, tuple[str, ...]]:
    """Case and check -> which of `one`, `all` and `backends` hold; those with none are left out.

    `one`: one of several implementations that were judged deviates. `all`: all of several do. `backends`: of the
    implementations of one framework some deviate, and some do not.
    """
    judged: dict[Key, dict[str, bool]] = defaultdict(dict)
    for record in results.cases:
        for check, verdict in record.outcomes.items():
            if verdict.outcome in JUDGED:
                before = judged[record.id, check].get(record.implementation, False)
                judged[record.id, check][record.implementation] = before or verdict.outcome in DEVIATIONS
    families = frameworks(results.implementations)
    found = {key: tuple(_fails(said, families)) for key, said in judged.items() if any(said.values())}
    return {key: words for key, words in found.items() if words}


def _fails(said: Mapping[str, bool], families: Sequence[frozenset[str]]) -> Iterator[str]:
    if len(said) > 1:
        if sum(said.values()) == 1:
            yield "one"
        if all(said.values()):
            yield "all"
    if any(len({said[name] for name in family if name in said}) == 2 for family in families):
        yield "backends"


def frameworks(implementations: Iterable[ImplementationStarted]) -> tuple[frozenset[str], ...]:
    """Implementations of one framework on several backends.

    Their names start alike, before a colon, with a package of which both tell the version.
    """
    families: dict[str, set[str]] = defaultdict(set)
    for one in implementations:
        head = one.name.partition(":")[0]
        if head in one.versions:
            families[head].add(one.name)
    return tuple(frozenset(names) for names in families.values() if len(names) > 1)
