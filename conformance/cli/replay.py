"""`rnn-conformance replay`: one case again."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from conformance.checks import judge
from conformance.cli.options import contract_options, launches, python_option, replace_option, results_option
from conformance.cli.terminal import say
from conformance.engine.calibration import calibrate, precisions
from conformance.engine.events import DEVIATIONS as FAILED
from conformance.engine.events import Verdict
from conformance.engine.implementations import Launch
from conformance.engine.session import Modes, Session
from conformance.engine.worker import Limits
from conformance.errors import CONFORMANT, DEVIATIONS, ConformanceError
from conformance.report.exported import describe
from conformance.results import Results, read_results
from conformance.spec import Case, load_dialect


@click.command(
    epilog="\b\nExamples:\n  rnn-conformance replay 4f1c09aa37b2\n"
    "  rnn-conformance replay 4f1c09aa37b2 --on torch --results reports/old/results.jsonl\n"
)
@click.argument("identity", metavar="ID")
@click.option(
    "--on", "names", multiple=True, metavar="IMPLEMENTATION", help="Where to run it; default: where it failed."
)
@click.option("--mode", help="How to call the layer; default: as in the results.")
@results_option
@python_option
@replace_option
@contract_options
def replay(
    identity: str,
    names: tuple[str, ...],
    mode: str | None,
    results: Path,
    pythons: tuple[str, ...],
    replaced: tuple[str, ...],
    dialect: str | None,
    layers: tuple[str, ...],
    claims: tuple[str, ...],
) -> None:
    """Run the case ID of a results file again and show every verdict.

    ID may be shortened as long as it is unique. Exit code 0: it passes now; 1: it still deviates.
    """
    read = read_results(results)
    case, failed_on, seen_mode = find_case(read, identity)
    click.echo(f"case {case.id}: {describe(case)}")
    failed = False
    contract = (dialect or case.config.dialect, layers or (case.config.layer,), claims)
    for launch in launches(names or failed_on, pythons, *contract, replaced):
        verdicts = run_case(launch, case, mode or seen_mode)
        click.echo(f"{launch.name}:")
        for check, verdict in verdicts.items():
            failed |= verdict.outcome in FAILED
            for part in verdict.parts:
                say(f"  {part.outcome:<12} {check}" + (f": {part.message}" if part.message else ""))
    sys.exit(DEVIATIONS if failed else CONFORMANT)


def find_case(results: Results, identity: str) -> tuple[Case, tuple[str, ...], str]:
    """The case of that id, the implementations where it failed (or all), and the mode it was called in.

    Raises:
        ConformanceError: no case, or more than one, has an id that starts so.
    """
    found = {group.smallest_id: group.smallest for group in results.groups} | {
        record.id: record.case for record in results.cases
    }
    matching = sorted(known for known in found if known.startswith(identity))
    if not matching:
        raise ConformanceError(
            f"no case '{identity}' among the {len(found)} of the results file; check the id or --results"
        )
    if len(matching) > 1:
        raise ConformanceError(
            f"'{identity}' fits {len(matching)} cases, such as {', '.join(matching[:3])}; write more of it"
        )
    chosen = matching[0]
    records = [record for record in results.cases if record.id == chosen]
    failed = [r for r in records if any(verdict.outcome in FAILED for verdict in r.outcomes.values())]
    groups = [group.implementation for group in results.groups if group.smallest_id == chosen]
    names = dict.fromkeys([*(record.implementation for record in failed or records), *groups])
    mode = (failed or records)[0].mode if records else ""
    return Case.from_canonical(found[chosen]), tuple(names), mode


def run_case(launch: Launch, case: Case, mode: str) -> dict[str, Verdict]:
    """The verdicts on one case, run alone on a fresh worker."""
    session = Session(launch, Limits())
    try:
        hello = session.start()
        if hello.dialect != case.config.dialect:
            raise ConformanceError(f"{launch.name} follows the dialect {hello.dialect}, the case {case.config.dialect}")
        modes = Modes.of(hello)
        dialect = load_dialect(hello.dialect)
        held_to = precisions(dialect, calibrate(session, dialect, hello, modes))
        chosen = mode if mode in hello.modes else modes.first
        return judge(session.observe_alone(case, held_to, chosen))
    finally:
        session.close()
