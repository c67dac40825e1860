"""Files that declare deviations: those of users, and those that come with the specification."""

from __future__ import annotations

import json
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from conformance.checks import CHECKS
from conformance.engine.deviations import Deviation, condition
from conformance.engine.versions import version_limits
from conformance.errors import ResultsError, SpecError
from conformance.generate.tensors import KINDS, WORKED_EXAMPLE
from conformance.spec import Case
from conformance.spec.paths import specs_path


@cache
def shipped() -> tuple[Deviation, ...]:
    """The deviations of current releases that this project found and confirmed, `specs/deviations/*.toml`."""
    return tuple(one for file in sorted((specs_path() / "deviations").glob("*.toml")) for one in read_deviations(file))


_TEXTS = ("id", "implementation", "check", "reason")
_MORE = ("cause", "link", "script", "witness")
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
    for number, one in enumerate(ids, 1):
        if one in ids[: number - 1]:
            problem = f"'{one}': two deviations have this id; name them differently"
            raise ResultsError(f"{path}, {_place(text, number, problem)}: {problem}")
    return tuple(found)


def _place(text: str, number: int, problem: str) -> str:
    """Line and column of the text that an error quotes, within the table, or of the entry that it names first."""
    starts = [match.start() for match in re.finditer(r"^[ \t]*\[\[\s*deviation\s*\]\]", text, re.MULTILINE)]
    begin = starts[number - 1] if number <= len(starts) else 0
    end = starts[number] if number < len(starts) else len(text)
    quoted, named = re.match(r"'([^']+)'", problem), re.match(r"\w+", problem)
    at = text.find(quoted[1], begin, end) if quoted is not None else -1
    entry = re.compile(rf"^[ \t]*({named[0]})[ \t]*=", re.MULTILINE).search(text, begin, end) if named else None
    at = max(at, begin if entry is None else entry.start(1))
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
    if ":" in entry["id"]:
        raise ValueError(f"'{entry['id']}': an id has no colon")
    if entry["check"] not in CHECKS:
        raise ValueError(f"'{entry['check']}' is no check; `rnn-conformance list checks` shows them")
    for limits in versions.values():
        version_limits(limits)
    return Deviation(
        **{name: entry[name] for name in _TEXTS},
        when=tuple(condition(one) for one in when),
        versions=versions,
        link=entry.get("link", ""),
        cause=entry.get("cause", ""),
        script=entry.get("script", ""),
        witness=_witness(entry.get("witness", "")),
    )


def _witness(text: str) -> Case | None:
    if not text:
        return None
    try:
        data = json.loads(text)
    except ValueError:
        raise ValueError("witness is not JSON; copy the canonical form of a case from a results file") from None
    try:
        case = Case.from_canonical(data)
    except SpecError as error:
        raise ValueError(f"witness: {error}") from None
    if case.data.kind not in (*KINDS, WORKED_EXAMPLE):
        raise ValueError(f"witness: unknown kind of data '{case.data.kind}'; choose one of {', '.join(KINDS)}")
    return case
