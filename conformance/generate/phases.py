"""Phases: which cases are run, in which order. Configuration by configuration, several draws of data for each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from conformance.errors import SpecError
from conformance.generate import covering
from conformance.generate.bits import Stream, derive
from conformance.generate.claims import Claims, further_rows
from conformance.generate.sizes import sized_configs
from conformance.generate.strategies import random_configs
from conformance.generate.tensors import WORKED_EXAMPLE, kinds_for
from conformance.spec import Case, DataSpec, Dialect, LayerConfig, Sizes, Value, load_dialect

Phase = Literal["pinned", "covering", "random", "behind"]
PHASES: tuple[Phase, ...] = ("pinned", "covering", "random")
"""The phases that can be chosen. What is run `behind` follows from what could not be called in them."""

SIZED_DRAWS = 2
"""Draws of data for a configuration of special sizes: one for each way of calling it."""


DRAWS_APART = 4
"""Draws of data for a configuration with a value that is covered apart."""


@dataclass(frozen=True)
class Instead:
    """What a case is run in the place of: a configuration that cannot be called, because of one of its options.

    Attributes:
        of: id of the first case of that configuration.
        option: the option with its value there, such as `go_backwards=True`.
        now: the option with its value here, such as `go_backwards=False`.
    """

    of: str
    option: str
    now: str


@dataclass(frozen=True)
class Batch:
    """One configuration with all its draws of data, to be run on one built layer.

    `cases` all have this configuration; if it must be rejected there is one case. `instead` is there in phase
    `behind`.
    """

    phase: Phase
    config: LayerConfig
    cases: tuple[Case, ...]
    instead: Instead | None = None


@dataclass(frozen=True)
class Profile:
    """How much is run.

    Attributes:
        name: `quick`, `ci`, `thorough`, or any other for a profile of one's own.
        strength: of the covering array: every valid combination of so many option values appears.
        draws: draws of data for each configuration.
        random: number of configurations that Hypothesis draws.
        experiments: about how many more calls may be spent on finding the causes of failures.
        meaning: one line for people.
        sizes: one in so many of the special sizes, and of the configurations of values covered apart, is run; 0: none.
        laws: how many laws are tried on the first case of every configuration.
    """

    name: str
    strength: int
    draws: int
    random: int
    experiments: int
    meaning: str
    sizes: int = 0
    laws: int = 4


PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            "quick",
            strength=2,
            draws=16,
            random=16,
            experiments=150,
            meaning="every pair of option values, every triple of what shapes outputs; about half a minute an "
            "implementation",
            sizes=9,
            laws=2,
        ),
        Profile("ci", 3, 8, 80, 600, "every triple of option values; one to six minutes an implementation", 1, 2),
        Profile("thorough", 3, 16, 1000, 3000, "every triple of option values and many random configurations", 1),
    )
}


DEMO = Profile("demo", 2, 4, 24, 100, "a few random configurations, in seconds")
"""For showing what the suite does."""


def plan(
    dialect: Dialect,
    profile: Profile,
    seed: int,
    phases: Sequence[Phase] = PHASES,
    saved: Sequence[Case] = (),
    claims: Claims | None = None,
) -> Iterator[Batch]:
    """All batches of a run in order: pinned first, then covering, then random.

    Args:
        dialect: what the implementation follows.
        profile: how much.
        seed: of the random phase; the others are the same in every run.
        phases: which phases.
        saved: cases to run first, such as failures of an earlier run; those of other dialects are left out.
        claims: what the implementation supports; None: everything. The random phase spends itself there, and the
            covering phase has all combinations of claimed values, too, among what is claimed. The random phase
            complements the covering one, also where that is not run.
    """
    if "pinned" in phases:
        yield from pinned(dialect, saved)
    covered = [batch("covering", config, draws, 0) for config, draws in _covered(dialect, profile, claims or {})]
    if "covering" in phases:
        yield from rejections(dialect)
        yield from covered
    if "random" in phases:
        beside = tuple(it.config for it in covered)
        told = None if claims is None else json.dumps({name: list(values) for name, values in claims.items()})
        for config in _random(dialect.name, derive(seed, dialect.name), profile.random, told, beside):
            yield batch("random", config, profile.draws, seed)


@lru_cache(maxsize=16)
def _random(
    dialect: str, seed: int, count: int, claims: str | None, beside: tuple[LayerConfig, ...]
) -> tuple[LayerConfig, ...]:
    """The random configurations, which several implementations of one dialect have in common.

    `claims` are JSON, in which True is not 1; as keys of the cache they would be equal.
    """
    told = None if claims is None else json.loads(claims)
    return random_configs(load_dialect(dialect), seed, count, told, beside)


def _covered(dialect: Dialect, profile: Profile, claims: Claims) -> Iterator[tuple[LayerConfig, int]]:
    """The valid configurations of the covering phase, with their draws of data."""
    rows = covering.load(dialect.name, profile.strength)
    for row in (*rows, *further_rows(dialect, rows, claims)):
        yield covering_config(dialect, row), profile.draws
    if profile.sizes:
        yield from ((config, SIZED_DRAWS) for config in sized_configs(dialect, profile.sizes))
        yield from ((config, DRAWS_APART) for config in configs_apart(dialect, profile.sizes))


def batch(phase: Phase, config: LayerConfig, draws: int, seed: int) -> Batch:
    """A configuration with `draws` draws of data of rotating kinds."""
    kinds = kinds_for(config, draws)
    cases = (Case(config, DataSpec(kind, derive(seed, config.id, i))) for i, kind in enumerate(kinds))
    return Batch(phase, config, tuple(cases))


def accompanied(case: Case) -> Batch:
    """A case, and two calls with other data after it: some faults only show in what later calls leave behind."""
    others = () if case.rejection else batch("pinned", case.config, 2, derive("company")).cases
    return Batch("pinned", case.config, (case, *others))


def resized(batch: Batch, claimed: Mapping[str, Sequence[int]]) -> Batch:
    """The batch with the nearest sizes that an implementation claims; a pinned one stays as it is.

    Args:
        batch: what is planned.
        claimed: name of a size -> the values that are claimed; a size that is not named may have any.
    """
    if batch.phase == "pinned" or not any(claimed.values()):
        return batch
    sizes = vars(batch.config.sizes)
    nearest = {
        name: min((abs(value - sizes[name]), value) for value in values)[1]
        for name, values in claimed.items()
        if values
    }
    try:
        config = batch.config.with_sizes(**nearest)
    except SpecError:  # some option forbids these sizes: the batch will be reported as unsupported
        return batch
    return Batch(batch.phase, config, tuple(replace(case, config=config) for case in batch.cases))


def pinned(dialect: Dialect, saved: Sequence[Case] = ()) -> Iterator[Batch]:
    """The worked example, then saved cases."""
    for config in worked_examples(dialect):
        yield Batch("pinned", config, (Case(config, DataSpec(WORKED_EXAMPLE, 0)),))
    for case in saved:
        if case.config.dialect == dialect.name:
            yield Batch("pinned", case.config, (case,))


def worked_examples(dialect: Dialect) -> Iterator[LayerConfig]:
    """The LSTM that this project began with, in the four ways that people confuse; none where it has other options."""
    if not {"return_sequences", "return_state"} <= set(dialect.options):
        return
    for bidirectional in (True, False):
        for sequences in (False, True):
            options: dict[str, Value] = {
                "bidirectional": bidirectional,
                "return_sequences": sequences,
                "return_state": True,
            }
            yield LayerConfig.of(dialect.name, "lstm", options, Sizes(1, 4, 5, 3))


def covering_config(dialect: Dialect, row: covering.Row) -> LayerConfig:
    """A row of a covering array with sizes: four different small numbers that follow from the row."""
    options = {name: value for name, value in row.items() if name != "layer"}
    order = Stream("sizes", dialect.name, *(f"{name}={value}" for name, value in row.items()))
    batch, timesteps, features = (2 + int(place) for place in order.unit(5).argsort()[:3])
    sizes = Sizes(batch, max(timesteps, 3), features, order.integer(4, 8))
    return LayerConfig.fitting(dialect.name, str(row["layer"]), options, sizes)


def configs_apart(dialect: Dialect, part: int) -> Iterator[LayerConfig]:
    """Configurations with the values that are covered apart, with all pairs of values of the other options together.

    Args:
        dialect: the API contract.
        part: 1: all; n: one in n.
    """
    for option in dialect.options.values():
        for place, row in enumerate(covering.load(dialect.name, 2)):
            if option.apart and option.name in row and place % part == 0:
                value = option.apart[place // part % len(option.apart)]
                yield covering_config(dialect, {**row, option.name: value})


def rejections(dialect: Dialect) -> Iterator[Batch]:
    """Every rejection on every layer that it applies to, with the first options under which it applies."""
    for rejection in dialect.rejections.values():
        for layer in rejection.layers:
            options = {name: values[0] for name, values in rejection.when.items()}
            config = LayerConfig.fitting(dialect.name, layer, options, Sizes(3, 5, 4, 6))
            case = Case(config, DataSpec("generic", derive(0, config.id, rejection.id)), rejection.id)
            yield Batch("covering", config, (case,))
