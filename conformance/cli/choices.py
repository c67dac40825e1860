"""What the texts of the options of `rnn-conformance run` stand for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from conformance.engine.events import DEVIATIONS
from conformance.errors import SpecError
from conformance.generate.phases import PHASES, Phase
from conformance.generate.shard import Shard
from conformance.results import Results, read_results
from conformance.spec import Case, dialect_names, load_dialect

MOST_WORKERS = 4
"""Workers of an implementation unless told: each imports its framework, and takes the memory for that."""


def workers_for(implementations: int) -> int:
    """As many workers of each implementation as keep all cores busy, also when some are done before the others."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST_WORKERS, cores, -(-2 * cores // implementations))


def seed_of(chosen: int | None, *earlier: Results | None) -> int | None:
    """The seed that was chosen, or that of the first earlier run there is; None: nobody says."""
    return next((run.header.seed for run in earlier if run is not None), None) if chosen is None else chosen


def shard_of(text: str | None, seed: int | None) -> Shard | None:
    """The part of the cases to run; `SpecError` if it makes no sense."""
    if text is None:
        return None
    if seed is None:
        raise SpecError(f"--shard {text} needs --seed: all shards must draw the same random cases")
    return Shard.parse(text)


def phases_of(text: str) -> tuple[Phase, ...]:
    """The phases that are named, in their order; `SpecError` if there is no such phase, or none is named."""
    chosen = tuple(word.strip() for word in text.split(",") if word.strip())
    for word in chosen:
        if word not in PHASES:
            raise SpecError(f"unknown phase '{word}'; choose from {', '.join(PHASES)}")
    if not chosen:
        raise SpecError(f"--phases names no phase; choose from {', '.join(PHASES)}")
    return tuple(phase for phase in PHASES if phase in chosen)


def saved_in(file: Path | None) -> tuple[Case, ...]:
    """The different failing cases of an earlier run."""
    if file is None:
        return ()
    cases = {
        record.id: record.case
        for record in read_results(file).cases
        if any(verdict.outcome in DEVIATIONS for verdict in record.outcomes.values())
    }
    return tuple(Case.from_canonical(case) for case in cases.values())


def only_of(text: str) -> Mapping[str, str]:
    """`layer=lstm mask=gaps`, or `option:layer=lstm` as in filters, as a mapping.

    Raises:
        SpecError: a name or value that no dialect knows.
    """
    wanted: dict[str, str] = {}
    for word in text.replace(",", " ").split():
        name, separator, value = word.removeprefix("option:").partition("=")
        if not separator:
            raise SpecError(f"--only {word}: write OPTION=VALUE")
        known = _known_values(name)
        if not known:
            raise SpecError(f"--only {word}: no dialect has an option '{name}'")
        if value.lower() not in known:
            raise SpecError(f"--only {word}: '{value}' is no value of {name}; choose from {', '.join(known)}")
        wanted[name] = value
    return wanted


def _known_values(name: str) -> list[str]:
    dialects = [load_dialect(dialect) for dialect in dialect_names()]
    if name == "layer":
        return list(dict.fromkeys(layer for dialect in dialects for layer in dialect.layers))
    options = [dialect.options[name] for dialect in dialects if name in dialect.options]
    return list(dict.fromkeys(str(value).lower() for option in options for value in option.values))
