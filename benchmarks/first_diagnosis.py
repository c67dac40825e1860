"""Seconds until a planted fault is explained: every fault of tests/mutants, met as a user would meet it.

    python benchmarks/first_diagnosis.py [FAULT...] [--record FILE]

As the author of one layer: all phases of profile `quick` on that layer, from before the process is started to the first
group of failures that the catalogue calls right: its check, its condition, its name. Where `quick` does not get there,
`ci` follows, and its time is added. Faults that stand in the record are not run again.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import psutil

from conformance.engine.events import GroupFound
from conformance.engine.run import RunOptions, run
from conformance.generate.phases import PROFILES

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "mutants"))

from catalogue import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[1]

STEPS = ("quick", "ci")
"""Profiles in the order in which they are tried."""

SEED = 1
SLOWEST = 10


@dataclass(frozen=True)
class Diagnosis:
    """How long a planted fault took.

    Attributes:
        mutant: its id in the catalogue.
        found: seconds until a group of the right check was told; None: never.
        explained: seconds until one with the right condition and name was told; None: never.
        cpu: CPU seconds of both processes until then, or until the end.
        profile: the profile that was run last.
    """

    mutant: str
    found: float | None
    explained: float | None
    cpu: float
    profile: str


def diagnosis(mutant: Mutant) -> Diagnosis:
    """Run profiles until the fault is explained."""
    began, cpu = time.perf_counter(), _cpu_seconds()
    found = None
    for profile in STEPS:
        for group in _groups(mutant, profile):
            if group.check != mutant.check:
                continue
            seconds = round(time.perf_counter() - began, 2)
            found = found or seconds
            if _explains(group, mutant):
                return Diagnosis(mutant.id, found, seconds, round(_cpu_seconds() - cpu, 2), profile)
    return Diagnosis(mutant.id, found, None, round(_cpu_seconds() - cpu, 2), STEPS[-1])


def _cpu_seconds() -> float:
    """Of this process and its children, those that have ended included."""
    this = psutil.Process()
    times = [this.cpu_times(), *(child.cpu_times() for child in this.children())]
    return sum(one.user + one.system for one in times) + times[0].children_user + times[0].children_system


def _groups(mutant: Mutant, profile: str) -> Iterator[GroupFound]:
    events = run(RunOptions((mutant.launch,), PROFILES[profile], SEED, only={"layer": layer(mutant)}))
    return (event for event in events if isinstance(event, GroupFound))


def layer(mutant: Mutant) -> str:
    """The layer whose author meets the fault: the one that it is about, or else the LSTM."""
    about = dict(statement.split("=", 1) for statement in mutant.when if re.match(r"layer=\w+$", statement))
    return mutant.only.get("layer") or about.get("layer") or "lstm"


def _explains(group: GroupFound, mutant: Mutant) -> bool:
    """Whether a group is what the catalogue demands; that it needs the layer cannot show where only that one is run."""
    demanded = {statement for statement in mutant.when if not statement.startswith("layer")}
    return demanded <= set(group.when) and group.looks_like == mutant.looks_like


def recorded(record: Path) -> dict[str, Diagnosis]:
    """What stands in the record, by fault."""
    if not record.exists():
        return {}
    lines = record.read_text(encoding="utf-8").splitlines()
    return {entry["mutant"]: Diagnosis(**entry) for entry in map(json.loads, lines)}


def tell(found: Sequence[Diagnosis]) -> None:
    """Minimum, median and maximum, the slowest, and what was not explained."""
    explained = sorted((one for one in found if one.explained is not None), key=lambda one: one.cpu)
    quick = sum(one.profile == STEPS[0] for one in explained)
    click.echo(f"\n{len(explained)} of {len(found)} explained, {quick} of them by profile {STEPS[0]}")
    columns = {"CPU seconds": [one.cpu for one in explained], "seconds": [one.explained or 0.0 for one in explained]}
    for name, seconds in columns.items() if explained else ():
        least, median, most = min(seconds), statistics.median(seconds), max(seconds)
        click.echo(f"{name}: minimum {least:.1f}, median {median:.1f}, maximum {most:.1f}")
    for one in reversed(explained[-SLOWEST:]):
        click.echo(f"  {one.cpu:6.1f} CPU s {one.explained:6.1f} s  {one.mutant} ({one.profile})")
    for one in found:
        if one.explained is None:
            told = "not found" if one.found is None else f"found after {one.found:.1f} s, told otherwise"
            click.echo(f"  {told}: {one.mutant}")


@click.command()
@click.argument("faults", nargs=-1, metavar="[FAULT...]")
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    default=ROOT / "build" / "first_diagnosis.jsonl",
    help="Where times are kept; delete it to measure anew.  [default: build/first_diagnosis.jsonl]",
)
def main(faults: tuple[str, ...], record: Path) -> None:
    """Measure the seconds until each planted fault is explained."""
    known = recorded(record)
    record.parent.mkdir(parents=True, exist_ok=True)
    chosen = [mutant for mutant in MUTANTS if not faults or mutant.id in faults]
    for number, mutant in enumerate(chosen, start=1):
        if mutant.id in known:
            continue
        known[mutant.id] = one = diagnosis(mutant)
        with record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(one)) + "\n")
        said = "not explained" if one.explained is None else f"{one.explained:.1f} s"
        click.echo(f"{number} of {len(chosen)}: {mutant.id}: {said} ({one.profile})")
    tell([known[mutant.id] for mutant in chosen])


if __name__ == "__main__":
    main()
