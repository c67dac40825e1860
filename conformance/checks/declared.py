"""What a layer declares beside what it must give: nesting, shapes and types of outputs, and the mask it hands on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from conformance.checks.form import branches, leaves, spell
from conformance.checks.observation import Declared, Reply
from conformance.laws import Way
from conformance.spec import (
    Array,
    LayerConfig,
    OutputContract,
    Tensors,
    Tree,
    initial_states,
    outputs_of,
    structure,
)

NOTHING = {"other": "NoneType"}
"""No mask."""


def problem(way: Way, config: LayerConfig, tensors: Tensors, reply: Reply) -> tuple[str, str] | None:
    """What is wrong with a declaration, and a short key for it."""
    if way.of == "mask":
        return _mask_problem(config, tensors, reply)
    contract = outputs_of(config, tensors)
    if reply.structure != structure(config):
        names = [output.name for output in contract]
        return f"it declares {spell(reply.structure)}, expected {spell(structure(config), names)}", "structure"
    found = (it for output, said in zip(contract, reply.declared, strict=True) for it in _wrong(way, output, said))
    return next(found, None)


def _wrong(way: Way, output: OutputContract, said: Declared) -> Iterator[tuple[str, str]]:
    """What is wrong with the declaration of one output: a size that was told must be there, any other must not."""
    due = tuple(None if axis in way.unknown else size for axis, size in zip(output.axes, output.shape, strict=True))
    if said.shape != due:
        yield (
            f"the declared shape of {output.name} is {_spelled(said.shape)}, expected {_spelled(due)} "
            f"({', '.join(output.axes)})",
            "shape",
        )
    if said.dtype not in (None, output.dtype):
        yield f"the declared type of {output.name} is {said.dtype}, expected {output.dtype}", "dtype"


def _spelled(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join("unknown" if size is None else str(size) for size in shape) + ")"


# ---------------------------------------------------------------- masks


def _mask_problem(config: LayerConfig, tensors: Tensors, reply: Reply) -> tuple[str, str] | None:
    """A sequence is handed on with the mask of its steps, in their order; all else without."""
    contract = outputs_of(config, tensors)
    shown, entries = _entries(config, contract, reply.structure)
    if entries is None:
        count = "one mask or None" if len(contract) == 1 else f"a mask or None for each of {len(contract)} outputs"
        return f"it hands on {spell(reply.structure)}, expected {count}", "structure"
    masks = _orders(config, tensors.mask)
    for output, entry in zip(shown, entries, strict=False):
        due = output.steps is not None and tensors.mask is not None
        got = reply.declared[entry].value if isinstance(entry, int) else None
        if not due and entry != NOTHING:
            return f"{output.name} is handed on with a mask, expected none", "a mask too many"
        if due and got is None:
            return f"{output.name} is handed on without the mask of its steps", "no mask"
        if got is not None and not any(_equal(got, mask) for mask in masks):
            told = f"{output.name} is handed on with another mask than that of its steps"
            return f"{told}: {_difference(got, masks[0])}", "another mask"
    return None


def _entries(
    config: LayerConfig, contract: Sequence[OutputContract], tree: Tree
) -> tuple[Sequence[OutputContract], Sequence[Tree] | None]:
    """The outputs whose masks are promised, and what is handed on with each; None if that cannot be said.

    What two directions hand on with their states is left open, down to whether there are entries for them.
    """
    if config.bidirectional and config.get("return_state") is True:
        shown, found = contract[: -len(initial_states(config))], list(leaves(tree))
        return shown, found if len(found) >= len(shown) else None
    entries = [tree] if len(contract) == 1 else branches(tree)
    return contract, entries if entries is not None and len(entries) == len(contract) else None


def _orders(config: LayerConfig, mask: Array | None) -> list[Array]:
    """The mask in the order of the steps that are given; where that order is left open, in either."""
    if mask is None or not config.get("go_backwards"):
        return [] if mask is None else [mask]
    return [mask, mask[:, ::-1]] if config.bidirectional else [mask[:, ::-1]]


def _equal(got: Array, mask: Array) -> bool:
    return got.shape == mask.shape and bool(np.array_equal(got != 0, mask))


def _difference(got: Array, mask: Array) -> str:
    """The first place at which a mask differs from the one that is due."""
    if got.shape != mask.shape:
        return f"its shape is {got.shape}, expected {mask.shape}"
    row, step = (int(number) for number in np.argwhere((got != 0) != mask)[0])
    return f"[batch {row}, timesteps {step}] is {bool(got[row, step])}, expected {bool(mask[row, step])}"
