"""Several results files as one: shards of a run, or runs of different implementations."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from conformance.engine.events import (
    BehaviourSeen,
    CaseJudged,
    GroupFound,
    ImplementationStarted,
    KnownSeen,
    RunFinished,
    RunStarted,
)
from conformance.errors import ResultsError, SpecError
from conformance.generate.shard import Shard
from conformance.results.read import Results

Named = tuple[str, Results]
"""A run and the name of its file, for messages."""


def merge(runs: Sequence[Named]) -> Results:
    """One run made of several.

    Every implementation must be there with all its shards, each once. Groups of different shards with the same
    condition become one.

    Args:
        runs: names of files with their results; at least one.

    Raises:
        ResultsError: the runs do not belong together, a shard is missing, or something is there twice.
    """
    for name, results in runs:
        if results.footer is None:
            raise ResultsError(f"{name} is cut off; go on with it by --resume, or run it again, before merging")
    _check_headers(runs)
    _check_shards(runs)
    _check_versions(runs)
    cases = tuple(_cases(runs))
    return Results(
        header=_header([results.header for _, results in runs]),
        implementations=tuple(_implementations([one for _, results in runs for one in results.implementations])),
        cases=cases,
        groups=tuple(_groups([results for _, results in runs])),
        footer=_footer([results.footer for _, results in runs if results.footer is not None]),
        known=tuple(_known([results for _, results in runs])),
        behaviours=tuple(_behaviours([results for _, results in runs])),
    )


# ---------------------------------------------------------------- do they belong together?


def _check_headers(runs: Sequence[Named]) -> None:
    """All must have run the same cases of the same specification."""
    first, expected = runs[0][0], runs[0][1].header
    for name, results in runs[1:]:
        for field in ("spec", "suite", "profile", "seed", "phases"):
            one, other = getattr(expected, field), getattr(results.header, field)
            if one != other:
                raise ResultsError(
                    f"{first} and {name} do not belong together: {field} is {_shown(one)} and {_shown(other)}; "
                    "run them alike"
                )


def _shown(value: object) -> str:
    return "+".join(value) if isinstance(value, tuple) else str(value)


def _check_shards(runs: Sequence[Named]) -> None:
    """Every implementation is there with each of its shards once."""
    found: dict[str, dict[Shard, str]] = {}
    for name, results in runs:
        shard = _shard(name, results.header)
        for implementation in results.names:
            parts = found.setdefault(implementation, {})
            _check_part(implementation, parts, shard, name)
            parts[shard] = name
    for implementation, parts in found.items():
        of = next(iter(parts)).of
        missing = [str(Shard(number, of)) for number in range(1, of + 1) if Shard(number, of) not in parts]
        if missing:
            raise ResultsError(f"shard {', '.join(missing)} of {implementation} is missing; name its file too")


def _shard(name: str, header: RunStarted) -> Shard:
    """The part that a file is; a whole run is the only part."""
    try:
        return Shard.parse(header.shard or "1/1")
    except SpecError as error:
        raise ResultsError(f"{name}, line 1: {error}") from None


def _check_part(implementation: str, parts: Mapping[Shard, str], shard: Shard, name: str) -> None:
    if shard in parts:
        what = implementation if shard.of == 1 else f"shard {shard} of {implementation}"
        raise ResultsError(f"{what} is in {parts[shard]} and in {name}; leave one of the two out")
    for other, file in parts.items():
        if other.of != shard.of:
            raise ResultsError(
                f"{file} is shard {other} of {implementation} and {name} is shard {shard}; "
                "both must be parts of one run"
            )


def _check_versions(runs: Sequence[Named]) -> None:
    """An implementation is the same in all its shards."""
    seen: dict[str, tuple[str, Mapping[str, str]]] = {}
    for name, results in runs:
        for one in results.implementations:
            if one.state != "ready":
                continue
            file, versions = seen.setdefault(one.name, (name, one.versions))
            if versions != one.versions:
                raise ResultsError(
                    f"{one.name} is {_packages(versions)} in {file} and {_packages(one.versions)} in {name}; "
                    "run all shards with the same versions"
                )


def _packages(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items()) or "of no version"


# ---------------------------------------------------------------- the parts of one run


def _header(headers: Sequence[RunStarted]) -> RunStarted:
    """The header of all: every implementation once, the first start, machines side by side, no shard."""
    names = dict.fromkeys(name for header in headers for name in header.implementations)
    facts = dict.fromkeys(fact for header in headers for fact in header.machine)
    machine = {
        fact: " | ".join(dict.fromkeys(header.machine[fact] for header in headers if fact in header.machine))
        for fact in facts
    }
    return replace(
        headers[0],
        implementations=tuple(names),
        started=min(header.started for header in headers),
        machine=machine,
        command=" && ".join(dict.fromkeys(unsharded(header.command) for header in headers)),
        shard=None,
    )


def unsharded(command: str) -> str:
    """The command of a run without its `--shard`."""
    try:
        words = shlex.split(command)
    except ValueError:  # written by hand
        return command
    if "--shard" in words:
        at = words.index("--shard")
        words = words[:at] + words[at + 2 :]
    return shlex.join(word for word in words if not word.startswith("--shard="))


def _implementations(said: Iterable[ImplementationStarted]) -> Iterator[ImplementationStarted]:
    """Each once, with all that was planned; and once more for every time that it was broken."""
    ready: dict[str, ImplementationStarted] = {}
    broken: dict[tuple[str, str | None], ImplementationStarted] = {}
    for one in said:
        if one.state == "broken":
            broken.setdefault((one.name, one.message), one)
        elif one.name in ready:
            ready[one.name] = replace(ready[one.name], planned=ready[one.name].planned + one.planned)
        else:
            ready[one.name] = one
    yield from ready.values()
    yield from broken.values()


def _cases(runs: Sequence[Named]) -> Iterator[CaseJudged]:
    """All cases; one that two files have is an error, whatever their headers say."""
    seen: dict[tuple[str, str], str] = {}
    for name, results in runs:
        for record in results.cases:
            file = seen.setdefault((record.implementation, record.id), name)
            if file != name:
                raise ResultsError(
                    f"case {record.id} of {record.implementation} is in {file} and in {name}; "
                    "these are not shards of one run"
                )
            yield record


def _groups(runs: Sequence[Results]) -> Iterator[GroupFound]:
    """Numbered anew; those of one implementation, check, cause and condition joined."""
    joined: dict[tuple[object, ...], GroupFound] = {}
    for group in (group for results in runs for group in results.groups):
        key = (group.implementation, group.check, group.outcome, group.cause, group.when, group.exact, group.looks_like)
        known = joined.get(key)
        fresh = replace(group, number=known.number if known else len(joined) + 1)
        joined[key] = _joined(known, fresh) if known else fresh
    yield from joined.values()


def _known(runs: Sequence[Results]) -> Iterator[KnownSeen]:
    """Each declaration of an implementation once, with what all runs say of it."""
    joined: dict[tuple[str, str], KnownSeen] = {}
    for one in (one for results in runs for one in results.known):
        known = joined.get((one.implementation, one.id))
        joined[one.implementation, one.id] = one if known is None else _added(known, one)
    yield from joined.values()


def _behaviours(runs: Sequence[Results]) -> Iterator[BehaviourSeen]:
    """Each answer once; every shard asks, and what differs between shards is told by each."""
    yield from dict.fromkeys(one for results in runs for one in results.behaviours)


def _added(one: KnownSeen, other: KnownSeen) -> KnownSeen:
    return replace(
        one,
        witness=other.witness if one.witness == "not run" else one.witness,
        cases=one.cases + other.cases,
        passing=one.passing + other.passing,
        other=one.other + other.other,
    )


def _joined(one: GroupFound, other: GroupFound) -> GroupFound:
    """Two groups of one cause; the smaller case stands for both."""
    smaller = min(one, other, key=lambda group: (sum(group.smallest["config"]["sizes"].values()), group.smallest_id))
    cases, judged = one.cases + other.cases, one.judged + other.judged
    also = tuple(dict.fromkeys((*one.also, *other.also)))
    return replace(smaller, number=one.number, cases=cases, judged=judged, also=also)


def _footer(footers: Sequence[RunFinished]) -> RunFinished:
    """The end of the last; complete if all are; the cost of all; the time of the longest."""
    cost: dict[str, dict[str, float]] = {}
    for footer in footers:
        for name, parts in footer.cost.items():
            known = cost.setdefault(name, {})
            for part, seconds in parts.items():
                known[part] = round(known.get(part, 0.0) + seconds, 3)
    incomplete = next((footer for footer in footers if not footer.complete), None)
    return RunFinished(
        complete=incomplete is None,
        reason="finished" if incomplete is None else incomplete.reason,
        finished=max(footer.finished for footer in footers),
        seconds=max(footer.seconds for footer in footers),
        cost=cost,
    )
