"""What a layer's picture must say, before anything has a place: chains, which step ends them, what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conformance.spec import LayerConfig, OutputContract, initial_states, outputs

MOST = 4
"""So many steps are shown; of more, the first two and the last."""

TALL = 2
"""A stack of more layers than this shows the first and the last step alone: its picture is large enough."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Chain:
    """One direction of one layer.

    Attributes:
        kind: `f` or `b`: forward or backward layer.
        layer: index in a stack.
        backwards: whether it reads from the last step to the first.
        initial: name and shape of each initial state that is given; empty: zeros.
        final: name and shape of each final state that is returned as an output of its own.
        state: shapes of the states.
    """

    kind: str
    layer: int
    backwards: bool
    initial: tuple[tuple[str, Shape], ...]
    final: tuple[OutputContract, ...]
    state: tuple[Shape, ...]


def steps(config: LayerConfig) -> tuple[int | None, ...]:
    """The steps that are drawn; None stands for those left out."""
    number = config.sizes.timesteps
    if int(config.get("num_layers") or 1) > TALL:
        return tuple(range(number)) if number < TALL + 1 else (0, None, number - 1)
    return tuple(range(number)) if number <= MOST else (0, 1, None, number - 1)


def returned(config: LayerConfig) -> tuple[OutputContract, ...]:
    """The outputs of a call in which no sequence is shorter than another."""
    lengths = [config.sizes.timesteps] * config.sizes.batch if packed(config) else None
    return outputs(config, lengths)


def packed(config: LayerConfig) -> bool:
    """Whether sequences come packed."""
    return "packed" in str(config.get("input"))


def sequences(config: LayerConfig) -> bool:
    """Whether the output of every step is given back."""
    return config.get("return_sequences", True) is True


def reversed_output(config: LayerConfig) -> bool:
    """Whether sequences come back in the order in which a backwards reading layer made them."""
    return config.get("go_backwards") is True


def masked(config: LayerConfig) -> frozenset[int]:
    """The columns of the steps that the picture shows masked, as an example of the kind of mask."""
    last = len(steps(config)) - 1
    return frozenset({"right": {last}, "left": {0}, "gaps": {1}}.get(str(config.get("mask")), ()))


def chains(config: LayerConfig) -> tuple[Chain, ...]:
    """All chains, in the order in which APIs list them: layer by layer, forward first."""
    number = int(config.get("num_layers") or 1)
    return tuple(_chain(config, layer, side) for layer in range(number) for side in range(1 + config.bidirectional))


def _chain(config: LayerConfig, layer: int, side: int) -> Chain:
    place = layer * (1 + config.bidirectional) + side
    given = config.get("initial_state") is True or config.get("hx") is True
    if "like" in config.rules.initial_state:  # states of all chains in one tensor
        whole = initial_states(config)
        state = tuple(one.shape[1:] for one in whole)
        names = [f"{one.name.replace('_n', '_0')}[{place}]" for one in whole]
        final: tuple[OutputContract, ...] = ()
    else:
        each = len(config.rules.layers[config.layer].states)
        whole = initial_states(config)[side * each : (side + 1) * each]
        state = tuple(one.shape for one in whole)
        names = [f"{'backward ' if side else 'forward ' if config.bidirectional else ''}{_plain(one)}" for one in whole]
        wanted = {one.name for one in whole}
        final = tuple(one for one in returned(config) if one.name in wanted)
    return Chain(
        kind="fb"[side],
        layer=layer,
        backwards=(config.get("go_backwards") is True) != (side == 1),
        initial=tuple(zip(names, state, strict=True)) if given else (),
        final=final,
        state=state,
    )


def _plain(state: OutputContract) -> str:
    return state.name.rsplit("_", 1)[-1] + "₀"


def collected(config: LayerConfig) -> tuple[OutputContract, ...]:
    """The outputs that collect the final states of all chains."""
    given = config.rules.initial_state
    return tuple(one for one in returned(config) if one.name in given.get("like", ()))


def shown(config: LayerConfig) -> tuple[OutputContract, ...]:
    """The outputs made of what the top layer gives out: all but the states."""
    states = {one.name for chain in chains(config) for one in (*chain.final, *collected(config))}
    return tuple(one for one in returned(config) if one.name not in states)


def notes(config: LayerConfig) -> tuple[str, ...]:
    """What the picture cannot say without words."""
    return tuple(_notes(config, chains(config)))


def _notes(config: LayerConfig, all_chains: Sequence[Chain]) -> list[str]:
    found: list[str] = []
    last = config.sizes.timesteps - 1
    if config.bidirectional:
        f, b = all_chains[:2]
        f_end, b_end = (f"step {0 if one.backwards else last}" for one in (f, b))
        what = "joins these two final outputs" if config.get("merge_mode") != "None" else "stays in two parts"
        if packed(config):
            f_end, b_end = "each sequence's own last step", "step 0"
        ends = f"The forward layer ends at {f_end}, the backward layer at {b_end}"
        found.append(f"{ends}." if sequences(config) else f"{ends}: the output {what}.")
    if sequences(config) and reversed_output(config):
        found.append(
            "Sequences come in processing order: position 0 belongs to the last input step."
            + (" The specification leaves the order of merged sequences open." if config.bidirectional else "")
        )
    found += _mask_notes(config)
    if packed(config):
        rest = "the backward reading starts there." if config.bidirectional else "its final state is the one there."
        found.append(f"Every sequence ends at its own length; {rest}")
    if len(collected(config)) and len(all_chains) > 1:
        names = " and ".join(one.name for one in collected(config))
        order = "layer by layer" + (", forward before backward" if config.bidirectional else "")
        found.append(f"{names}: {order}.")
    if config.get("proj_size"):
        found.append(f"The hidden state is projected to {config.get('proj_size')} numbers; the cell state is not.")
    return found


def _mask_notes(config: LayerConfig) -> list[str]:
    kind = config.get("mask", "none")
    if kind == "none":
        return []
    where = {
        "right": "Padding on the right (example: the last step).",
        "left": "Padding on the left (example: the first step).",
        "gaps": "Gaps inside (example: the second step).",
        "full_rows": "Whole rows of the batch are masked: they keep their initial state throughout.",
    }[str(kind)]
    kept = " A masked step keeps the state" if kind != "full_rows" else " A masked row keeps the state"
    if not sequences(config):
        return [where + kept + "."]
    zero = config.bidirectional or config.get("zero_output_for_mask") is True
    return [where + kept + (" and shows zeros." if zero else " and repeats the output before it.")]
