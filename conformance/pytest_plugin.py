"""The pytest plugin: how much `check_layer` and `parametrize_with_checks` run, and a report of what they found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conformance.engine.events import Event, RunFinished
    from conformance.results import Results

RUNS = pytest.StashKey[list["Results"]]()
"""The results of every run of this session."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of this plugin."""
    group = parser.getgroup("conformance", "conformance of recurrent layers")
    group.addoption("--conformance-profile", metavar="NAME", help="How much is run: quick, ci or thorough.")
    group.addoption("--conformance-seed", metavar="N", type=int, help="Seed of the random configurations.")
    group.addoption(
        "--conformance-report",
        metavar="DIR",
        type=Path,
        help="Write results.jsonl and index.html about all layers that were checked.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Put the options in force. Nothing is imported if none is given."""
    names = ("profile", "seed", "report")
    profile, seed, report = (config.getoption(f"conformance_{name}") for name in names)
    if (profile, seed, report) == (None, None, None):
        return
    from conformance import authors
    from conformance.generate.phases import PROFILES

    if profile is not None and profile not in PROFILES:
        raise pytest.UsageError(f"--conformance-profile {profile}: choose one of {', '.join(PROFILES)}")
    runs = config.stash[RUNS] = []
    previous = authors.settings
    authors.settings = authors.Settings(profile, seed, runs.append)
    config.add_cleanup(lambda: setattr(authors, "settings", previous))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the report, if one is wanted and some layer was checked; every worker of pytest-xdist has its own."""
    report, runs = session.config.getoption("conformance_report"), session.config.stash.get(RUNS, [])
    if report is None or not runs:
        return
    from conformance.report import write
    from conformance.results import Writer, read_results

    worker = getattr(session.config, "workerinput", {}).get("workerid", "")
    file = report / worker / "results.jsonl"
    with Writer(file) as writer:
        for event in merged(runs):
            writer(event)
    write(read_results(file), file.parent, str(file))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say where the report is."""
    report = config.getoption("conformance_report")
    if report is None:
        return
    pages = sorted(report.rglob("index.html"))
    if not pages:
        terminalreporter.write_line("conformance: no layer was checked, no report was written")
    for page in pages:
        terminalreporter.write_line(f"conformance: {page}")


def merged(runs: Sequence[Results]) -> Iterator[Event]:
    """Several runs as one; implementations of the same name are told apart by a number, groups numbered anew."""
    named = list(_named_apart(runs))
    names = tuple(name for run in named for name in run.header.implementations)
    yield replace(named[0].header, implementations=names)
    for run in named:
        yield from run.implementations
    for run in named:
        yield from run.cases
    groups = (group for run in named for group in run.groups)
    yield from (replace(group, number=number) for number, group in enumerate(groups, 1))
    yield from _footer([run.footer for run in named if run.footer is not None], len(named))


def _footer(footers: Sequence[RunFinished], runs: int) -> Iterator[Event]:
    if len(footers) < runs:
        return
    first_bad = next((footer for footer in footers if not footer.complete), footers[-1])
    cost = {name: seconds for footer in footers for name, seconds in footer.cost.items()}
    yield replace(first_bad, seconds=sum(footer.seconds for footer in footers), cost=cost)


def _named_apart(runs: Sequence[Results]) -> Iterator[Results]:
    seen: dict[str, int] = {}
    for run in runs:
        (name,) = run.header.implementations
        seen[name] = seen.get(name, 0) + 1
        yield run if seen[name] == 1 else _renamed(run, f"{name} ({seen[name]})")


def _renamed(run: Results, name: str) -> Results:
    footer = run.footer and replace(run.footer, cost=dict(zip([name], run.footer.cost.values(), strict=True)))
    return replace(
        run,
        header=replace(run.header, implementations=(name,)),
        implementations=tuple(replace(said, name=name) for said in run.implementations),
        cases=tuple(replace(case, implementation=name) for case in run.cases),
        groups=tuple(replace(group, implementation=name) for group in run.groups),
        footer=footer,
    )
