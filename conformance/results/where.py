"""The language of filters: `check:values impl:torch* outcome:fail option:reset_after=false free text`.

    query    = terms separated by spaces; all of them must hold
    term     = ["-"] key ":" value {"," value}      one of the values must hold; "-": none of them
             | ["-"] text                           somewhere in the check, the message, the case's words
    value    = word | '"' anything '"'              `*` and `?` stand for any characters, upper case for lower case

The page of a report has the same language in `templates/where.js`; both are tested with one table of examples
(tests/report/where.json). docs/filters.md explains it to users.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from conformance.engine.events import DEVIATIONS, Outcome
from conformance.errors import ConformanceError

WORDS: Mapping[str, tuple[str, ...]] = {
    "outcome": (
        *("pass", "fail", "error", "crash", "timeout", "known", "fixed", "unsupported", "unspecified", "not-run"),
        "deviation",
    ),
    "fails": ("one", "all", "backends"),
    "changed": (
        *("regressed", "changed", "fixed", "behaviour-changed", "drifted", "slower", "faster", "not-comparable"),
    ),
}
"""Keys with a closed set of values; a space within one is written as a hyphen."""

KEYS = ("check", "impl", "outcome", "option", "phase", "mode", "data", "id", "ratio", "fails", "changed", "group")
"""All keys."""

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_SETTING = re.compile(r"([^=!<>]+)(!=|<=|>=|=|<|>)(.+)")
_RATIO = re.compile(r"(<=|>=|<|>|=)?(.+)")


class WhereError(ConformanceError):
    """A filter that cannot be read; `position` counts characters from 0."""

    def __init__(self, query: str, position: int, why: str) -> None:
        self.query, self.position, self.why = query, position, why
        super().__init__(f"filter {query!r}, character {position + 1}: {why}")


@dataclass(frozen=True)
class Item:
    """What a filter looks at: one check on one case of one implementation.

    Attributes:
        check, impl, outcome: of the verdict.
        settings: layer, options, sizes, dialect and rejection, each as text.
        phase, mode, data, id: of the case; `data` is the kind of data.
        ratio: error ÷ allowed; None where no values were compared.
        fails: which of `one`, `all` and `backends` hold of this check on this case over all implementations.
        changed: kinds of change, where two runs are compared.
        groups: numbers of the failure groups that it belongs to.
        message: what was said.
    """

    check: str = ""
    impl: str = ""
    outcome: Outcome = "pass"
    settings: Mapping[str, str] = field(default_factory=dict)
    phase: str = ""
    mode: str = ""
    data: str = ""
    id: str = ""
    ratio: float | None = None
    fails: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()
    message: str = ""

    @property
    def text(self) -> str:
        """What free text is looked for in."""
        settings = (f"{name}={value}" for name, value in self.settings.items())
        words = (self.id, self.impl, self.check, self.outcome, self.phase, self.mode, self.data, *settings)
        return "\n".join((*words, self.message)).lower()


@dataclass(frozen=True)
class Term:
    """One condition; `key` is `text` for free text. `position` is where it begins in the query."""

    key: str
    values: tuple[str, ...]
    negated: bool
    position: int

    def holds(self, item: Item) -> bool:
        """Whether it is true of an item."""
        return any(_MATCH[self.key](value, item) for value in self.values) != self.negated


@dataclass(frozen=True)
class Where:
    """A filter; no terms: everything."""

    terms: tuple[Term, ...] = ()

    def holds(self, item: Item) -> bool:
        """Whether all terms are true of an item."""
        return all(term.holds(item) for term in self.terms)


def parse(query: str) -> Where:
    """Read a filter.

    Raises:
        WhereError: with the position of what cannot be read.
    """
    terms, place = [], 0
    while place < len(query):
        if query[place].isspace():
            place += 1
            continue
        term, place = _term(query, place)
        terms.append(term)
    return Where(tuple(terms))


def _term(query: str, start: int) -> tuple[Term, int]:
    place = start
    negated = query[place] == "-"
    place += negated
    found = re.compile(r"([A-Za-z_]+):").match(query, place)
    if found is None:
        value, place = _value(query, place, "")
        if not value:
            raise WhereError(query, start, "a term is missing after '-'" if negated else "the text is empty")
        return Term("text", (value.lower(),), negated, start), place
    key = found[1].lower()
    if key not in KEYS:
        hint = f"to look for this text, write it in quotation marks; keys: {', '.join(KEYS)}"
        raise WhereError(query, place, f"there is no key '{found[1]}'; {hint}")
    values, place = _values(query, found.end(), key)
    return Term(key, values, negated, start), place


def _values(query: str, place: int, key: str) -> tuple[tuple[str, ...], int]:
    values = []
    while True:
        value, end = _value(query, place, ",")
        if not value:
            raise WhereError(query, place, f"a value is missing after '{query[place - 1]}'")
        values.append(_checked(query, place, key, value.lower()))
        if end >= len(query) or query[end] != ",":
            return tuple(values), end
        place = end + 1


def _value(query: str, place: int, ends: str) -> tuple[str, int]:
    """The value at a place, parts in quotation marks taken as they are, and where it ends."""
    parts = []
    while place < len(query) and not query[place].isspace() and query[place] not in ends:
        if query[place] == '"':
            close = query.find('"', place + 1)
            if close < 0:
                raise WhereError(query, place, "the quotation mark is not closed")
            parts.append(query[place + 1 : close])
            place = close + 1
        else:
            parts.append(query[place])
            place += 1
    return "".join(parts), place


def _checked(query: str, place: int, key: str, value: str) -> str:
    """The value, if the key can have it."""
    if key in WORDS:
        value = value.replace(" ", "-")
        if value not in WORDS[key]:
            raise WhereError(query, place, f"'{value}' is no {key}; choose from {', '.join(WORDS[key])}")
    elif key == "option" and not _SETTING.fullmatch(value):
        raise WhereError(query, place, f"write option:NAME=VALUE (or !=, <, <=, >, >=), not '{value}'")
    elif key == "ratio" and _number(_parts(_RATIO, value)[1]) is None:
        raise WhereError(query, place, f"write a number such as ratio:>0.5, not '{value}'")
    elif key == "group" and not re.fullmatch(r"[0-9]+", value):
        raise WhereError(query, place, f"write a number such as group:3, not '{value}'")
    return value


def _parts(pattern: re.Pattern[str], value: str) -> tuple[str, ...]:
    found = pattern.fullmatch(value)
    return tuple(part or "" for part in found.groups()) if found else ("", "")


def _number(text: str) -> float | None:
    """A number written in digits; None for anything else, words such as `nan` included."""
    return float(text) if re.fullmatch(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?", text) else None


@cache
def _glob(pattern: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(character, re.escape(character)) for character in pattern), re.DOTALL)


def _like(value: str, text: str) -> bool:
    return _glob(value).fullmatch(text.lower()) is not None


def _outcome(value: str, item: Item) -> bool:
    return item.outcome in DEVIATIONS if value == "deviation" else item.outcome.replace(" ", "-") == value


def _option(value: str, item: Item) -> bool:
    name, sign, wanted = _parts(_SETTING, value)
    has = {known.lower(): told.lower() for known, told in item.settings.items()}.get(name)
    if has is None:
        return False
    if sign in ("=", "!="):
        return _like(wanted, has) == (sign == "=")
    left, right = _number(has), _number(wanted)
    return left is not None and right is not None and _COMPARE[sign](left, right)


def _ratio(value: str, item: Item) -> bool:
    sign, wanted = _parts(_RATIO, value)
    number = _number(wanted)
    return item.ratio is not None and number is not None and _COMPARE[sign or "="](item.ratio, number)


_MATCH: Mapping[str, Callable[[str, Item], bool]] = {
    "text": lambda value, item: value in item.text,
    "check": lambda value, item: _like(value, item.check),
    "impl": lambda value, item: _like(value, item.impl),
    "outcome": _outcome,
    "option": _option,
    "phase": lambda value, item: _like(value, item.phase),
    "mode": lambda value, item: _like(value, item.mode),
    "data": lambda value, item: _like(value, item.data),
    "id": lambda value, item: item.id.lower().startswith(value),
    "ratio": _ratio,
    "fails": lambda value, item: value in item.fails,
    "changed": lambda value, item: value in (kind.replace(" ", "-") for kind in item.changed),
    "group": lambda value, item: int(value) in item.groups,
}


def spelled(terms: Sequence[tuple[str, str]]) -> str:
    """The filter of some keys and values, in quotation marks where that is needed."""
    return " ".join(_spelled(terms))


def _spelled(terms: Sequence[tuple[str, str]]) -> Iterator[str]:
    for key, value in terms:
        plain = re.fullmatch(r'[^\s,"]+', value)
        yield f"{key}:{value}" if plain else f'{key}:"{value.replace(chr(34), "?")}"'
