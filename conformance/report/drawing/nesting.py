"""The picture of a wrong form: what should have been returned beside what came, nested, with names and shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from conformance.checks.form import spell
from conformance.engine.events import Leaf, Outline, Returned
from conformance.report.drawing.canvas import Box, Drawing, width_of
from conformance.spec import Tree

EDGE, INSET, HEAD, LEAF, GAP, BETWEEN = 4.0, 8.0, 20.0, 38.0, 6.0, 18.0
"""Margin; how far children stand inside; heights of a heading and of an array; distances of children, of the halves."""

LETTERS, DEPTH = 30, 8
"""Longer names are cut; of deeper nestings there is no picture."""

Path = tuple[int, ...]
"""Where a node stands: the place in each container from the outermost in."""


def draw_returned(found: Returned) -> Drawing | None:
    """Promised and returned side by side, differences marked; None for outlines that are not whole or too deep."""
    try:
        halves = _halves(found)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):  # of a damaged or newer results file
        return None
    drawing = Drawing("nesting", "Promised and returned", _words(found))
    x, bottom = EDGE, 0.0
    for heading, node in zip(("promised", "returned"), halves, strict=True):
        width = max(node.width, width_of([heading]))
        drawing.text(x, 18, heading, "way", "start")
        bottom = max(bottom, node.place(drawing, x, 28, width, 0))
        x += width + BETWEEN
    drawing.boxes.sort(key=lambda box: box.kind)  # outer containers are painted first
    drawing.width, drawing.height = x - BETWEEN + EDGE, bottom + EDGE
    return drawing


@dataclass(frozen=True)
class _Node:
    """An array or a container.

    Attributes:
        lines: what is written in it.
        children: what it holds; None: it is an array.
        wrong: whether it differs from its counterpart, or has none.
    """

    lines: tuple[str, ...]
    children: tuple[_Node, ...] | None
    wrong: bool

    @property
    def width(self) -> float:
        inside = max((child.width for child in self.children or ()), default=0.0)
        return max(width_of(self.lines) + 20, inside + 2 * INSET if self.children is not None else 0)

    def place(self, drawing: Drawing, x: float, y: float, width: float, depth: int) -> float:
        """Draw it; gives its bottom."""
        kind = "amiss" if self.wrong else "fine"
        if self.children is None:
            drawing.box(Box(x, y, width, LEAF, f"leaf {kind}"), self.lines)
            return y + LEAF
        drawing.text(x + INSET, y + 14, self.lines[0], "bad" if self.wrong else "shape", "start")
        bottom = y + HEAD
        for child in self.children:
            bottom = child.place(drawing, x + INSET, bottom, width - 2 * INSET, depth + 1) + GAP
        bottom += INSET - GAP if self.children else 2
        drawing.boxes.append(Box(x, y, width, bottom - y, f"panel {depth} {kind}"))
        return bottom


def _halves(found: Returned) -> tuple[_Node, _Node]:
    due, came = found.promised, found.came
    wrong = set(_differences(due, due.tree, came, came.tree, ()))
    names = [leaf.name for leaf in due.arrays] if due.tree == came.tree else []
    return (
        _node(due, due.tree, [leaf.name for leaf in due.arrays], wrong, ()),
        _node(came, came.tree, names, wrong, ()),
    )


def _differences(due: Outline, promised: Tree, came: Outline, got: Tree, path: Path) -> Iterator[Path]:
    """The paths of nodes that have no counterpart of the same kind, shape and type."""
    if isinstance(promised, int) and isinstance(got, int):
        if _form(due.arrays[promised]) != _form(came.arrays[got]):
            yield path
        return
    if isinstance(promised, int) or isinstance(got, int) or _kind(promised) != _kind(got):
        yield path
        return
    for place, (one, other) in enumerate(zip_longest(_inside(promised), _inside(got))):
        if one is None or other is None:
            yield (*path, place)
        else:
            yield from _differences(due, one[1], came, other[1], (*path, place))


def _form(leaf: Leaf) -> tuple[tuple[int, ...], str]:
    return leaf.shape, leaf.dtype


def _node(outline: Outline, tree: Tree, names: Sequence[str], wrong: set[Path], path: Path, key: str = "") -> _Node:
    if len(path) > DEPTH:
        raise ValueError("too deep")
    amiss = path in wrong
    mark = "✗ " if amiss else ""
    if isinstance(tree, int):
        leaf = outline.arrays[tree]
        name = names[tree] if tree < len(names) else f"output {tree}"
        return _Node((_cut(f"{mark}{key}{name}"), _cut(f"{leaf.shape} {leaf.dtype}")), None, amiss)
    inside = [
        _node(outline, child, names, wrong, (*path, place), f"{word}: " if word else "")
        for place, (word, child) in enumerate(_inside(tree))
    ]
    kind = _kind(tree) if _kind(tree) != "other" else str(tree["other"])
    number = f" of {len(inside)}" if _kind(tree) != "other" else ""
    return _Node((_cut(f"{mark}{key}{kind}{number}"),), tuple(inside), amiss)


def _kind(tree: Mapping[str, object]) -> str:
    (kind,) = tree
    return kind


def _inside(tree: Mapping[str, object]) -> list[tuple[str, Tree]]:
    """The children of a container, each with its key if it has one."""
    ((kind, inside),) = tree.items()
    if kind == "other":
        return []
    if isinstance(inside, Mapping):
        return [(str(key), child) for key, child in inside.items()]
    if not isinstance(inside, list | tuple):
        raise ValueError("no children")  # noqa: TRY004 - what is wrong is the file, not a type in the program
    return [("", child) for child in inside]


def _words(found: Returned) -> str:
    due = [f"{leaf.name} {leaf.shape} {leaf.dtype}" for leaf in found.promised.arrays]
    came = [f"output {place} {leaf.shape} {leaf.dtype}" for place, leaf in enumerate(found.came.arrays)]
    return f"Promised: {spell(found.promised.tree, due)}. Returned: {spell(found.came.tree, came)}."


def _cut(words: str) -> str:
    return words if len(words) <= LETTERS else words[: LETTERS - 1] + "…"
