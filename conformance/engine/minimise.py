"""From a failing case to a small one: options towards their defaults, then sizes towards one, then simpler data.

Greedy and deterministic, with a limit on the number of tries: on a framework every try costs a build and a compilation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace

from conformance.engine.events import Verdict
from conformance.errors import SpecError
from conformance.generate.strategies import fitted
from conformance.generate.tensors import KINDS
from conformance.spec import Case, DataSpec, LayerConfig, Value

TRIES = 40

Fails = Callable[[Case], Verdict | None]
"""The verdict on a case if it still fails in the same way, else None."""


def minimise(case: Case, verdict: Verdict, fails: Fails, tries: int = TRIES) -> tuple[Case, Verdict]:
    """The smallest case found that still fails, with its verdict.

    Args:
        case: a failing case.
        verdict: its verdict.
        fails: runs a case.
        tries: how many cases may be run.
    """
    progress = True
    while progress:
        progress = False
        for smaller in _smaller(case):
            if tries == 0:
                return case, verdict
            tries -= 1
            found = fails(smaller)
            if found is not None:
                case, verdict, progress = smaller, found, True
                break
    return case, verdict


def _smaller(case: Case) -> Iterator[Case]:
    """Cases one step smaller, the boldest steps first."""
    for config in (*_fewer_options(case.config), *_smaller_sizes(case.config)):
        yield replace(case, config=config)
    kinds = list(KINDS)
    if case.data.kind in kinds:
        for kind in kinds[: kinds.index(case.data.kind)]:
            yield replace(case, data=DataSpec(kind, case.data.seed))


def _fewer_options(config: LayerConfig) -> Iterator[LayerConfig]:
    for name in config.non_default():
        wanted: dict[str, Value] = config.options | {name: config.rules.options[name].default}
        options = {
            key: value for key, value in wanted.items() if config.rules.options[key].exists(config.layer, wanted)
        }
        sizes = fitted(config.rules, options, config.sizes)
        yield LayerConfig.of(config.dialect, config.layer, options, sizes)


def _smaller_sizes(config: LayerConfig) -> Iterator[LayerConfig]:
    for name, size in asdict(config.sizes).items():
        for smaller in sorted({1, 2, size // 2, size - 1}):
            if 0 < smaller < size:
                try:
                    yield config.with_sizes(**{name: smaller})
                except SpecError:
                    continue
