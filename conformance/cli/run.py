"""`rnn-conformance run`: the main job."""

from __future__ import annotations

import secrets
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from conformance.cli.accept import known_of, known_option, stale
from conformance.cli.choices import only_of, phases_of, saved_in, seed_of, shard_of, workers_for
from conformance.cli.compare import against, baseline_of
from conformance.cli.model import layers_of
from conformance.cli.options import LATEST, contract_options, launches, python_option, replace_option
from conformance.cli.progress import progress
from conformance.cli.resume import cut_off_in, finished, going_on
from conformance.cli.summary import FORMATS, closing, summary
from conformance.cli.terminal import say
from conformance.engine.events import DEVIATIONS as FAILED
from conformance.engine.events import CaseJudged, RunFinished
from conformance.engine.run import RunOptions
from conformance.engine.run import run as run_suite
from conformance.engine.worker import Limits
from conformance.errors import (
    BROKEN,
    CONFORMANT,
    DEVIATIONS,
    INTERRUPTED,
    STALE,
    USAGE,
    BrokenImplementationError,
    ResultsError,
)
from conformance.generate.phases import PHASES, PROFILES
from conformance.report import write
from conformance.results import Results, Writer, read_results
from conformance.results.align import SILENT

EPILOG = """\b
Examples:
  rnn-conformance run keras:tensorflow torch
  rnn-conformance run torch --profile quick --seed 7
  rnn-conformance run keras:tensorflow --only "layer=gru bidirectional=true mask=gaps"
  rnn-conformance run torch --python torch=/venvs/old/bin/python --out reports/old
  rnn-conformance run ./my_rnn.py:MyLSTM --dialect keras --layer lstm
  rnn-conformance run torch --replace LSTM=mypackage:FastLSTM
  rnn-conformance run "cmd:./my-lstm --fast" --phases pinned,covering
  rnn-conformance run torch --baseline reports/old/results.jsonl --out reports/new
  rnn-conformance run keras:tensorflow --model model.keras
  rnn-conformance run torch --seed 1 --shard 2/4 --out part2
"""


@click.command(epilog=EPILOG)
@click.argument("implementations", nargs=-1, required=True, metavar="IMPLEMENTATION...")
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    default="ci",
    show_default=True,
    help="How much is run: " + "; ".join(f"{name}: {profile.meaning}" for name, profile in PROFILES.items()) + ".",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), help="Seed of the random phase; drawn and printed if left out."
)
@click.option("--phases", default=",".join(PHASES), show_default=True, help="Which phases, separated by commas.")
@click.option("--only", default="", metavar="'OPTION=VALUE ...'", help="Only configurations with these values.")
@click.option(
    "--model",
    metavar="FILE",
    help="Run the recurrent layers of this model only: a .keras or .h5 file or the JSON of to_json, which is read and "
    "not executed; or package.module:factory of a PyTorch module. --only restricts them further.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=LATEST,
    show_default=True,
    help="Directory for results.jsonl, index.html, summary.md, junit.xml and badge.json.",
)
@click.option(
    "--pin",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Run the failing cases of this results file first.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Compare with this results file of an earlier run; then the exit code is 1 for regressions only. "
    "Its seed is taken, unless another one is given.",
)
@click.option(
    "--shard",
    default=None,
    metavar="NUMBER/OF",
    help="Run one part of the cases, such as 2/4; needs --seed. `rnn-conformance merge` makes one run of all parts.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the run that was cut off in --out: its verdicts are kept, the rest is run. "
    "Where nothing is there it is a new run.",
)
@known_option
@click.option("--strict", is_flag=True, help="Exit code 4 if a witness of a known deviation passes.")
@click.option("--max-cases", type=click.IntRange(1), help="Run so many cases of each implementation at most.")
@click.option("--max-time", type=click.FloatRange(0, min_open=True), help="Seconds after which the run ends in order.")
@click.option("--timeout", type=click.FloatRange(0.1), default=60.0, show_default=True, help="Seconds for one answer.")
@click.option("--memory", type=click.IntRange(64), default=6144, show_default=True, help="MiB that a worker may use.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    help="Processes of each implementation that share its cases; as many as there are cores (at most 4) unless told, "
    "fewer for each of several implementations.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["deviations", "broken"]),
    default="deviations",
    show_default=True,
    help="What makes the exit code other than 0.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    help="Of the summary; github: with annotations.",
)
@python_option
@replace_option
@contract_options
def run(
    implementations: tuple[str, ...],
    profile: str,
    seed: int | None,
    phases: str,
    only: str,
    model: str | None,
    out: Path,
    pin: Path | None,
    baseline: Path | None,
    shard: str | None,
    resume: bool,
    known: tuple[Path, ...],
    no_known: bool,
    strict: bool,
    max_cases: int | None,
    max_time: float | None,
    timeout: float,
    memory: int,
    workers: int | None,
    fail_on: str,
    form: str,
    pythons: tuple[str, ...],
    replaced: tuple[str, ...],
    dialect: str | None,
    layers: tuple[str, ...],
    claims: tuple[str, ...],
) -> None:
    """Check implementations against the specification and write a report.

    An IMPLEMENTATION is a name shown by `rnn-conformance list implementations`; such a name with a class in the place
    of a framework's own, `torch[LSTM=package.module:Class]`, for which --replace is short; `package.module:Class` or
    `path/file.py:Class` with --dialect and --layer for a layer in plain Python (docs/custom.md); or
    `cmd:PROGRAM ARGUMENTS` for a program that speaks the protocol of docs/protocol.md.
    """
    file = out / "results.jsonl"
    started = launches(implementations, pythons, dialect, layers, claims, replaced)
    earlier = None if baseline is None else baseline_of(baseline, file, [launch.name for launch in started])
    cut_off = cut_off_in(file) if resume else None
    seed = seed_of(seed, cut_off, earlier)
    options = RunOptions(
        launches=started,
        profile=PROFILES[profile],
        seed=secrets.randbelow(2**31) if seed is None else seed,
        phases=phases_of(phases),
        saved=saved_in(pin),
        only=only_of(only),
        limits=Limits(seconds=timeout, memory=memory << 20),
        command=shlex.join(["rnn-conformance", *sys.argv[1:]]),
        shard=shard_of(shard, seed),
        max_cases=max_cases,
        max_seconds=max_time,
        configs=layers_of(model, started),
        ask=True,
        workers=workers_for(len(started)) if workers is None else workers,
        known=known_of(known, ours=not no_known),
    )
    options = going_on(options, cut_off, file)
    results = cut_off if cut_off is not None and finished(cut_off) else run_to_file(options, file)
    write(results, out, str(file))
    plain = form == "github" and earlier is not None  # then what regressed is annotated, and nothing else
    say(summary(results, "text" if plain else form, file), form)
    say(f"\nreport   {out / 'index.html'}\nresults  {file}\nseed     {options.seed}\n\n{closing(results)}")
    code = exit_code(results)
    if earlier is not None and code not in (USAGE, INTERRUPTED):
        changed = against(earlier, results, (str(baseline), str(file)), form)
        code = changed if code in (CONFORMANT, DEVIATIONS) else code
    if stale(known, results) and strict and code == CONFORMANT:
        code = STALE
    if code == USAGE:
        why = "no implementation claims what --only asks for" if only else f"the phases {phases} have no case for it"
        click.echo(f"rnn-conformance: no case was judged: {why}", err=True)
    sys.exit(CONFORMANT if code == DEVIATIONS and fail_on == "broken" else code)


def run_to_file(options: RunOptions, file: Path) -> Results:
    """Run, write every event, show progress; the results as they stand in the file afterwards."""
    kept = sum(isinstance(event, CaseJudged) for event in options.earlier)
    with Writer(file, kept) as writer, progress(options) as show, _stoppable() as stop:
        for event in run_suite(options, stop):
            writer(event)
            show(event)
    if not writer.in_place:
        why = event.reason if isinstance(event, RunFinished) else "the run ended before it went on"
        error = BrokenImplementationError if "is broken" in why else ResultsError
        raise error(f"--resume: {why}; {file} is as it was")
    return read_results(file)


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets, so that the run ends in order; the second one ends the program."""
    stop = threading.Event()

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            previous_handler(number, frame)
        stop.set()
        click.echo("stopping: finishing what is under way; press Ctrl-C again to stop at once", err=True)

    previous = signal.signal(signal.SIGINT, ask_to_stop)
    previous_handler = previous if callable(previous) else signal.default_int_handler
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, previous)


def exit_code(results: Results) -> int:
    """The exit code that results deserve: broken first, then interrupted, nothing judged, deviations."""
    if any(implementation.state == "broken" for implementation in results.implementations):
        return BROKEN
    if results.footer is not None and results.footer.reason == "interrupted":
        return INTERRUPTED
    if results.header.shard is not None and not results.cases:  # few cases, many shards
        return CONFORMANT
    if all(verdict.outcome in SILENT for case in results.cases for verdict in case.outcomes.values()):
        return USAGE
    failed = any(verdict.outcome in FAILED for case in results.cases for verdict in case.outcomes.values())
    return DEVIATIONS if failed else CONFORMANT
