"""One entry for each cause of change: by the groups of the two runs, else by what the changed cases share."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from conformance.engine.events import DEVIATIONS, GroupFound, Outcome, Verdict
from conformance.errors import SpecError
from conformance.results.align import SILENT, Aligned, Both
from conformance.results.kinds import KINDS, Kind, Thresholds, factor, family, kind_of
from conformance.results.speed import Quartiles
from conformance.spec import load_dialect

Side = Literal["before", "after"]


class Groups:
    """The groups of one implementation in one run."""

    def __init__(self, groups: Iterable[GroupFound]) -> None:
        self._members: dict[tuple[str, str], GroupFound] = {}
        self._consequences: dict[str, GroupFound] = {}
        for group in groups:
            self._members |= {(group.check, case): group for case in group.cases}
            self._consequences |= {check: group for check in group.also if check not in self._consequences}

    def explaining(self, both: Both) -> GroupFound | None:
        """The group to which a failure belongs, or of which it is a consequence."""
        return self._members.get((both.check, both.id), self._consequences.get(both.check))


@dataclass(frozen=True)
class Explanation:
    """Which cases changed.

    Attributes:
        when: a conjunction of features that the changed cases have; empty: nothing that they share sets them apart.
        exact: whether no comparable case that did not change has these features.
        side: the run whose group says so; None: it is what the changed cases share.
        group: the number of that group.
        whole: whether all common cases of the group changed: it has appeared, or disappeared.
    """

    when: tuple[str, ...] = ()
    exact: bool = False
    side: Side | None = None
    group: int | None = None
    whole: bool = False


@dataclass(frozen=True)
class Change:
    """A change with one cause.

    Attributes:
        kind: of which kind.
        checks: in which checks: one, then those that changed as a consequence; of what is not comparable, all to which
            that applies; none: whole cases.
        was, now: outcome of the example, before and after; None if there was none.
        said, says: what was said of the example, before and after; empty for a plain pass.
        cases: ids of the cases that changed.
        comparable: number of cases on which both runs say something in this check.
        explanation: which cases these are.
        example: id of the smallest case.
        example_case: its canonical form.
        looks_like: the mistake that explains the group, if one is known.
        ratios: quartiles of error ÷ allowed before and after, of a drift.
        asked: the open question that is answered otherwise; empty: it is about something else.
    """

    kind: Kind
    checks: tuple[str, ...]
    was: Outcome | None
    now: Outcome | None
    said: str
    says: str
    cases: tuple[str, ...]
    comparable: int
    explanation: Explanation
    example: str
    example_case: Mapping[str, Any]
    looks_like: str | None = None
    ratios: tuple[Quartiles, Quartiles] | None = None
    asked: str = ""


def changes_of(
    cases: Aligned, before: Iterable[GroupFound], after: Iterable[GroupFound], thresholds: Thresholds
) -> tuple[Change, ...]:
    """Every change of one implementation, in the order of `KINDS`, those of most cases first.

    Args:
        cases: of that implementation in both runs.
        before: the groups of that implementation in the run before.
        after: the same in the run after.
        thresholds: how much is a change.
    """
    groups: Mapping[Side, Groups] = {"before": Groups(before), "after": Groups(after)}
    everything = tuple(cases.checks())
    bundles: dict[tuple[Kind, str, Hashable], list[Both]] = {}
    for both in everything:
        kind = kind_of(both.was, both.now, thresholds, _same_look(both, groups))
        if kind is not None:
            check, cause = _cause(kind, both, groups, thresholds)
            bundles.setdefault((kind, check, cause), []).append(both)
    found = [_change(kind, check, bundle, everything, groups) for (kind, check, _), bundle in bundles.items()]
    rank = {kind: place for place, kind in enumerate(KINDS)}
    return tuple(sorted(found, key=lambda change: (rank[change.kind], -len(change.cases))))


def _same_look(both: Both, groups: Mapping[Side, Groups]) -> bool:
    """Whether no two different mistakes are known to explain the failure before and after."""
    looks = {group.looks_like for found in groups.values() if (group := found.explaining(both)) is not None}
    return len(looks - {None}) < 2


def _cause(kind: Kind, both: Both, groups: Mapping[Side, Groups], thresholds: Thresholds) -> tuple[str, Hashable]:
    """The check that an entry is about, and what is equal for changes that belong into one entry."""
    if kind == "not comparable":
        return "", (_unsaid(both.was), _unsaid(both.now))
    if kind == "drifted":
        return both.check, _grew(both, thresholds)
    found = _group(kind, both, groups)
    if found is not None and kind != "changed":
        return found[1].check, found[1].number
    told = tuple(family(verdict) for verdict in (both.was, both.now) if verdict)
    if found is not None:  # what is declared after may be several things of which one group was made before
        told = (found[0], str(found[1].number), *(told if found[0] == "before" else ()))
    return both.check, (_outcome(both.was), _outcome(both.now), told)


def _grew(both: Both, thresholds: Thresholds) -> bool:
    """Whether error ÷ allowed drifted upwards."""
    return both.verdicts is not None and (factor(*both.verdicts, thresholds) or 0) > 1


_SIDES: Mapping[Kind, tuple[Side, ...]] = {
    "regressed": ("after",),
    "changed": ("after", "before"),  # what is declared in one of the runs has no group there
    "fixed": ("before",),
}
"""Kind -> the run whose groups explain it."""


def _group(kind: Kind, both: Both, groups: Mapping[Side, Groups]) -> tuple[Side, GroupFound] | None:
    """The group that explains a change, and its run: the new one, or the one that is gone."""
    found = ((side, groups[side].explaining(both)) for side in _SIDES.get(kind, ()))
    return next(((side, group) for side, group in found if group is not None), None)


def _unsaid(verdict: Verdict | None) -> str:
    """What is equal for verdicts that are silent for the same reason, and for those that are not silent."""
    if verdict is None:
        return "not checked"
    if verdict.outcome in SILENT:
        return f"{verdict.outcome}: {family(verdict)}"
    return "deviates" if verdict.outcome in DEVIATIONS else ""


def _outcome(verdict: Verdict | None) -> Outcome | None:
    return None if verdict is None else verdict.outcome


def _change(
    kind: Kind, check: str, bundle: Sequence[Both], everything: Sequence[Both], groups: Mapping[Side, Groups]
) -> Change:
    example = min((both for both in bundle if both.check == check), key=_weight, default=min(bundle, key=_weight))
    ids = dict.fromkeys(both.id for both in bundle)
    checks = tuple(dict.fromkeys((example.check, *(both.check for both in bundle))))
    comparable = [both for both in everything if both.check in checks and both.verdicts is not None]
    unchanged = [both for both in comparable if both.check == example.check and both.id not in ids]
    found = _group(kind, example, groups)
    return Change(
        kind=kind,
        checks=checks,
        was=_outcome(example.was),
        now=_outcome(example.now),
        said=_said(example.was),
        says=_said(example.now),
        cases=tuple(ids),
        comparable=len({both.id for both in comparable}),
        explanation=_of_group(*found, ids, everything) if found else shared(bundle, unchanged),
        example=example.id,
        example_case=example.case,
        looks_like=found[1].looks_like if found else None,
        ratios=_ratios(bundle) if kind == "drifted" else None,
    )


def _said(verdict: Verdict | None) -> str:
    return "not checked" if verdict is None else verdict.told


def _of_group(side: Side, group: GroupFound, changed: Iterable[str], everything: Sequence[Both]) -> Explanation:
    members = {both.id for both in everything if both.check == group.check} & set(group.cases)
    return Explanation(group.when, group.exact, side, group.number, members <= set(changed))


def _ratios(bundle: Sequence[Both]) -> tuple[Quartiles, Quartiles]:
    was, now = (
        [verdict.ratio for verdict in some if verdict and verdict.ratio is not None] for some in _verdicts(bundle)
    )
    return Quartiles.of(was), Quartiles.of(now)


def _verdicts(bundle: Sequence[Both]) -> tuple[list[Verdict | None], list[Verdict | None]]:
    return [both.was for both in bundle], [both.now for both in bundle]


def _weight(both: Both) -> tuple[int, int, str]:
    """Small for few unusual options and small sizes; the id settles ties."""
    config = both.case["config"]
    try:
        known = load_dialect(config["dialect"]).options
    except SpecError:  # results of another version of the specification
        known = {}
    unusual = sum(name in known and known[name].default != value for name, value in config["options"].items())
    return unusual, sum(config["sizes"].values()), both.id


# ---------------------------------------------------------------- what changed cases share


def shared(changed: Sequence[Both], unchanged: Sequence[Both]) -> Explanation:
    """The fewest features that all changed cases have and, if possible, no unchanged one."""
    common = set.intersection(*(_features(both) for both in changed))
    others = [_features(both) for both in unchanged]
    frequent = sorted(common, key=lambda one: (-sum(one in other for other in others), one[0] == "layer", one))
    kept = [one for one in frequent if any(one not in other for other in others)]
    matching = _having(kept, others)
    for one in list(kept):
        fewer = [other for other in kept if other != one]
        if _having(fewer, others) == matching:
            kept = fewer
    return Explanation(tuple(f"{name}={value}" for name, value in kept), exact=matching == 0)


def _having(wanted: Sequence[tuple[str, str]], others: Sequence[set[tuple[str, str]]]) -> int:
    """How many of the others have all the wanted features."""
    needed = set(wanted)
    return sum(needed <= other for other in others)


def _features(both: Both) -> set[tuple[str, str]]:
    """Layer, options, what is wrong with it, kind of data and mode of the call."""
    config, case = both.case["config"], both.case
    told = {"layer": config["layer"], **config["options"], "data": case["data"].get("kind"), "mode": both.after.mode}
    return {
        (name, str(value)) for name, value in (told | {"rejection": case.get("rejection")}).items() if value is not None
    }
