"""False alarms: what the suite says against implementations that are right, over many random cases.

    python benchmarks/false_alarms.py emulation torch keras:tensorflow --cases 30000 \
        --python torch=PATH --python keras:tensorflow=PATH

`emulation` is a correct implementation in float16, bfloat16, float32 or float64 that errs as much as it may
(tests/reference/emulation.py), judged by the bounds alone; any other name is an implementation as in
`rnn-conformance run`, judged by all checks. Seeds are run one after the other and kept in a record, so that a campaign
can be stopped and goes on where it was. Cases that deviate as declared in specs/deviations are counted apart.

With `--every-law`, each configuration has one draw of data, on which all laws are tried, one after another on one
layer: what one of them leaves behind shows in the next.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import click
import numpy as np

from conformance.cli.options import launches, python_option
from conformance.engine.declarations import shipped
from conformance.engine.events import DEVIATIONS, CaseJudged, ImplementationStarted
from conformance.engine.implementations import Launch
from conformance.engine.run import RunOptions, run
from conformance.generate.phases import PROFILES, Profile
from conformance.laws import LAWS
from conformance.spec import Case

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "reference"))

import soundness

ROOT = Path(__file__).resolve().parents[1]

EMULATION = "emulation"

CAMPAIGN: Profile = replace(PROFILES["quick"], name="campaign", draws=16, random=120, experiments=0)
"""One seed of it: 120 random configurations with 16 draws of data each; no experiments, no causes."""

EVERY_LAW: Profile = replace(CAMPAIGN, name="every law", draws=1, laws=len(LAWS))
"""One seed of it with all laws on every configuration."""

EMULATED = 1000
"""Cases of one seed of the emulation."""

SILENT = ("unsupported", "not run")
"""Outcomes that say nothing."""


@dataclass(frozen=True)
class Tally:
    """What one seed gave.

    Attributes:
        implementation: its name.
        seed: of the random configurations, or of the trials of the emulation.
        cases: judged.
        verdicts: of single checks on them.
        apart: cases that deviate as it is declared in specs/deviations; not among `cases`.
        alarms: case, check and message of everything that was said against the implementation.
    """

    implementation: str
    seed: int
    cases: int
    verdicts: int
    apart: int = 0
    alarms: list[str] = field(default_factory=list)


def emulated(seed: int) -> Tally:
    """Trials of the emulation against the bound that decides."""
    rng = np.random.default_rng
    trials = [soundness.random_trial(rng([seed, number])) for number in range(EMULATED)]
    alarms = [
        f"trial {number}: {ratio:.4g} of the allowed error: {trial.config} {trial.style}"
        for number, trial in enumerate(trials)
        if (ratio := soundness.worst(trial, "signed")) > 1
    ]
    return Tally(EMULATION, seed, EMULATED, EMULATED, alarms=alarms)


def examined(launch: Launch, seed: int, profile: Profile) -> Tally:
    """One seed of the random phase on an implementation."""
    tally = Tally(launch.name, seed, 0, 0)
    for event in run(RunOptions((launch,), profile, seed, ("random",), known=shipped())):
        if isinstance(event, ImplementationStarted) and event.state == "broken":
            raise click.ClickException(f"{launch.name} is broken: {event.message}")
        if isinstance(event, CaseJudged):
            tally = counted(tally, event)
    return tally


def counted(tally: Tally, event: CaseJudged) -> Tally:
    """The tally with one more case."""
    said = {check: verdict for check, verdict in event.outcomes.items() if verdict.outcome not in SILENT}
    if not said:
        return tally
    config = Case.from_canonical(event.case).config
    alarms = [
        f"{event.id} ({event.mode}): {check}: {verdict.message} [{config}]"
        for check, verdict in said.items()
        if verdict.outcome in DEVIATIONS
    ]
    if not alarms and any(verdict.outcome == "known" for verdict in said.values()):
        return replace(tally, apart=tally.apart + 1)
    return replace(tally, cases=tally.cases + 1, verdicts=tally.verdicts + len(said), alarms=[*tally.alarms, *alarms])


def recorded(record: Path) -> list[Tally]:
    """All tallies of a record."""
    if not record.exists():
        return []
    return [Tally(**json.loads(line)) for line in record.read_text(encoding="utf-8").splitlines()]


def campaign(name: str, launch: Launch | None, cases: int, known: Sequence[Tally], profile: Profile) -> Iterator[Tally]:
    """The tallies that are missing until so many cases of an implementation are judged."""
    mine = [tally for tally in known if tally.implementation == name]
    done, seed = sum(tally.cases for tally in mine), max((tally.seed for tally in mine), default=0)
    while done < cases:
        seed += 1
        tally = emulated(seed) if launch is None else examined(launch, seed, profile)
        if not tally.cases:
            raise click.ClickException(f"{name}: no case of seed {seed} was judged")
        done += tally.cases
        yield tally


def tell(tallies: Sequence[Tally]) -> None:
    """Cases and false alarms of every implementation, and everything that was said against one."""
    names = list(dict.fromkeys(tally.implementation for tally in tallies))
    click.echo("\nimplementation            seeds     cases   verdicts  false alarms  apart")
    for name in [*names, "total"]:
        mine = [tally for tally in tallies if name in (tally.implementation, "total")]
        cases, verdicts, apart = (
            sum(getattr(tally, part) for tally in mine) for part in ("cases", "verdicts", "apart")
        )
        alarms = sum(len(tally.alarms) for tally in mine)
        click.echo(f"{name:<24} {len(mine):6} {cases:9,} {verdicts:10,} {alarms:13,} {apart:6,}")
    for tally in tallies:
        for alarm in tally.alarms:
            click.echo(f"{tally.implementation}, seed {tally.seed}: {alarm}")


@click.command()
@click.argument("implementations", nargs=-1, required=True, metavar="IMPLEMENTATION...")
@click.option("--cases", default=1000, show_default=True, help="At least so many of each implementation.")
@click.option("--every-law", is_flag=True, help="All laws on every configuration, with one draw of data.")
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    default=ROOT / "build" / "false_alarms.jsonl",
    help="Where the outcomes of seeds are kept; delete it to begin anew.  [default: build/false_alarms.jsonl]",
)
@python_option
def main(implementations: tuple[str, ...], cases: int, every_law: bool, record: Path, pythons: tuple[str, ...]) -> None:
    """Count false alarms on correct implementations; exit code 1 if there is one."""
    named = [name for name in implementations if name != EMULATION]
    started = {launch.name: launch for launch in launches(named, pythons)}
    profile = EVERY_LAW if every_law else CAMPAIGN
    record.parent.mkdir(parents=True, exist_ok=True)
    tallies = recorded(record)
    for name in implementations:
        for tally in campaign(name, started.get(name), cases, tuple(tallies), profile):
            with record.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(tally)) + "\n")
            tallies.append(tally)
            click.echo(f"{name}, seed {tally.seed}: {tally.cases} cases, {len(tally.alarms)} false alarms")
    tell(tallies)
    sys.exit(1 if any(tally.alarms for tally in tallies) else 0)


if __name__ == "__main__":
    main()
