"""Hypothesis strategies: valid by construction, nothing is filtered or rejected."""

from __future__ import annotations

from collections.abc import Iterable

import hypothesis
from hypothesis import strategies as st

from conformance.generate.bits import derive
from conformance.generate.claims import Claims, claimed
from conformance.generate.diverse import diverse
from conformance.generate.sizes import LENGTHS, SPECIAL, UNROLLED
from conformance.spec import Dialect, LayerConfig, Sizes, Value

_SIZES = {
    "batch": st.integers(1, 4) | st.sampled_from((5, 8, 9)),
    "timesteps": st.integers(1, 7) | st.sampled_from((8, 12, 17)),
    "features": st.integers(1, 6) | st.sampled_from((7, 8, 9, 16, 17)),
    "units": st.integers(1, 8) | st.sampled_from((9, 15, 16, 17, 33)),
}
"""Small sizes most of the time; some at which vector code has a remainder."""

_SPECIAL = {"batch": SPECIAL, "timesteps": LENGTHS, "features": SPECIAL, "units": SPECIAL}
"""One size in some of the configurations comes from here."""

_ORDINARY = (None,) * 12

DRAWN_FOR_ONE = 8
"""Configurations that are drawn for each that is taken."""

MOST_MORE = 500
"""But not so many more than are taken: each costs some milliseconds."""

ROUND = 100
"""Configurations drawn in a row: Hypothesis becomes slower, and begins to repeat itself."""

_MOSTLY = 3
"""So many times as often as one apart is each ordinary value drawn."""


@st.composite
def configs(draw: st.DrawFn, dialect: Dialect, claims: Claims | None = None) -> LayerConfig:
    """Any valid configuration of a dialect that keeps to `claims` as far as they go."""
    claims = claims or {}
    layer = draw(st.sampled_from(claimed("layer", tuple(dialect.layers), claims)), label="layer")
    options: dict[str, Value] = {}
    for option in dialect.options.values():
        if option.exists(str(layer), options):
            pool = (*option.ordinary * _MOSTLY, *option.apart)
            options[option.name] = draw(st.sampled_from(claimed(option.name, pool, claims)), label=option.name)
    sizes = draw(_sizes(unrolled=options.get("unroll") is True))
    return LayerConfig.fitting(dialect.name, str(layer), options, sizes)


@st.composite
def _sizes(draw: st.DrawFn, *, unrolled: bool) -> Sizes:
    """Any sizes; about one configuration in ten has a special one."""
    drawn = {name: draw(sizes, label=name) for name, sizes in _SIZES.items()}
    if special := draw(st.sampled_from((*_ORDINARY, *_SPECIAL)), label="special"):
        most = UNROLLED if unrolled and special == "timesteps" else max(LENGTHS)
        drawn[special] = draw(st.sampled_from([size for size in _SPECIAL[special] if size <= most]), label=special)
    return Sizes(**drawn)


def random_configs(
    dialect: Dialect, seed: int, count: int, claims: Claims | None = None, beside: Iterable[LayerConfig] = ()
) -> tuple[LayerConfig, ...]:
    """Up to `count` different configurations within `claims`; the same seed gives the same ones.

    Hypothesis draws several times as many, and those are taken that have the most combinations of values that neither
    others nor those `beside` them have. (For one version of Hypothesis: its choices may change between versions, a
    case's identity never does.)
    """
    found: dict[LayerConfig, None] = {}
    wanted = min(count * DRAWN_FOR_ONE, count + MOST_MORE)
    for number in range(-(-wanted // ROUND)):
        _draw(found, dialect, derive(seed, number), min(ROUND, wanted - number * ROUND), claims)
    return diverse(tuple(found), count, beside)


def _draw(found: dict[LayerConfig, None], dialect: Dialect, seed: int, count: int, claims: Claims | None) -> None:
    """Add what Hypothesis draws."""

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        phases=[hypothesis.Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(configs(dialect, claims))
    def collect(config: LayerConfig) -> None:
        found[config] = None

    collect()
