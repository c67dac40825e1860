"""Why versions deviate, as data: what people found out, which a page of many versions shows beside a cause."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from conformance.errors import ResultsError


@dataclass(frozen=True)
class Explanation:
    """Why some versions deviate.

    Attributes:
        implementation: its name; `*` stands for any text.
        check: in which the deviation shows.
        message: what the verdicts say, `*` standing for any text.
        text: for people.
    """

    implementation: str
    check: str
    message: str
    text: str

    def fits(self, implementation: str, check: str, message: str) -> bool:
        """Whether it explains such a failure."""
        pairs = ((self.implementation, implementation), (self.check, check), (self.message, message))
        return all(_like(pattern, text) for pattern, text in pairs)


def explained(explanations: Sequence[Explanation], implementation: str, check: str, message: str) -> str:
    """The text of the first explanation that fits; empty if there is none."""
    return next((one.text for one in explanations if one.fits(implementation, check, message)), "")


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
    names = [field.name for field in fields(Explanation)]
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict) or sorted(entry) != sorted(names) or not all(map(_is_text, entry.values())):
            raise ResultsError(f"{path}: explanation {number}: write {', '.join(names)}, each a text")
    return tuple(Explanation(**entry) for entry in entries)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None
