"""What does a failure need? The values of options, what its mask must be like, and sizes, learned by experiment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from conformance.engine.conditions import OF_MASKS, Condition, Features, Literal, features, literal
from conformance.engine.size_search import sizes_needed
from conformance.errors import SpecError
from conformance.spec import Case, LayerConfig, Sizes, Value

CanFail = Callable[[LayerConfig], bool]

_SEEN = 3
"""Cases with and without something about their mask that must have been seen before it is named."""


class Trial(Protocol):
    """Makes experiments."""

    def outcome(self, config: LayerConfig) -> bool | None:
        """Whether a configuration can fail in the same way; None: that cannot be said."""
        ...

    def outcomes(self, config: LayerConfig) -> Sequence[tuple[Case, bool | None]]:
        """Some cases of a configuration, and whether each fails in the same way."""
        ...


def roomy(small: LayerConfig, original: LayerConfig, can_fail: CanFail) -> LayerConfig:
    """The options of a small configuration with larger sizes, if it still fails: there is more to see in them."""
    first = original.sizes
    larger = Sizes(max(first.batch, 3), max(first.timesteps, 5), max(first.features, 2), max(first.units, 4))
    for sizes in (larger, first):
        config = LayerConfig.fitting(small.dialect, small.layer, small.options, sizes)
        if can_fail(config):
            return config
    return small


def options_needed(config: LayerConfig, can_fail: CanFail) -> Iterator[Literal]:
    """What a failure needs: the layers and the values of unusual options with which it happens."""
    rules = config.rules
    others = {layer: on_layer(config, layer) for layer in rules.layers if layer != config.layer}
    layers = [config.layer, *(layer for layer, other in others.items() if other is not None and can_fail(other))]
    if len(layers) < len(rules.layers):
        yield literal("layer", [layer for layer in rules.layers if layer in layers], tuple(rules.layers))
    for name, value in config.non_default().items():
        option = rules.options[name]
        candidates = [other for other in option.values if other not in (value, option.default)]
        failing = {value, *(other for other in candidates if can_fail(config.refitted(**{name: other})))}
        yield literal(name, [other for other in option.values if other in failing], option.values)


def on_layer(config: LayerConfig, layer: str) -> LayerConfig | None:
    """The same configuration of another layer, as far as that has the options; None if it cannot be."""
    options = {
        name: value
        for name, value in config.options.items()
        if config.rules.options[name].exists(layer, config.options)
    }
    try:
        return LayerConfig.of(config.dialect, layer, options, config.sizes)
    except SpecError:
        return None


def narrowed(
    when: Sequence[Condition],
    base: LayerConfig,
    own: Features,
    failing: Sequence[Features],
    passing: Sequence[Features],
    trial: Trial,
) -> list[Condition]:
    """A condition on unusual options with what else a failure needs, if cases pass that meet it.

    Args:
        when: the condition.
        base: a configuration that fails.
        own: features of the case that is examined; it must meet what is added.
        failing: features of failing cases that meet the condition.
        passing: features of passing cases that do.
        trial: makes experiments.
    """
    masks = [it for it in when if isinstance(it, Literal) and it.name == "mask"]
    if masks and (passing or len(masks[0].values) > 1):
        mask = mask_needed(base, trial)
        if mask is not None and all(mask.holds(sample) for sample in (own, *failing)):
            when = [*(it for it in when if it not in masks), mask]
    if not _left(passing, when):
        return [*when]
    base = _outspoken(base, trial)
    found = [*when, *usual_options_needed(base, own, failing, _left(passing, when), trial)]
    left = _left(passing, found)
    return [*found, *sizes_needed(base, own, _left(failing, found), left, trial.outcome)] if left else found


def _outspoken(base: LayerConfig, trial: Trial) -> LayerConfig:
    """The configuration with its whole sequence shown, if it still fails: what has faded at its end is seen there."""
    if base.get("return_sequences") is not False:
        return base
    shown = base.refitted(return_sequences=True)
    return shown if trial.outcome(shown) else base


def _left(samples: Sequence[Features], when: Sequence[Condition]) -> list[Features]:
    return [sample for sample in samples if all(it.holds(sample) for it in when)]


def usual_options_needed(
    base: LayerConfig, own: Features, failing: Sequence[Features], passing: Sequence[Features], trial: Trial
) -> Iterator[Condition]:
    """Options that must have their default, or another value with which it fails, where some were only seen to pass."""
    for name, value in base.items:
        option = base.rules.options[name]
        passed = {sample.get(name) for sample in passing} - {sample.get(name) for sample in failing}
        if value != option.default or not passed & set(option.values):
            continue
        others = [other for other in option.values if other != value]
        found = {other: trial.outcome(base.refitted(**{name: other})) for other in others}
        needed = literal(name, [it for it in option.values if it == value or found[it]], option.values)
        alone = set(found.values()) == {False}
        # masks and lengths hide as much as they show, so that some of them pass says little
        if (alone or (False in found.values() and option.where == "constructor")) and needed.holds(own):
            yield needed


def mask_needed(base: LayerConfig, trial: Trial) -> Condition | None:
    """What a mask must be like, if one thing about it decides in many masks of all kinds."""
    option = base.rules.options["mask"]
    kinds: list[Value] = [value for value in option.values if value != option.default]
    drawn = [pair for kind in kinds for pair in trial.outcomes(base.refitted(mask=kind))]
    seen = [(features(case, ""), failed) for case, failed in drawn if failed is not None]
    for name in OF_MASKS:
        having = [failed for sample, failed in seen if sample[name]]
        lacking = [failed for sample, failed in seen if not sample[name]]
        if min(len(having), len(lacking)) >= _SEEN and all(having) and not any(lacking):
            return Literal(name, (True,), name)
    return None
