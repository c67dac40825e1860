"""What lies behind configurations that cannot be called: the same ones with the option at fault at its default.

Where one value of an option is refused, every combination of the other options that was planned together with it would
go untested, and one broken option would hide the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from conformance.checks import DEVIATIONS
from conformance.engine.causes import Record
from conformance.engine.conditions import Features, Literal
from conformance.engine.grouping import Rule, explain
from conformance.errors import SpecError
from conformance.generate.bits import derive
from conformance.generate.covering import covered
from conformance.generate.phases import Batch, Instead, batch
from conformance.spec import LayerConfig

ROUNDS = 3
"""So many options may be at fault one behind the other."""

DRAWS = 4
"""Draws of data for each configuration."""

Can = Callable[[LayerConfig], bool]
"""Whether a configuration may be run."""

_CALLS = ("accepted", "survival")
"""The checks that fail where a layer cannot be built, or cannot be called."""


def behind(records: Sequence[Record], planned: Sequence[LayerConfig], strength: int, can: Can) -> list[Batch]:
    """What to run in the place of configurations none of whose cases can be called.

    Which option is at fault is told from the records alone, so a run that goes on with an earlier one finds the same.

    Args:
        records: all that was judged so far. Pinned cases, and such as must be rejected, are left as they are.
        planned: what is run, other shards included: what no rule says to be lost need not be made up for.
        strength: what is made up for: combinations of so many option values.
        can: whether a configuration may be run.
    """
    calls = _calls(records)
    lost = [config for config, called in calls.items() if not any(called)]
    if not lost:
        return []
    passing = [config for config, called in calls.items() if all(called)]
    rules = explain(list(map(_options, lost)), list(map(_options, passing)))
    first = {record.case.config: record.case.id for record in reversed(records)}
    had = covered([_options(it) for it in planned if not any(_holds(rule, it) for rule in rules)], strength)
    found: list[Batch] = []
    for config in lost:
        name, other = next((one for one in _others(config, rules) if can(one[1])), ("", config))
        if more := covered([_options(other)], strength) - had if name else None:
            here = Instead(first[config], f"{name}={config.get(name)}", f"{name}={other.get(name)}")
            found.append(replace(batch("behind", other, DRAWS, derive("behind", config.id)), instead=here))
            had |= more
    return found


def _calls(records: Sequence[Record]) -> Mapping[LayerConfig, Sequence[bool]]:
    """Configuration -> of each of its cases, whether it could be called."""
    found: dict[LayerConfig, list[bool]] = {}
    for record in records:
        outcomes = [record.judged.outcomes[check].outcome for check in _CALLS if check in record.judged.outcomes]
        if record.judged.phase == "pinned" or record.case.rejection or "unsupported" in outcomes:
            continue
        lost = any(outcome in (*DEVIATIONS, "known") for outcome in outcomes)
        found.setdefault(record.case.config, []).append(not lost)
    return found


def _options(config: LayerConfig) -> Features:
    return {"layer": config.layer, **config.options}


def _others(config: LayerConfig, rules: Sequence[Rule]) -> list[tuple[str, LayerConfig]]:
    """The configuration with one option changed that its rule names, so that no rule holds.

    To the default rather than to another value; then what changes the fewest options.
    """
    rule = next(rule for rule in rules if _holds(rule, config))
    named = [it.name for it in rule.when if isinstance(it, Literal) and it.name in config.options]
    changed = [(name, other) for name in named for other in _changed(config, name)]
    free = [(name, other) for name, other in changed if not any(_holds(rule, other) for rule in rules)]
    default = {name: config.rules.options[name].default for name in named}
    return sorted(free, key=lambda one: (one[1].get(one[0]) != default[one[0]], _far(config, one[1])))


def _changed(config: LayerConfig, name: str) -> Iterator[LayerConfig]:
    """The configuration with each other value of an option that the others allow."""
    for value in config.rules.options[name].values:
        try:
            yield config.refitted(**{name: value})
        except SpecError:
            continue


def _holds(rule: Rule, config: LayerConfig) -> bool:
    return all(condition.holds(_options(config)) for condition in rule.when)


def _far(config: LayerConfig, other: LayerConfig) -> int:
    """In how many options two configurations differ."""
    return len(set(config.items) ^ set(other.items))
