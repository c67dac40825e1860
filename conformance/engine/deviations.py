"""Declared deviations: what is known to be wrong with some versions of an implementation, as data."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from conformance.checks import DEVIATIONS, Verdict, joined
from conformance.checks.laws import again
from conformance.engine.conditions import OF_MASKS, SIZES, Condition, Larger, Literal, Multiple, Within, features
from conformance.engine.events import CaseJudged, KnownSeen, Witness
from conformance.engine.versions import all_within
from conformance.generate.tensors import KINDS, tensors
from conformance.laws import LAWS, Subject
from conformance.spec import Case, Value, dialect_names, load_dialect


@dataclass(frozen=True)
class Deviation:
    """A deviation that is known.

    Attributes:
        id: short and unique; stands in results.
        implementation: its name; `*` stands for any text, as in `keras:*`, but for no class in the place of another.
        check: in which check it shows; laws that fail as a consequence are meant, too.
        when: what a case must be like.
        versions: package -> range such as `>=3.0,<3.16`; all must hold. None: every version.
        reason: one line for people.
        link: where it is reported; empty if nowhere.
        witness: a case that shows it; it is run first.
        cause: what the verdicts say that it is, such as the route of a call, `*` standing for any text; empty: any.
        script: what shows it without this project, beside the file that declares it; empty if nothing.
    """

    id: str
    implementation: str
    check: str
    when: tuple[Condition, ...]
    versions: Mapping[str, str]
    reason: str
    link: str
    witness: Case | None
    cause: str = ""
    script: str = ""

    def concerns(self, implementation: str, versions: Mapping[str, str]) -> bool:
        """Whether it is declared of that implementation in these versions."""
        return _like(self.implementation, implementation, "[^\\[]*") and all_within(versions, self.versions)

    def explains(self, check: str, case: Case, mode: str, verdict: Verdict) -> bool:
        """Whether a failure of a check on a case is this deviation, or, of a law, a consequence of it."""
        if check == self.check:
            return self.is_cause_of(verdict) and self.holds(case, mode)
        return check in LAWS and self.check not in LAWS and any(self.holds(it, mode) for it in further(check, case))

    def is_cause_of(self, verdict: Verdict) -> bool:
        """Whether a verdict says what this deviation is, as far as it is declared."""
        return not self.cause or _like(self.cause, verdict.cause or "", ".*")

    @property
    def tried_as(self) -> str:
        """The law, with its route if it is about one, that must be tried to see it; empty: it shows in any call."""
        return again(self.check, Verdict("fail", cause=self.cause)) if self.check in LAWS else ""

    def holds(self, case: Case, mode: str) -> bool:
        """Whether it is declared of a case in that mode."""
        known = features(case, mode)
        return all(condition.holds(known) for condition in self.when)


def _like(pattern: str, text: str, star: str) -> bool:
    """Whether a text is like a pattern, in which `*` stands for what the expression `star` matches."""
    return re.fullmatch(star.join(map(re.escape, pattern.split("*"))), text) is not None


def further(law: str, case: Case) -> Iterator[Case]:
    """The further calls of a law on a case, as cases."""
    plan = LAWS[law].plan(Subject(case, tensors(case), lambda _: True, law))
    for call in plan.calls if plan is not None else ():
        yield Case(call.config, case.data)


def declared(
    deviations: Sequence[Deviation], case: Case, mode: str, outcomes: Mapping[str, Verdict]
) -> dict[str, Verdict]:
    """The outcomes with those failures `known` that are declared, and a witness that passes `fixed`."""
    return {check: _declared(deviations, case, mode, check, verdict) for check, verdict in outcomes.items()}


def _declared(deviations: Sequence[Deviation], case: Case, mode: str, check: str, verdict: Verdict) -> Verdict:
    """Where several things are wrong, each by itself: what is known of one says nothing of another."""
    return joined([_one_declared(deviations, case, mode, check, part) for part in verdict.parts])


def _one_declared(deviations: Sequence[Deviation], case: Case, mode: str, check: str, verdict: Verdict) -> Verdict:
    if verdict.outcome in DEVIATIONS:
        for known in sorted(deviations, key=lambda it: it.check != check):  # what is declared of this check comes first
            if known.explains(check, case, mode, verdict):
                return replace(verdict, outcome="known", message=f"{known.id}: {known.reason}")
    if verdict.outcome == "pass":
        for known in deviations:
            if known.check == check and known.witness == case:
                return replace(verdict, outcome="fixed", message=f"{known.id}: its witness passes")
    return verdict


_OF_WITNESS: Mapping[str, Witness] = {"known": "fails", "fixed": "passes"}


def seen(
    known: Deviation,
    implementation: str,
    records: Iterable[tuple[Case, CaseJudged]],
    tries: Callable[[str, Case], bool],
) -> KnownSeen:
    """What a run says of a declared deviation: how many cases it explains, and how many of its region pass.

    Args:
        known: the deviation.
        implementation: its name in the run.
        records: all judged cases of the implementation.
        tries: whether a law, or one route of it, was tried on a case.
    """
    explained = passing = other = 0
    witness: Witness = "not run"
    for case, judged in records:
        outcomes = judged.outcomes
        explained += any(is_known(verdict, known.id) for verdict in outcomes.values())
        verdict = outcomes.get(known.check)
        if verdict is None or not known.holds(case, judged.mode):
            continue
        if case == known.witness:
            witness = _OF_WITNESS.get(verdict.outcome, witness)
        if verdict.outcome in ("pass", "fixed"):
            passing += not known.tried_as.partition("/")[2] or tries(known.tried_as, case)
        elif verdict.outcome in DEVIATIONS:
            other += 1
    return KnownSeen(
        implementation=implementation,
        id=known.id,
        check=known.check,
        when=tuple(it.text for it in known.when),
        reason=known.reason,
        link=known.link,
        script=known.script,
        witness=witness,
        cases=explained,
        passing=passing,
        other=other,
    )


def is_known(verdict: Verdict, name: str) -> bool:
    """Whether a verdict was declared by the deviation of that name."""
    return any(part.outcome == "known" and (part.message or "").startswith(f"{name}: ") for part in verdict.parts)


# ---------------------------------------------------------------- conditions


def condition(text: str) -> Condition:
    """A condition from its text, as in the groups of a run: `layer=lstm|gru`, `mask!=none`, `units>1`, ...

    Raises:
        ValueError: it is none, or names an option or value that no dialect has.
    """
    if text in OF_MASKS:
        return Literal(text, (True,), text)
    multiple = re.fullmatch(r"(\w+) (a|not a) multiple of ([1-9][0-9]*)", text)
    if multiple is not None and multiple[1] in SIZES:
        return Multiple(multiple[1], int(multiple[3]), multiple[2] == "a")
    parts = re.fullmatch(r"(\w+)(!=|=|>|<)(.+)", text)
    if parts is None:
        raise ValueError(f"'{text}' is no condition; write one such as layer=lstm, mask!=none or units>1")
    name, sign, value = parts[1], parts[2], parts[3]
    return _of_size(text, name, sign, value) if name in SIZES else _of_values(text, name, sign, value)


def _of_size(text: str, name: str, sign: str, value: str) -> Condition:
    if sign == ">" and value in SIZES:
        return Larger(name, value)
    if not value.isascii() or not value.isdecimal() or sign == "!=":
        raise ValueError(f"'{text}': a size is compared with a number, by =, > or <")
    number = int(value)
    return {"=": Within(name, number, number), ">": Within(name, number + 1), "<": Within(name, 1, number - 1)}[sign]


def _of_values(text: str, name: str, sign: str, value: str) -> Condition:
    domain = _domains().get(name)
    if domain is None:
        raise ValueError(f"'{text}': no dialect has an option '{name}'")
    if sign not in ("=", "!="):
        raise ValueError(f"'{text}': an option is compared by = or !=")
    known = {str(one).lower(): one for one in domain}
    words = value.lower().split("|")
    for word in words:
        if word not in known:
            raise ValueError(f"'{text}': '{word}' is no value of {name}; choose from {', '.join(map(str, domain))}")
    named = [known[word] for word in words]
    return Literal(name, tuple(one for one in domain if (one in named) == (sign == "=")), text)


@cache
def _domains() -> Mapping[str, tuple[Value, ...]]:
    """Features that are not sizes, with the values that any dialect knows."""
    found: dict[str, dict[Value, None]] = {"data": dict.fromkeys(KINDS), "mode": dict.fromkeys(("eager", "graph"))}
    for dialect in map(load_dialect, dialect_names()):
        found.setdefault("layer", {}).update(dict.fromkeys(dialect.layers))
        found.setdefault("rejection", {}).update(dict.fromkeys(dialect.rejections))
        for option in dialect.options.values():
            found.setdefault(option.name, {}).update(dict.fromkeys(option.values))
    return {name: tuple(values) for name, values in found.items()}
