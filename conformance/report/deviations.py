"""Failure groups as a file of declared deviations, for a human to edit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from conformance.engine.events import GroupFound
from conformance.report.text import safe
from conformance.results import Results

HEAD = """\
# Known deviations, written by `rnn-conformance accept`. Edit before use: widen or narrow versions, say why each is
# accepted, link to where it is reported. Used by `rnn-conformance run --known FILE`.
"""


def deviations(results: Results) -> str:
    """A TOML file with an entry for every group: its condition as predicate, its smallest case as witness."""
    return "\n".join([HEAD, *("\n".join(_entry(group, results)) + "\n" for group in results.groups)])


def _entry(group: GroupFound, results: Results) -> Iterator[str]:
    versions = next((one.versions for one in results.implementations if one.name == group.implementation), {})
    slug = re.sub(r"[^a-z0-9]+", "-", group.implementation.lower()).strip("-")[:40]
    named = {package: version for package, version in versions.items() if package != "numpy"} or versions
    limits = ", ".join(f"{quoted(package)} = {quoted(f'=={_release(version)}')}" for package, version in named.items())
    yield "[[deviation]]"
    yield f"id = {quoted(f'{slug}-{group.check}-{group.number}')}"
    yield f"implementation = {quoted(group.implementation)}"
    yield f"versions = {{ {limits} }}"
    yield f"check = {quoted(group.check)}"
    if cause := _cause(group, results):
        yield f"cause = {quoted(cause)}"
    yield f"when = [{', '.join(map(quoted, group.when))}]"
    yield f"reason = {quoted(group.looks_like or group.message)}"
    yield 'link = ""'
    witness = json.dumps(group.smallest, separators=(",", ":"))
    literal = f"'{witness}'"
    yield f"witness = {literal if literal.count(chr(39)) == 2 else quoted(witness)}"


def _cause(group: GroupFound, results: Results) -> str:
    """What all verdicts of a group say that it is, among other things perhaps; empty if they differ, or say nothing."""
    members = set(group.cases)
    said = [
        {part.cause or "" for part in record.outcomes[group.check].parts if part.outcome == group.outcome}
        for record in results.cases
        if record.id in members and record.implementation == group.implementation and group.check in record.outcomes
    ]
    by_all = set.intersection(*said) if said else set()
    return group.cause if group.cause in by_all else by_all.pop() if len(by_all) == 1 else ""


def _release(version: str) -> str:
    """The numbers of a version, without what was added for a build."""
    found = re.match(r"[0-9]+(\.[0-9]+)*", version)
    return found[0] if found else "0"


def quoted(text: str) -> str:
    """Foreign text as a string of TOML, in one line."""
    return json.dumps(safe(text), ensure_ascii=False)
