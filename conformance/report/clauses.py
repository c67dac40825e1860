"""The clauses of the specification that a run tested or asked about, each with what was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conformance.report.groups import Group
from conformance.spec import Clause, load_clauses


@dataclass(frozen=True)
class Tested:
    """A clause, the checks of the run that test it, and the failure groups of those checks that cite it."""

    clause: Clause
    checks: tuple[str, ...]
    groups: tuple[Group, ...]


def tested(
    checks: Iterable[str], dialects: Iterable[str], groups: Sequence[Group], asked: Iterable[str]
) -> tuple[Tested, ...]:
    """The clauses of some dialects that some checks test, and those asked about, in the order of the specification."""
    ran, spoken, open_ones = set(checks), {"all", *dialects}, set(asked)
    return tuple(
        Tested(
            clause,
            tuple(check for check in clause.checks if check in ran),
            tuple(group for group in groups if clause in group.clauses),
        )
        for clause in load_clauses().values()
        if clause.id in open_ones or (clause.dialect in spoken and ran & set(clause.checks))
    )
