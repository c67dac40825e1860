"""Why versions deviate, as data: what people found out, which a page of many versions shows beside a cause."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from conformance.engine.versions import all_within, version_limits
from conformance.errors import ResultsError

TEXTS = ("implementation", "check", "message", "text")
"""What every explanation has, each a text."""


@dataclass(frozen=True)
class Explanation:
    """Why some versions deviate.

    Attributes:
        implementation: its name; `*` stands for any text.
        check: in which the deviation shows.
        message: what the verdicts say, `*` standing for any text.
        text: for people.
        versions: package -> range such as `<3.15`, beyond which it explains nothing; empty: every version.
    """

    implementation: str
    check: str
    message: str
    text: str
    versions: Mapping[str, str] = field(default_factory=dict)

    def fits(self, implementation: str, check: str, message: str, shown_by: Iterable[Mapping[str, str]] = ()) -> bool:
        """Whether it explains such a failure of all versions (of packages) that show it."""
        pairs = ((self.implementation, implementation), (self.check, check), (self.message, message))
        within = (all_within(versions, self.versions) for versions in shown_by)
        return all(_like(pattern, text) for pattern, text in pairs) and all(within)


def explained(
    explanations: Sequence[Explanation],
    implementation: str,
    check: str,
    message: str,
    shown_by: Sequence[Mapping[str, str]],
) -> str:
    """The text of the first explanation that fits; empty if there is none."""
    return next((one.text for one in explanations if one.fits(implementation, check, message, shown_by)), "")


def read_explanations(path: Path) -> tuple[Explanation, ...]:
    """The explanations of a TOML file with [[explanation]] tables.

    Raises:
        ResultsError: it cannot be read, or something in it is wrong; says what to write.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultsError(f"cannot read {path}: {error.strerror or error}; check the path") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ResultsError(f"{path}: not TOML: {error}") from None
    entries = data.pop("explanation", [])
    if data or not isinstance(entries, list):
        raise ResultsError(f"{path}: write [[explanation]] tables and nothing else")
    for number, entry in enumerate(entries, 1):
        if (problem := _problem(entry)) is not None:
            raise ResultsError(f"{path}: explanation {number}: {problem}")
    return tuple(Explanation(**entry) for entry in entries)


def _problem(entry: object) -> str | None:
    """What is wrong with one, and what to write."""
    said = dict(entry) if isinstance(entry, dict) else {}
    ranges = said.pop("versions", {})
    if sorted(said) != sorted(TEXTS) or not all(map(_is_text, said.values())):
        return f"write {', '.join(TEXTS)}, each a text"
    if not isinstance(ranges, dict) or not all(map(_is_text, ranges.values())):
        return "write versions as { package = range }, the range such as '<3.15'"
    try:
        for limits in ranges.values():
            version_limits(limits)
    except ValueError as error:
        return f"versions: {error}"
    return None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None
