"""Random small configurations and data for the tests of the reference."""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.errors import SpecError
from conformance.spec import LayerConfig, Sizes, Tensors, Value, initial_states, load_dialect, weights

Rng = np.random.Generator
UNBOUNDED = ("relu", "linear")


def random_config(rng: Rng, dialect: str, layer: str | None = None, largest: int = 5, **fixed: Value) -> LayerConfig:
    """Any valid configuration with small sizes; `fixed` options have the given value where they exist."""
    rules = load_dialect(dialect)
    while True:
        chosen = layer or str(rng.choice(list(rules.layers)))
        options: dict[str, Value] = {}
        for option in rules.options_of(chosen):
            if option.exists(chosen, options):
                options[option.name] = fixed.get(option.name, option.values[rng.integers(len(option.values))])
        sizes = [int(size) for size in rng.integers(1, largest + 1, size=4)]
        if options.get("input") == "unbatched":
            sizes[0] = 1
        try:
            return LayerConfig.of(dialect, chosen, options, Sizes(*sizes))
        except SpecError:
            continue  # too small for an option


def random_draw(rng: Rng, config: LayerConfig, gain: float = 1.0, lattice: bool = False, reach: float = 1.0) -> Tensors:
    """Tensors of a configuration: full significands, or multiples of 1/8; inputs and states of size `reach`."""

    def numbers(shape: tuple[int, ...], scale: float = 1.0) -> Any:
        if lattice:
            return (rng.integers(-8, 9, size=shape) / 8).astype(config.dtype)
        return (rng.normal(size=shape) * scale).astype(config.dtype)

    given = config.get("initial_state") is True or config.get("hx") is True
    return Tensors(
        weights=tuple(
            numbers(w.shape, gain * w.shape[-1] ** -0.5 if len(w.shape) == 2 else 0.3) for w in weights(config)
        ),
        x=numbers(input_shape(config), reach),
        mask=_mask(rng, config),
        lengths=_lengths(rng, config),
        initial_state=tuple(numbers(s.shape, 0.5 * reach) for s in initial_states(config)) if given else None,
    )


def input_shape(config: LayerConfig) -> tuple[int, ...]:
    s = config.sizes
    if config.get("input") == "unbatched":
        return s.timesteps, s.features
    batch_first = config.dialect == "keras" or config.get("batch_first")
    return (s.batch, s.timesteps, s.features) if batch_first else (s.timesteps, s.batch, s.features)


def _mask(rng: Rng, config: LayerConfig) -> Any:
    kind, batch, timesteps = config.get("mask", "none"), config.sizes.batch, config.sizes.timesteps
    lengths = rng.integers(0, timesteps, size=(batch, 1))
    steps = np.arange(timesteps)
    masks = {
        "right": steps < lengths,
        "left": steps > lengths,
        "gaps": rng.random((batch, timesteps)) < 0.6,
        "full_rows": np.broadcast_to(rng.random((batch, 1)) < 0.5, (batch, timesteps)),
    }
    return masks.get(str(kind))


def _lengths(rng: Rng, config: LayerConfig) -> Any:
    if config.get("input") not in ("packed", "packed_unsorted"):
        return None
    lengths = rng.integers(1, config.sizes.timesteps + 1, size=config.sizes.batch)
    return np.sort(lengths)[::-1] if config.get("input") == "packed" else lengths
