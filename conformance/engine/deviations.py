"""Declared deviations: what is known to be wrong with some versions of an implementation, as data."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from conformance.checks import DEVIATIONS, Verdict
from conformance.engine.conditions import OF_MASKS, SIZES, Condition, Larger, Literal, Multiple, Within, features
from conformance.errors import ResultsError, SpecError
from conformance.generate.tensors import KINDS, tensors
from conformance.laws import LAWS, Subject
from conformance.spec import Case, Value, dialect_names, load_dialect


@dataclass(frozen=True)
class Deviation:
    """A deviation that is known.

    Attributes:
        id: short and unique; stands in results.
        implementation: its name.
        check: in which check it shows; laws that fail as a consequence are meant, too.
        when: what a case must be like.
        versions: package -> range such as `>=3.0,<3.16`; all must hold. None: every version.
        reason: one line for people.
        link: where it is reported; empty if nowhere.
        witness: a case that shows it; it is run first.
        cause: what the verdicts say that it is, such as the route of a call; empty: any.
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

    def concerns(self, implementation: str, versions: Mapping[str, str]) -> bool:
        """Whether it is declared of that implementation in these versions."""
        return implementation == self.implementation and all(
            package in versions and _within(versions[package], limits) for package, limits in self.versions.items()
        )

    def explains(self, check: str, case: Case, mode: str, verdict: Verdict) -> bool:
        """Whether a failure of a check on a case is this deviation, or, of a law, a consequence of it."""
        if check == self.check:
            return self.cause in ("", verdict.cause) and self._holds(case, mode)
        return check in LAWS and self.check not in LAWS and any(self._holds(it, mode) for it in further(check, case))

    def _holds(self, case: Case, mode: str) -> bool:
        known = features(case, mode)
        return all(condition.holds(known) for condition in self.when)


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
    if verdict.outcome in DEVIATIONS:
        for known in deviations:
            if known.explains(check, case, mode, verdict):
                return replace(verdict, outcome="known", message=f"{known.id}: {known.reason}")
    if verdict.outcome == "pass":
        for known in deviations:
            if known.check == check and known.witness == case:
                return replace(verdict, outcome="fixed", message=f"{known.id}: its witness passes")
    return verdict


# ---------------------------------------------------------------- versions


def _within(version: str, limits: str) -> bool:
    """Whether a version is within a range such as `>=3.0,<3.16`; what follows a `+` or a letter does not count."""
    return all(_COMPARE[sign](_numbers(version), _numbers(limit)) for sign, limit in _limits(limits))


_COMPARE: Mapping[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    "==": lambda version, limit: version == limit,
    "!=": lambda version, limit: version != limit,
    ">=": lambda version, limit: version >= limit,
    "<=": lambda version, limit: version <= limit,
    ">": lambda version, limit: version > limit,
    "<": lambda version, limit: version < limit,
}


def _limits(text: str) -> list[tuple[str, str]]:
    """`>=3.0,<3.16` as pairs; ValueError if it is no range."""
    found = [re.fullmatch(r"(==|!=|>=|<=|>|<)\s*([0-9]+(?:\.[0-9]+)*)", part.strip()) for part in text.split(",")]
    pairs = [(match[1], match[2]) for match in found if match is not None]
    if len(pairs) < len(found):
        raise ValueError(f"'{text}' is no range of versions; write one such as '>=3.0,<3.16'")
    return pairs


def _numbers(version: str) -> tuple[int, ...]:
    """The release of a version without zeros at its end: `3.10.0rc1` is (3, 10)."""
    match = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    numbers = [int(part) for part in match[0].split(".")] if match is not None else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


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


# ---------------------------------------------------------------- files


_TEXTS = ("id", "implementation", "check", "reason")
_MORE = ("cause", "link", "witness")
"""Texts that may be left out."""


def read_deviations(path: Path) -> tuple[Deviation, ...]:
    """The deviations that a file declares.

    Raises:
        ResultsError: it cannot be read, or something in it is wrong; names file, line and what to write.
    """
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        raise ResultsError(f"cannot read {path}: {error.strerror or error}; check the path") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ResultsError(f"{path}: not TOML: {error}") from None
    entries = data.pop("deviation", [])
    if data or not isinstance(entries, list):
        raise ResultsError(f"{path}: write [[deviation]] tables and nothing else")
    found = []
    for number, entry in enumerate(entries, 1):
        try:
            found.append(_deviation(entry))
        except (ValueError, SpecError) as error:
            name = entry.get("id") if isinstance(entry, dict) else None
            place = _place(text, number, str(error))
            raise ResultsError(f"{path}, {place}: deviation {name or number}: {error}") from None
    ids = [one.id for one in found]
    for one in ids:
        if ids.count(one) > 1:
            raise ResultsError(f"{path}: two deviations have the id '{one}'; name them differently")
    return tuple(found)


def _place(text: str, number: int, problem: str) -> str:
    """Line and column of the text that an error quotes, within the table; else of the table itself."""
    starts = [match.start() for match in re.finditer(r"^[ \t]*\[\[\s*deviation\s*\]\]", text, re.MULTILINE)]
    begin = starts[number - 1] if number <= len(starts) else 0
    end = starts[number] if number < len(starts) else len(text)
    quoted = re.match(r"'([^']+)'", problem)
    at = text.find(quoted[1], begin, end) if quoted is not None else -1
    at = max(at, begin)
    return f"line {text.count(chr(10), 0, at) + 1}, column {at - text.rfind(chr(10), 0, at)}"


def _deviation(entry: Any) -> Deviation:
    """One table; ValueError or SpecError if it is wrong."""
    if not isinstance(entry, dict):
        raise ValueError("write it as a [[deviation]] table")  # noqa: TRY004 - what is wrong is the file
    unknown = set(entry) - {*_TEXTS, *_MORE, "when", "versions"}
    if unknown:
        raise ValueError(f"'{min(unknown)}' is no entry of a deviation")
    for name in (*_TEXTS, *_MORE):
        if not isinstance(entry.get(name, None if name in _TEXTS else ""), str):
            raise ValueError(f"{name} is missing or no text")  # noqa: TRY004
    when, versions = entry.get("when"), entry.get("versions", {})
    if not isinstance(when, list) or not all(isinstance(one, str) for one in when):
        raise ValueError('when is missing or no list of texts; write one such as ["layer=lstm"]')
    if not isinstance(versions, dict) or not all(isinstance(one, str) for one in versions.values()):
        raise ValueError('versions is no table of texts; write one such as { package = "<3.16" }')
    for limits in versions.values():
        _limits(limits)
    return Deviation(
        **{name: entry[name] for name in _TEXTS},
        when=tuple(condition(one) for one in when),
        versions=versions,
        link=entry.get("link", ""),
        cause=entry.get("cause", ""),
        witness=_witness(entry.get("witness", "")),
    )


def _witness(text: str) -> Case | None:
    if not text:
        return None
    try:
        data = json.loads(text)
    except ValueError:
        raise ValueError("witness is not JSON; copy the canonical form of a case from a results file") from None
    return Case.from_canonical(data)
