"""Which configurations cannot be called, what they have in common, and which other value of an option would help."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from conformance.engine.conditions import Features, Literal
from conformance.engine.events import DEVIATIONS, CaseJudged
from conformance.engine.grouping import Rule, explain
from conformance.errors import SpecError
from conformance.spec import Case, LayerConfig

_CALLS = ("accepted", "survival")
"""The checks that fail where a layer cannot be built, or cannot be called."""


@dataclass(frozen=True)
class Uncalled:
    """What cannot be called.

    Attributes:
        lost: the configurations none of whose cases can be called.
        rules: of which each holds for some of them.
    """

    lost: tuple[LayerConfig, ...]
    rules: tuple[Rule, ...]

    @classmethod
    def of(cls, judged: Iterable[tuple[Case, CaseJudged]]) -> Uncalled:
        """From all that was judged so far. Pinned cases, and such as must be rejected, are left out."""
        calls = _calls(judged)
        lost = tuple(config for config, called in calls.items() if not any(called))
        passing = [config for config, called in calls.items() if all(called)] if lost else []
        return cls(lost, explain([*map(options_of, lost)], [*map(options_of, passing)]) if lost else ())

    def explains(self, config: LayerConfig) -> bool:
        """Whether a rule says that a configuration cannot be called."""
        return any(_holds(rule, config) for rule in self.rules)

    def others(self, config: LayerConfig) -> list[tuple[str, LayerConfig]]:
        """A lost configuration with one option changed that its rule names, so that no rule holds.

        To the default rather than to another value; then what changes the fewest options.
        """
        rule = next(rule for rule in self.rules if _holds(rule, config))
        named = [it.name for it in rule.when if isinstance(it, Literal) and it.name in config.options]
        changed = [(name, other) for name in named for other in _changed(config, name)]
        free = [(name, other) for name, other in changed if not self.explains(other)]
        default = {name: config.rules.options[name].default for name in named}
        return sorted(free, key=lambda one: (one[1].get(one[0]) != default[one[0]], _far(config, one[1])))


def cannot_be_called(judged: CaseJudged) -> bool:
    """Whether a case failed before there was anything to judge."""
    outcomes = [judged.outcomes[check].outcome for check in _CALLS if check in judged.outcomes]
    return any(outcome in (*DEVIATIONS, "known") for outcome in outcomes)


def options_of(config: LayerConfig) -> Features:
    """The layer and its options, by name."""
    return {"layer": config.layer, **config.options}


def _calls(judged: Iterable[tuple[Case, CaseJudged]]) -> Mapping[LayerConfig, Sequence[bool]]:
    """Configuration -> of each of its cases, whether it could be called."""
    found: dict[LayerConfig, list[bool]] = {}
    for case, one in judged:
        outcomes = [one.outcomes[check].outcome for check in _CALLS if check in one.outcomes]
        if one.phase == "pinned" or case.rejection or "unsupported" in outcomes:
            continue
        found.setdefault(case.config, []).append(not cannot_be_called(one))
    return found


def _changed(config: LayerConfig, name: str) -> Iterator[LayerConfig]:
    """The configuration with each other value of an option that the others allow."""
    for value in config.rules.options[name].values:
        try:
            yield config.refitted(**{name: value})
        except SpecError:
            continue


def _holds(rule: Rule, config: LayerConfig) -> bool:
    return all(condition.holds(options_of(config)) for condition in rule.when)


def _far(config: LayerConfig, other: LayerConfig) -> int:
    """In how many options two configurations differ."""
    return len(set(config.items) ^ set(other.items))
