"""Versions of packages, and ranges of them such as `>=3.0,<3.16`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping


def all_within(versions: Mapping[str, str], ranges: Mapping[str, str]) -> bool:
    """Whether every package with a range is there, in a version within it."""
    return all(package in versions and within(versions[package], limits) for package, limits in ranges.items())


def within(version: str, limits: str) -> bool:
    """Whether a version is within a range such as `>=3.0,<3.16`; what follows a `+` or a letter does not count."""
    return all(_COMPARE[sign](_numbers(version), _numbers(limit)) for sign, limit in version_limits(limits))


_COMPARE: Mapping[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    "==": lambda version, limit: version == limit,
    "!=": lambda version, limit: version != limit,
    ">=": lambda version, limit: version >= limit,
    "<=": lambda version, limit: version <= limit,
    ">": lambda version, limit: version > limit,
    "<": lambda version, limit: version < limit,
}


def version_limits(text: str) -> list[tuple[str, str]]:
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
