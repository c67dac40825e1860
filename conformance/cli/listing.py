"""`rnn-conformance list`: what there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import click

from conformance.checks import CHECKS
from conformance.cli.table import table
from conformance.engine.implementations import implementation_names
from conformance.generate.phases import PROFILES
from conformance.spec import dialect_names, load_clauses, load_dialect
from conformance.spec.behaviours import load_behaviours

Rows = Iterator[tuple[str, ...]]


def _implementations() -> Rows:
    yield ("implementation",)
    yield from ((name,) for name in implementation_names())
    yield ("cmd:PROGRAM ARGUMENTS",)


def _checks() -> Rows:
    yield ("check", "what it tests")
    yield from ((check.name, check.meaning) for check in CHECKS.values())


def _options() -> Rows:
    yield ("dialect", "option", "values (default first)", "layers", "meaning")
    for name in dialect_names():
        dialect = load_dialect(name)
        for option in dialect.options.values():
            values = dict.fromkeys((option.default, *option.values))
            layers = "all" if len(option.layers) == len(dialect.layers) else ", ".join(option.layers)
            yield (name, option.name, ", ".join(map(str, values)), layers, option.meaning)


def _clauses() -> Rows:
    yield ("clause", "status", "text")
    yield from ((clause.id, clause.status, clause.text) for clause in load_clauses().values())


def _behaviours() -> Rows:
    yield ("behaviour", "left open by", "question")
    yield from ((one.id, one.clause, one.question) for one in load_behaviours().values())


def _profiles() -> Rows:
    yield ("profile", "what it runs")
    yield from ((profile.name, profile.meaning) for profile in PROFILES.values())


_LISTS: Mapping[str, Callable[[], Rows]] = {
    "implementations": _implementations,
    "checks": _checks,
    "options": _options,
    "clauses": _clauses,
    "behaviours": _behaviours,
    "profiles": _profiles,
}


@click.command("list", epilog="\b\nExamples:\n  rnn-conformance list\n  rnn-conformance list options\n")
@click.argument("what", type=click.Choice(list(_LISTS)), required=False)
def list_(what: str | None) -> None:
    """Show implementations, checks, options, clauses, behaviours or profiles."""
    for name in [what] if what else ["implementations", "checks", "profiles"]:
        heading, *rows = _LISTS[name]()
        click.echo(table(heading, rows) + "\n")
