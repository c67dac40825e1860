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
        self._members: dict[tuple[str, str], list[GroupFound]] = {}
        self._consequences: dict[str, GroupFound] = {}
        for group in groups:
            for case in group.cases:
                self._members.setdefault((group.check, case), []).append(group)
            self._consequences |= {check: group for check in group.also if check not in self._consequences}

    def explaining(self, both: Both, causes: Iterable[str] | None = None) -> tuple[GroupFound, ...]:
        """The groups to which a failure belongs, or the one of which it is a consequence.

        Args:
            both: the failure.
            causes: what is wrong, where several things are; None: all that is.
        """
        found = self._members.get((both.check, both.id), [])
        if not found and both.check in self._consequences:
            return (self._consequences[both.check],)
        chosen = [group for group in found if causes is None or group.cause in causes]
        return tuple(chosen or found[-1:])


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


Found = tuple[Side, GroupFound]
"""The group that explains a change, and its run."""


def changes_of(
    cases: Aligned,
    before: Iterable[GroupFound],
    after: Iterable[GroupFound],
    thresholds: Thresholds,
    unchecked: str = "not checked",
) -> tuple[Change, ...]:
    """Every change of one implementation, in the order of `KINDS`, those of most cases first.

    Args:
        cases: of that implementation in both runs.
        before: the groups of that implementation in the run before.
        after: the same in the run after.
        thresholds: how much is a change.
        unchecked: what is said of a check that only one of the runs has made.
    """
    groups: Mapping[Side, Groups] = {"before": Groups(before), "after": Groups(after)}
    everything = tuple(cases.checks())
    bundles: dict[tuple[Kind, str, Hashable], _Bundle] = {}
    for both in everything:
        kind = kind_of(both.was, both.now, thresholds, _same_look(both, groups))
        if kind is None:
            continue
        for found in _explained(kind, both, groups):
            check, cause = _cause(kind, both, found, thresholds)
            bundles.setdefault((kind, check, cause), _Bundle(kind, check, found, [])).members.append(both)
    told = [_change(bundle, everything, unchecked) for bundle in bundles.values()]
    rank = {kind: place for place, kind in enumerate(KINDS)}
    return tuple(sorted(told, key=lambda change: (rank[change.kind], -len(change.cases))))


@dataclass(frozen=True)
class _Bundle:
    """Changes that belong into one entry: of which kind, in which check, and the group that explains them."""

    kind: Kind
    check: str
    found: Found | None
    members: list[Both]


def _same_look(both: Both, groups: Mapping[Side, Groups]) -> bool:
    """Whether no two different mistakes are known to explain the failure before and after."""
    before, after = ({it.looks_like for it in groups[side].explaining(both)} - {None} for side in _BOTH_SIDES)
    return not before or not after or not before.isdisjoint(after)


def _cause(kind: Kind, both: Both, found: Found | None, thresholds: Thresholds) -> tuple[str, Hashable]:
    """The check that an entry is about, and what is equal for changes that belong into one entry."""
    if kind == "not comparable":
        return "", (_unsaid(both.was), _unsaid(both.now))
    if kind == "drifted":
        return both.check, _grew(both, thresholds)
    if found is not None and kind != "changed":
        return found[1].check, found[1].number
    told = tuple(family(verdict) for verdict in (both.was, both.now) if verdict)
    if found is not None:  # what is declared after may be several things of which one group was made before
        told = (found[0], str(found[1].number), *(told if found[0] == "before" else ()))
    return both.check, (_outcome(both.was), _outcome(both.now), told)


def _grew(both: Both, thresholds: Thresholds) -> bool:
    """Whether error ÷ allowed drifted upwards."""
    return both.verdicts is not None and (factor(*both.verdicts, thresholds) or 0) > 1


_BOTH_SIDES: tuple[Side, Side] = ("before", "after")

_SIDES: Mapping[Kind, tuple[Side, ...]] = {
    "regressed": ("after",),
    "changed": ("after", "before"),  # what is declared in one of the runs has no group there
    "fixed": ("before",),
}
"""Kind -> the run whose groups explain it."""


def _explained(kind: Kind, both: Both, groups: Mapping[Side, Groups]) -> Sequence[Found | None]:
    """The groups that explain a change, each with its run: the new ones, or those that are gone; None: none does.

    Of which several things are wrong is in a group for each. What has changed into something else is told once.
    """
    told: Mapping[Side, Verdict | None] = {"before": both.was, "after": both.now}
    for side in _SIDES.get(kind, ()):
        other = both.now if side == "before" else both.was
        explaining = groups[side].explaining(both, _causes(told[side]) - _causes(other) or _causes(told[side]))
        if explaining:
            return [(side, group) for group in (explaining[:1] if kind == "changed" else explaining)]
    return [None]


def _causes(verdict: Verdict | None) -> set[str]:
    return set() if verdict is None else {part.cause or "" for part in verdict.parts}


def _unsaid(verdict: Verdict | None) -> str:
    """What is equal for verdicts that are silent for the same reason, and for those that are not silent."""
    if verdict is None:
        return "not checked"
    if verdict.outcome in SILENT:
        return f"{verdict.outcome}: {family(verdict)}"
    return "deviates" if verdict.outcome in DEVIATIONS else ""


def _outcome(verdict: Verdict | None) -> Outcome | None:
    return None if verdict is None else verdict.outcome


def _change(bundle: _Bundle, everything: Sequence[Both], unchecked: str) -> Change:
    kind, found, members = bundle.kind, bundle.found, bundle.members
    of_check = (both for both in members if both.check == bundle.check)
    example = min(of_check, key=_weight, default=min(members, key=_weight))
    ids = dict.fromkeys(both.id for both in members)
    checks = tuple(dict.fromkeys((example.check, *(both.check for both in members))))
    comparable = [both for both in everything if both.check in checks and both.verdicts is not None]
    unchanged = [both for both in comparable if both.check == example.check and both.id not in ids]
    return Change(
        kind=kind,
        checks=checks,
        was=_outcome(example.was),
        now=_outcome(example.now),
        said=unchecked if example.was is None else example.was.told,
        says=unchecked if example.now is None else example.now.told,
        cases=tuple(ids),
        comparable=len({both.id for both in comparable}),
        explanation=_of_group(*found, ids, everything) if found else shared(members, unchanged),
        example=example.id,
        example_case=example.case,
        looks_like=found[1].looks_like if found else None,
        ratios=_ratios(members) if kind == "drifted" else None,
    )


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
