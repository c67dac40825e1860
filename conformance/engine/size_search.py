"""Which sizes does a failure need? Learned by experiment, where options alone do not tell.

It is a search among all conditions of a few simple forms: each experiment is chosen to rule out as many as it can,
in the manner of a version space (Mitchell: Generalization as search, 1982). A condition is stated only if it is the
one that is left, if it has been seen to hold and not to hold, and if it survives further tests at other sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import cast

from conformance.engine.conditions import SIZES, Condition, Features, Larger, Multiple, Within
from conformance.errors import SpecError
from conformance.generate.sizes import UNROLLED
from conformance.spec import LayerConfig

Tried = Callable[[LayerConfig], bool | None]
"""Whether a configuration can fail in the same way; None: that cannot be said, as where it is not supported."""

When = tuple[Condition, ...]

_QUESTIONS = 16
"""Experiments for the search of one condition on a size."""

_LARGEST = {"batch": 130, "timesteps": 310, "features": 130, "units": 130}
"""Sizes that are tried at most."""

_DIVISORS = (2, 4, 8, 16, 32, 64)


def sizes_needed(
    base: LayerConfig, own: Features, failing: Sequence[Features], passing: Sequence[Features], tried: Tried
) -> list[Condition]:
    """Conditions on sizes that separate failing from passing cases; empty if none are found or needed.

    Args:
        base: a configuration that fails.
        own: features of the case that is examined; it must meet the conditions.
        failing: features of failing cases that meet all that is known.
        passing: features of passing cases that do.
        tried: makes experiments.
    """
    compared = next(_compared(base, failing, passing, tried), None)
    if compared is not None:
        return [compared]
    found: list[Condition] = []
    for name in SIZES:
        left = [sample for sample in passing if all(it.holds(sample) for it in found)]
        passed = {sample[name] for sample in left} - {sample[name] for sample in failing}
        if passed:  # some size was only seen to pass
            when = _Search(base, name, tried).conditions(sorted(cast("set[int]", passed)))
            single = any(isinstance(it, Within) and it.least == it.most != 1 for it in when)
            witnesses = failing if single else [own]  # a single size is a bold statement
            found += when if all(it.holds(sample) for it in when for sample in witnesses) else ()
    return found


class _Search:
    """The search for a condition on one size, all else being as in one configuration that fails."""

    def __init__(self, base: LayerConfig, name: str, tried: Tried) -> None:
        self._base = base
        self._name = name
        self._tried = tried
        self._facts: dict[int, bool] = {getattr(base.sizes, name): True}
        self._unknown: set[int] = set()
        self._domain = [size for size in range(1, _largest(base, name) + 1) if _resized(base, name, size)]

    def conditions(self, passed: Sequence[int]) -> When:
        """The conditions, all of which must hold; empty: none was found.

        Args:
            passed: sizes at which cases were seen to pass; if these can fail as well, the size does not matter.
        """
        for size in {*passed[:1], *passed[-1:]} & set(self._domain):
            self._ask(size)
        if all(self._facts.values()):
            return ()
        left = self._consistent(_conditions(self._name, self._domain))
        while len(left) > 1 and len(self._facts) + len(self._unknown) < _QUESTIONS:
            question = self._best_question(left)
            if question is None:
                return ()
            self._ask(question)
            left = self._consistent(left)
        if len(left) != 1:
            return ()
        ((holding, when),) = left.items()
        return when if self._survives(holding) else ()

    def _ask(self, size: int, base: LayerConfig | None = None) -> bool | None:
        config = _resized(base or self._base, self._name, size)
        found = None if config is None else self._tried(config)
        if found is None:
            self._unknown.add(size)
        elif base is None:
            self._facts[size] = found
        return found

    def _consistent(self, candidates: Mapping[frozenset[int], When]) -> dict[frozenset[int], When]:
        facts = self._facts.items()
        return {
            holding: when
            for holding, when in candidates.items()
            if all((it in holding) == fails for it, fails in facts)
        }

    def _best_question(self, left: Mapping[frozenset[int], When]) -> int | None:
        """The smallest size that rules out nearly as many candidates as any, whatever the answer."""
        counts = {size: sum(size in holding for holding in left) for size in self._untried()}
        worth = {size: min(count, len(left) - count) for size, count in counts.items()}
        most = max(worth.values(), default=0)
        return next((size for size in sorted(worth) if most and worth[size] >= 0.8 * most), None)

    def _untried(self) -> list[int]:
        return [size for size in self._domain if size not in self._facts and size not in self._unknown]

    def _survives(self, holding: frozenset[int]) -> bool:
        """Whether a condition is right about sizes not tried so far, and where other sizes are different."""
        untried = self._untried()
        further = [
            size for part in (_spread(untried, holding), _spread(untried, set(untried) - holding)) for size in part
        ]
        if any(self._ask(size) not in (size in holding, None) for size in further):
            return False
        return all(self._same_border(holding, other) for other in _others(self._base, self._name))

    def _same_border(self, holding: frozenset[int], other: LayerConfig) -> bool:
        """Whether the border between failing and passing stays where it is while another size changes."""
        failing, passing = (
            [size for size, fails in self._facts.items() if fails is wanted] for wanted in (True, False)
        )
        passes = _nearest(min(failing), passing)
        fails = _nearest(passes, failing)
        beyond = _nearest(2 * fails if fails > passes else fails // 2, sorted(holding))
        if not self._ask(beyond, other):  # the other size matters too: nothing can be learned here
            return True
        return self._ask(fails, other) is not False and self._ask(passes, other) is not True


def _spread(sizes: Sequence[int], wanted: frozenset[int] | set[int]) -> list[int]:
    """The smallest, the largest and a middle one of the sizes that are wanted."""
    chosen = [size for size in sizes if size in wanted]
    return sorted({*chosen[:1], *chosen[len(chosen) // 3 :][:1], *chosen[-1:]})


def _nearest(size: int, others: Sequence[int]) -> int:
    return min(others, key=lambda other: (abs(other - size), other))


def _others(base: LayerConfig, name: str) -> Iterator[LayerConfig]:
    """The configuration with each other size one larger, and half as large."""
    for other in SIZES:
        size = getattr(base.sizes, other)
        for changed in (_resized(base, other, size + 1), _resized(base, other, size // 2)):
            if other != name and changed:
                yield changed


def _resized(config: LayerConfig, name: str, size: int) -> LayerConfig | None:
    """The configuration with another size; None if an option forbids it."""
    try:
        return config.with_sizes(**{name: size})
    except SpecError:
        return None


def _largest(config: LayerConfig, name: str) -> int:
    return UNROLLED if name == "timesteps" and config.get("unroll") is True else _LARGEST[name]


def _conditions(name: str, domain: Sequence[int]) -> dict[frozenset[int], When]:
    """Sizes for which they hold -> conditions of the forms that are known; simple ones first."""
    found: dict[frozenset[int], When] = {}
    for when in _forms(name, domain[-1]):
        holding = frozenset(size for size in domain if all(it.holds({name: size}) for it in when))
        if 0 < len(holding) < len(domain):
            found.setdefault(holding, when)
    return found


def _forms(name: str, largest: int) -> Iterator[When]:
    for size in range(1, largest + 1):
        yield (Within(name, size, size),)
    for size in range(1, largest + 1):
        yield (Within(name, size),)
        yield (Within(name, 1, size),)
    for divisor in _DIVISORS:
        for wanted in (True, False):
            yield (Multiple(name, divisor, wanted),)
        yield (Within(name, divisor + 1), Multiple(name, divisor, False))


# ---------------------------------------------------------------- sizes beside each other


def _compared(
    base: LayerConfig, failing: Sequence[Features], passing: Sequence[Features], tried: Tried
) -> Iterator[Condition]:
    """That one size is larger than another one, where that separates all cases and experiments agree."""
    for name, other in permutations(SIZES, 2):
        larger = Larger(name, other)
        if (
            all(larger.holds(sample) for sample in failing)
            and not any(larger.holds(sample) for sample in passing)
            and all(
                _agrees(base, larger, pair, tried) for pair in ((7, 6), (6, 6), (6, 7), (12, 11), (11, 12), (12, 3))
            )
        ):
            yield larger


def _agrees(base: LayerConfig, larger: Larger, pair: tuple[int, int], tried: Tried) -> bool:
    try:
        config = base.with_sizes(**{larger.name: pair[0], larger.other: pair[1]})
    except SpecError:
        return False
    return tried(config) is (pair[0] > pair[1])
