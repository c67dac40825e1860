"""Failure groups as people read them: one block for each cause."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from conformance.engine.events import DEVIATIONS, CaseJudged, Evidence, GroupFound, Outcome, Returned, Verdict, Worst
from conformance.report.behind import Beyond
from conformance.report.coverage import known_dialect
from conformance.report.tally import JUDGED, Judged, settings_of
from conformance.results import Results
from conformance.spec import Clause, load_clauses

GroupKey = tuple[str, int]
"""What tells the groups of a run apart: every implementation counts its own."""

SHOWN_IDS = 12
"""So many case ids are listed in a group; all of them are in the results file."""


@dataclass(frozen=True)
class Setting:
    """An option with its value in a case."""

    name: str
    value: str
    is_default: bool


@dataclass(frozen=True)
class CaseView:
    """A case in words.

    Attributes:
        id: its identity.
        layer: the layer in the words of its API.
        dialect: title of the API contract.
        options: those that are not default first.
        sizes: name and number.
        data: kind of data and seed.
        rejection: what is wrong with it, if it must be refused.
        settings: layer, options and sizes by name, as filters see them.
        json: its canonical form, indented.
        canonical: the same as data.
    """

    id: str
    layer: str
    dialect: str
    options: tuple[Setting, ...]
    sizes: tuple[tuple[str, int], ...]
    data: str
    rejection: str | None
    settings: Mapping[str, str]
    json: str
    canonical: Mapping[str, Any]


@dataclass(frozen=True)
class WorstView:
    """The worst element with what follows from it."""

    output: str
    index: tuple[tuple[str, int], ...]
    got: float
    expected: float
    allowed: float
    difference: float
    ratio: float
    first_step: int | None


@dataclass(frozen=True)
class Group:
    """Failures with one cause.

    Attributes:
        number: its number, unique within the report.
        found: its implementation and number in the results.
        anchor: its place in the page; the same in every report that has this failure.
        same_on: the groups of other implementations that fail in the same check under the same condition.
        when: the conjunction that separates failing from passing cases; None where it was not determined.
        cases: number of failing cases, each counted once.
        judged: how many cases of this implementation the check judged, each counted once.
        ids: the failing cases.
        replay: the command that runs the smallest case again.
        also: other checks that fail as a consequence.
        evidence: numbers that show it.
        returned: what was promised and what came, where its form is wrong.
        behind: what was run in the place of these cases, because they cannot be called, and what stays untested.
    """

    number: int
    implementation: str
    check: str
    outcome: Outcome
    clauses: tuple[Clause | str, ...]
    when: tuple[str, ...] | None
    exact: bool
    cases: int
    judged: int
    ids: tuple[str, ...]
    smallest: CaseView
    message: str
    worst: WorstView | None
    looks_like: str | None
    replay: str
    also: tuple[str, ...] = ()
    found: GroupKey = ("", 0)
    anchor: str = ""
    same_on: tuple[Sibling, ...] = ()
    evidence: Evidence | None = None
    returned: Returned | None = None
    behind: tuple[Beyond, ...] = ()

    @property
    def shown_ids(self) -> tuple[str, ...]:
        """The ids that the page lists."""
        return self.ids[:SHOWN_IDS]

    @property
    def kin(self) -> Hashable:
        """Equal for groups of several implementations that say the same."""
        return self.check, self.outcome, self.when, self.looks_like


@dataclass(frozen=True)
class Sibling:
    """The same failure on another implementation."""

    implementation: str
    number: int
    anchor: str


def linked(groups: Sequence[Group]) -> tuple[Group, ...]:
    """Groups, each with its siblings; all anchors are different."""
    taken: Counter[str] = Counter()
    unique = []
    for group in groups:
        taken[group.anchor] += 1
        again = taken[group.anchor]
        unique.append(replace(group, anchor=f"{group.anchor}-{again}") if again > 1 else group)
    kin: dict[Hashable, list[Group]] = defaultdict(list)
    for group in unique:
        if group.when:
            kin[group.kin].append(group)
    return tuple(
        replace(
            group,
            same_on=tuple(
                Sibling(other.implementation, other.number, other.anchor)
                for other in kin[group.kin]
                if other.implementation != group.implementation
            ),
        )
        for group in unique
    )


def groups_of(
    results: Results, cases: Mapping[str, Sequence[Judged]], source: str, behind: Sequence[Beyond] = ()
) -> tuple[Group, ...]:
    """All groups; where a run was cut off before it made any for a check, simple ones by cause."""
    found = [*results.groups]
    made = {(group.implementation, check) for group in found for check in (group.check, *group.also)}
    found += _simple(results, made, max((group.number for group in found), default=0))
    groups = (_group(group, cases.get(group.implementation, ()), source, made) for group in found)
    return tuple(replace(group, behind=tuple(it for it in behind if _is_behind(it, group))) for group in groups)


def _is_behind(one: Beyond, group: Group) -> bool:
    return one.implementation == group.implementation and not one.of.isdisjoint(group.ids)


def _simple(results: Results, made: set[tuple[str, str]], last: int) -> list[GroupFound]:
    """Groups by implementation, check, outcome and cause, for failures that no group explains."""
    members: dict[tuple[str, str, Outcome, str], list[CaseJudged]] = {}
    for record in results.cases:
        for check, verdict in record.outcomes.items():
            for part in verdict.parts if (record.implementation, check) not in made else ():
                if part.outcome in DEVIATIONS:
                    members.setdefault((record.implementation, check, part.outcome, _key(part)), []).append(record)
    return [
        _simple_group(number, check, cause, failing)
        for number, ((_, check, _, cause), failing) in enumerate(members.items(), last + 1)
    ]


def _simple_group(number: int, check: str, cause: str, failing: Sequence[CaseJudged]) -> GroupFound:
    smallest = min(failing, key=_size)
    verdict = next(part for part in smallest.outcomes[check].parts if _key(part) == cause)
    return GroupFound(
        number=number,
        implementation=smallest.implementation,
        check=check,
        clauses=(),
        outcome=verdict.outcome,
        when=(),
        exact=False,
        cases=tuple(record.id for record in failing),
        judged=0,
        smallest=smallest.case,
        smallest_id=smallest.id,
        message=verdict.message or "",
        worst=verdict.worst,
        cause=verdict.cause or "",
    )


def _key(verdict: Verdict) -> str:
    """Equal for failures that look the same."""
    return verdict.cause or verdict.message or ""


def _size(record: CaseJudged) -> tuple[int, int, str]:
    """Few options away from their defaults first, then small sizes; the id settles ties."""
    config = record.case["config"]
    changed = sum(not setting.is_default for setting in _settings(config))
    return changed, sum(config["sizes"].values()), record.id


def _group(group: GroupFound, cases: Sequence[Judged], source: str, made: set[tuple[str, str]]) -> Group:
    ids = tuple(dict.fromkeys(group.cases))
    judged = sum(case.outcomes.get(group.check) in JUDGED for case in cases)
    return Group(
        number=group.number,
        implementation=group.implementation,
        check=group.check,
        outcome=group.outcome,
        clauses=tuple(_clauses(group.clauses)),
        when=group.when if (group.implementation, group.check) in made else None,
        exact=group.exact,
        cases=len(ids),
        judged=judged or group.judged,
        ids=ids,
        smallest=case_view(group.smallest_id, group.smallest),
        message=group.message,
        worst=None if group.worst is None else _worst(group.worst),
        looks_like=group.looks_like,
        replay=f"rnn-conformance replay {shlex.quote(group.smallest_id)} --results {shlex.quote(source)}",
        also=group.also,
        found=(group.implementation, group.number),
        anchor=_anchor(group),
        evidence=group.evidence,
        returned=group.returned,
    )


def _anchor(group: GroupFound) -> str:
    """From what the group says, not from its number: a link to it survives another run."""
    said = json.dumps([group.implementation, group.check, group.smallest_id, group.when])
    return f"failure-{hashlib.sha256(said.encode()).hexdigest()[:8]}"


def _clauses(ids: Iterable[str]) -> Iterable[Clause | str]:
    """The clauses of these ids; an id that this version's specification does not have stays an id."""
    known = load_clauses()
    return (known.get(name, name) for name in ids)


def _worst(worst: Worst) -> WorstView:
    difference = abs(worst.got - worst.expected)
    ratio = difference / worst.allowed if worst.allowed else float("inf") if difference else 0.0
    return WorstView(
        output=worst.output,
        index=tuple(worst.index.items()),
        got=worst.got,
        expected=worst.expected,
        allowed=worst.allowed,
        difference=difference,
        ratio=ratio,
        first_step=worst.first_step,
    )


def case_view(name: str, case: Mapping[str, Any]) -> CaseView:
    """A case in words; results of other versions of the specification are shown as they are."""
    config, data = case["config"], case["data"]
    rules = known_dialect(config["dialect"])
    layer = config["layer"]
    class_name = rules.layers[layer].class_name if rules is not None and layer in rules.layers else layer
    rejection: str | None = case.get("rejection")
    if rules is not None and rejection is not None and rejection in rules.rejections:
        rejection = rules.rejections[rejection].meaning
    return CaseView(
        id=name,
        layer=("bidirectional " if config["options"].get("bidirectional") is True else "") + class_name,
        dialect=rules.title if rules is not None else config["dialect"],
        options=tuple(sorted(_settings(config), key=lambda setting: setting.is_default)),
        sizes=tuple(config["sizes"].items()),
        data=f"{data.get('kind', '?')}, seed {data.get('seed', '?')}",
        rejection=rejection,
        settings=settings_of(case),
        json=json.dumps(case, indent=2, ensure_ascii=True),
        canonical=case,
    )


def _settings(config: Mapping[str, Any]) -> tuple[Setting, ...]:
    rules = known_dialect(config["dialect"])
    options = rules.options if rules is not None else {}
    return tuple(
        Setting(name, str(value), name in options and options[name].default == value)
        for name, value in config["options"].items()
    )
