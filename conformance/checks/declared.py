"""What a layer declares beside what it must give: nesting, shapes and types of outputs, and the mask it hands on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.checks.form import spell
from conformance.checks.observation import Declared, Reply
from conformance.laws import Way
from conformance.spec import Array, LayerConfig, OutputContract, Tensors, Tree, outputs_of, structure

NOTHING = {"other": "NoneType"}
"""No mask."""


def problem(way: Way, config: LayerConfig, tensors: Tensors, reply: Reply) -> tuple[str, str] | None:
    """What is wrong with a declaration, and a short key for it."""
    if way.of == "mask":
        return None if _is_open(config) else _mask_problem(config, tensors, reply)
    contract = outputs_of(config, tensors)
    if reply.structure != structure(config):
        names = [output.name for output in contract]
        return f"it declares {spell(reply.structure)}, expected {spell(structure(config), names)}", "structure"
    found = (it for output, said in zip(contract, reply.declared, strict=True) for it in _wrong(way, output, said))
    return next(found, None)


def left_open(way: Way, config: LayerConfig, reply: Reply) -> str | None:
    """What was declared where the specification leaves it open."""
    if way.of != "mask" or not _is_open(config):
        return None
    return f"{way.name} gives {spell(reply.structure)}; the mask that such a bidirectional layer hands on is left open"


def _is_open(config: LayerConfig) -> bool:
    """Entries for states of a bidirectional layer, and the order of its steps if its first half reads backwards."""
    return config.bidirectional and (config.get("return_state") is True or config.get("go_backwards") is True)


def _wrong(way: Way, output: OutputContract, said: Declared) -> Iterator[tuple[str, str]]:
    """What is wrong with the declaration of one output. A size that is known may be left open, if calls may vary it."""
    due = tuple(None if axis in way.unknown else size for axis, size in zip(output.axes, output.shape, strict=True))
    sizes = zip(output.axes, due, said.shape, strict=False)
    if len(due) != len(said.shape) or not all(got == size or _may_be_open(axis, got) for axis, size, got in sizes):
        yield (
            f"the declared shape of {output.name} is {_spelled(said.shape)}, expected {_spelled(due)} "
            f"({', '.join(output.axes)})",
            "shape",
        )
    if said.dtype not in (None, output.dtype):
        yield f"the declared type of {output.name} is {said.dtype}, expected {output.dtype}", "dtype"


def _may_be_open(axis: str, got: int | None) -> bool:
    return got is None and axis in ("batch", "timesteps")


def _spelled(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join("unknown" if size is None else str(size) for size in shape) + ")"


# ---------------------------------------------------------------- masks


def _mask_problem(config: LayerConfig, tensors: Tensors, reply: Reply) -> tuple[str, str] | None:
    """A sequence is handed on with the mask of its steps, in their order; all else without."""
    contract = outputs_of(config, tensors)
    mask = _in_order_of_steps(config, tensors.mask)
    passed = [mask is not None and output.steps is not None for output in contract]
    branches = _branches(reply.structure)
    entries = [reply.structure] if len(contract) == 1 else branches
    if entries is None or len(entries) != len(contract):
        return (
            f"it hands on {spell(reply.structure)}, expected an entry for each of {len(contract)} outputs",
            "structure",
        )
    for output, due, entry in zip(contract, passed, entries, strict=True):
        if not due and entry != NOTHING:
            return f"{output.name} is handed on with a mask, expected none", "a mask too many"
        if due and (not isinstance(entry, int) or not _equal(reply.declared[entry].value, mask)):
            return f"{output.name} is not handed on with the mask of its steps", "another mask"
    return None


def _in_order_of_steps(config: LayerConfig, mask: Array | None) -> Array | None:
    """The mask beside the steps of the sequence that is given, which one that is read backwards gives in that order."""
    return mask[:, ::-1] if mask is not None and config.get("go_backwards") and not config.bidirectional else mask


def _branches(tree: Tree) -> list[Tree] | None:
    """The parts of a tuple or list: a mask is handed on to layers, which take either."""
    if isinstance(tree, int):
        return None
    ((kind, parts),) = tree.items()
    return list(parts) if kind in ("tuple", "list") else None


def _equal(got: Array | None, mask: Array | None) -> bool:
    return got is not None and mask is not None and got.shape == mask.shape and bool(np.array_equal(got != 0, mask))
