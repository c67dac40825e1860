"""The picture of a layer: time runs to the right, data run down, chains as they read, outputs outlined.

Forward and backward cells of a step stand side by side, one lower than the other, so that every wire from the input
and to the output has a lane of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from conformance.report.drawing.canvas import LETTER, Box, Drawing, width_of
from conformance.report.drawing.wiring import (
    Chain,
    Shape,
    chains,
    collected,
    masked,
    notes,
    packed,
    returned,
    reversed_output,
    sequences,
    shown,
    steps,
)
from conformance.spec import LayerConfig, OutputContract, input_axes

EDGE, GAP, CELL, SLOT, STATE = 10, 30, 40, 28, 36
"""Margin; room for vertical wires; heights of cells, of slots of a sequence, and of boxes of states and outputs."""

PILL = 58
"""Width of the node that merges."""


def draw_layer(config: LayerConfig) -> Drawing:
    """How a configuration wires its input and states to its outputs."""
    return _Layer(config).drawing


@dataclass(frozen=True)
class _Row:
    """A chain with its place: y of the middle, top and bottom of all that belongs to it."""

    chain: Chain
    middle: float
    bottom: float


class _Layer:
    """Places one thing after the other, from the input down."""

    def __init__(self, config: LayerConfig) -> None:
        self._config = config
        self._steps = steps(config)
        self._both = config.bidirectional
        self._chains = chains(config)
        self._measure()
        layer = config.rules.layers[config.layer].class_name
        self.drawing = Drawing("layer", self._title(layer), self._words())
        self._cell_name = "RNN" if config.layer == "simple_rnn" else layer
        self._ends: list[tuple[Chain, float, float]] = []
        y = self._layers()
        y = self._results(y)
        self.drawing.width = max(self.drawing.width, self._right, *(b.x + b.width + EDGE for b in self.drawing.boxes))
        y += 22
        for note in notes(config):
            y = self.drawing.paragraph(EDGE, y, note)
        self.drawing.height = y - 6

    # ------------------------------------------------------------ words

    def _title(self, layer: str) -> str:
        both = "bidirectional " if self._both else ""
        return f"How {self._config.rules.title} {both}{layer} makes its outputs"

    def _words(self) -> str:
        made = "; ".join(f"{one.name} {one.shape}: {one.meaning}" for one in returned(self._config))
        return f"{made}. {' '.join(notes(self._config))}".strip()

    # ------------------------------------------------------------ columns

    def _measure(self) -> None:
        """Widths of the columns: left of the steps, each step, right of them, collected states."""
        last = self._index(self._config.sizes.timesteps - 1)
        self._half = max(46.0, len(last) * LETTER + 8)
        self._pitch = 2 * self._half + (24 if self._both else 14)
        boxes = [self._state_width(chain) for chain in self._chains]
        labels = [one.name for one in shown(self._config) if "." not in one.name]
        labels += [str(one.shape) for one in shown(self._config)] + ["layer 0 → 1"] * (len(self._chains) > 2)
        labels += [str(self._input_shape())]
        self._left = max(width_of(labels) + 14, *(width + 26 for width in boxes), 84)
        self._first = EDGE + self._left
        self._after = self._first + self._pitch * len(self._steps)
        on_right = [width for width, chain in zip(boxes, self._chains, strict=True) if self._stands_right(chain)]
        self._panels = self._after + max(on_right, default=4) + 22
        self._right = self._panels if on_right or collected(self._config) else self._after

    def _stands_right(self, chain: Chain) -> bool:
        """Whether a box of this chain's states stands right of the steps."""
        return chain.backwards or bool(chain.final)

    def _state_width(self, chain: Chain) -> float:
        lines = [text for name, shape in chain.initial for text in (name, str(shape))]
        lines += [text for one in chain.final for text in (one.name, str(one.shape))]
        lines += [self._zero_name()] + [str(shape) for shape in chain.state]
        return width_of(lines) + 14

    def _zero_name(self) -> str:
        return ", ".join(self._config.rules.layers[self._config.layer].states) + " = 0"

    def _left_of(self, column: int) -> float:
        return self._first + self._pitch * column

    def _center(self, column: int, chain: Chain) -> float:
        """X of a chain's cell, and of its wires up and down."""
        x = self._left_of(column)
        return x + (self._half * (0.5 if chain.kind == "f" else 1.5) if self._both else self._half)

    @property
    def _cell_width(self) -> float:
        return 44 if self._both else 56

    def _input_shape(self) -> Shape:
        sizes = vars(self._config.sizes)
        return tuple(sizes[axis] for axis in input_axes(self._config))

    def _index(self, step: int) -> str:
        """How a step is taken out of a sequence."""
        return f"[:, {step}]" if input_axes(self._config)[0] == "batch" else f"[{step}]"

    # ------------------------------------------------------------ layers

    def _layers(self) -> float:
        """Input and chains; gives where what comes out may start."""
        y = self._strip(EDGE, "x", self._input_shape(), [self._slot_words(c, flip=False) for c in self._columns])
        number = self._chains[-1].layer + 1
        rows: list[_Row] = []
        for layer in range(number):
            if layer:
                name = f"layer {layer - 1} → {layer}"
                y = self._merge_steps(y, rows, "concat") if self._both else self._down(y, rows)
                shape = self._step_shape(layer)
                y = self._strip(y, name, shape, [self._slot_words(c, flip=False) for c in self._columns])
            source = y
            rows = []
            y += 18
            for chain in self._chains[layer * len(self._chains) // number : (layer + 1) * len(self._chains) // number]:
                y = self._row(chain, y, source, rows)
        self._rows = rows
        self._collect()
        return y

    @property
    def _columns(self) -> range:
        return range(len(self._steps))

    def _step_shape(self, layer: int) -> Shape:
        shape = self._chains[0].state[0]
        return (*shape[:-1], shape[-1] * (2 if self._both and layer else 1))

    def _slot_words(self, column: int, *, flip: bool) -> str:
        step = self._steps[column]
        if step is None:
            return "…"
        return self._index(self._config.sizes.timesteps - 1 - step if flip else step)

    def _strip(
        self, y: float, name: str, shape: Shape, words: Sequence[str], output: str = "", half: int | None = None
    ) -> float:
        """A sequence: a panel with a slot for each step; gives its bottom."""
        kind = "panel out" if output else "panel"
        width = self._after - EDGE - (14 if not self._both else 18)
        self.drawing.boxes.append(Box(EDGE, y, width, SLOT + 12, kind, output))
        self.drawing.text(EDGE + 8, y + 17, name, "name", "start")
        self.drawing.text(EDGE + 8, y + 31, str(shape), "shape", "start")
        for column, word in enumerate(words):
            dim = column in masked(self._config) and name == "x"
            x = self._left_of(column) + (half or 0) * self._half
            wide = self._half if half is not None else 2 * self._half
            if word == "…":
                self.drawing.text(x + wide / 2, y + 23, word, "dim")
                continue
            box = Box(x + 2, y + 6, wide - 4, SLOT, "slot masked" if dim else "slot")
            self.drawing.box(box, [word, "masked"][: 2 if dim else 1], ("dim", "dim") if dim else ("",))
        return y + SLOT + 12

    # ------------------------------------------------------------ chains

    def _row(self, chain: Chain, top: float, source: float, rows: list[_Row]) -> float:
        """A chain of cells with its states; gives its bottom."""
        stack = max(len(chain.initial) or 1, len(chain.final)) * (STATE + 4) - 4
        lane = 14 + 16 * len(chain.state) if collected(self._config) and chain.backwards else 0
        high = max(stack, CELL)
        middle = top + 18 + high / 2
        arrow = "← " if chain.backwards else ""
        named = {"f": "forward", "b": "backward"}[chain.kind] if self._both else "reads"
        number = f"layer {chain.layer} " if len(self._chains) > 1 + self._both else ""
        words = f"{arrow}{number}{named}" + ("" if chain.backwards else " →")
        self.drawing.text(EDGE, top + 10, words, f"way {chain.kind}", "start")
        for column in self._columns:
            self._cell(chain, column, middle, source, first=not rows and column == 0)
        self._links(chain, middle)
        bottom = middle + high / 2 + lane
        rows.append(_Row(chain, middle, bottom))
        return bottom + 6

    def _order(self, chain: Chain) -> list[int]:
        """The columns in the order in which a chain reads them."""
        return list(reversed(self._columns)) if chain.backwards else list(self._columns)

    def _reading(self, chain: Chain, column: int) -> str:
        """The place of a step in the chain's reading."""
        step, number = self._steps[column], self._config.sizes.timesteps
        if step is None:
            return "…"
        place = number - step if chain.backwards else step + 1
        if place == number:
            return "last" if number > 1 else "only"
        return f"{place}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(place if place < 20 else place % 10, 'th') }"

    def _cell(self, chain: Chain, column: int, middle: float, source: float, *, first: bool) -> None:
        if self._steps[column] is None:
            self.drawing.text(self._center(column, chain), middle - 6, "…", "dim")
            return
        x, wide = self._center(column, chain), self._cell_width
        dim = column in masked(self._config)
        kind = f"cell {chain.kind}" + (" end" if column == self._order(chain)[-1] else "") + (" masked" if dim else "")
        lines = ["kept" if dim else self._cell_name, self._reading(chain, column)]
        self.drawing.box(Box(x - wide / 2, middle - CELL / 2, wide, CELL, kind), lines, ("name", "shape"))
        if not dim:
            self.drawing.wire(chain.kind, (x, source), (x, middle - CELL / 2))
        if first:
            shape = self._input_step() if chain.layer == 0 else self._step_shape(chain.layer)
            self.drawing.text(x - 6, source + 15, str(shape), "shape", "end")

    def _input_step(self) -> Shape:
        sizes = vars(self._config.sizes)
        return tuple(sizes[axis] for axis in input_axes(self._config) if axis != "timesteps")

    def _links(self, chain: Chain, y: float) -> None:
        """State wires: from the initial state through all cells to the final one."""
        order, half = self._order(chain), self._cell_width / 2
        ahead = -1 if chain.backwards else 1
        drawn = [column for column in order if self._steps[column] is not None]
        for here, there in pairwise(drawn):
            start, end = self._center(here, chain) + ahead * half, self._center(there, chain) - ahead * half
            self.drawing.wire(chain.kind, (start, y), (end, y))
        self._initial(chain, y, self._center(drawn[0], chain) - ahead * half)
        end = self._center(drawn[-1], chain) + ahead * half
        for number, one in enumerate(chain.final):
            wide = width_of([one.name, str(one.shape)]) + 14
            x = self._first - 18 - wide if chain.backwards else self._after + 14
            top = self._stacked(y, len(chain.final), number)
            self.drawing.box(Box(x, top, wide, STATE, "out", one.name), [one.name, str(one.shape)])
            edge = x + wide if chain.backwards else x
            fork = edge + (9 if chain.backwards else -9)
            line = [(end, y), (fork, y), (fork, top + STATE / 2), (edge, top + STATE / 2)]
            points = line if len(chain.final) > 1 else [(end, y), (edge, y)]
            self.drawing.wire(f"{chain.kind} strong", *points, output=one.name)
        self._ends.append((chain, end, y))

    def _initial(self, chain: Chain, y: float, entry: float) -> None:
        boxes = [(name, str(shape), "given") for name, shape in chain.initial]
        shape = str(chain.state[0]) if len(set(chain.state)) == 1 else ", ".join(map(str, chain.state))
        boxes = boxes or [(self._zero_name(), shape if len(shape) < 12 else str(chain.state[0]), "zero")]
        for number, (name, words, kind) in enumerate(boxes):
            wide = width_of([name, words]) + 14
            x = self._after + 14 if chain.backwards else self._first - 18 - wide
            top = self._stacked(y, len(boxes), number)
            self.drawing.box(Box(x, top, wide, STATE, kind), [name, words])
            edge = x if chain.backwards else x + wide
            join = edge + (-9 if chain.backwards else 9)
            level = top + STATE / 2
            points = (
                [(edge, level), (join, level), (join, y), (entry, y)] if len(boxes) > 1 else [(edge, y), (entry, y)]
            )
            self.drawing.wire(chain.kind, *points)

    @staticmethod
    def _stacked(middle: float, many: int, number: int) -> float:
        """Top of one of several boxes stacked around a middle."""
        return middle - (many * (STATE + 4) - 4) / 2 + number * (STATE + 4)

    def _collect(self) -> None:
        """Panels right of the chains that collect final states, a slot for each chain."""
        outputs, x = collected(self._config), self._panels
        for number, one in enumerate(outputs):
            wide = max(width_of([one.name, str(one.shape)]), 40) + 16
            levels = [self._level(chain, y, number) for chain, _, y in self._ends]
            self.drawing.boxes.append(Box(x, EDGE, wide, levels[-1] + 20 - EDGE, "panel out", one.name))
            self.drawing.text(x + wide / 2, EDGE + 17, one.name, "name")
            self.drawing.text(x + wide / 2, EDGE + 31, str(one.shape), "shape")
            for place, (level, (chain, end, y)) in enumerate(zip(levels, self._ends, strict=True)):
                edge = x + wide / 2 - 20
                self.drawing.box(Box(edge, level - 9, 40, 18, "slot"), [f"[{place}]"], ("",))
                turn = end + (-10 if chain.backwards else 10) - (6 * number if chain.backwards else -6 * number)
                points = [(end, y), (edge, y)] if level == y else [(end, y), (turn, y), (turn, level), (edge, level)]
                self.drawing.wire(f"{chain.kind} strong", *points, output=one.name)
            x += wide + 12
            self._right = max(self._right, x - 12 + EDGE)

    def _level(self, chain: Chain, y: float, number: int) -> float:
        """Y of the lane of a state behind a chain: above the initial state's box where that would be in the way."""
        if not chain.backwards and number == 0:
            return y
        stack = max((len(chain.initial) or 1) * (STATE + 4) - 4, CELL)
        return y + stack / 2 + 12 + 16 * number if chain.backwards else y + 24 * number

    # ------------------------------------------------------------ what comes out

    def _down(self, y: float, rows: Sequence[_Row], label: str = "") -> float:
        """Wires from every cell of a single chain down; gives where they end."""
        (row,) = rows
        for column in self._columns:
            if self._steps[column] is not None:
                x = self._center(column, row.chain)
                self.drawing.wire(row.chain.kind, (x, row.middle + CELL / 2), (x, y + GAP), output=label)
        return y + GAP

    def _merge_steps(self, y: float, rows: Sequence[_Row], mode: str, output: str = "") -> float:
        """A merging node for every step; gives where their wires end."""
        for column in self._columns:
            if self._steps[column] is None:
                continue
            x = self._left_of(column) + self._half
            for row in rows:
                lane = self._center(column, row.chain)
                self.drawing.wire(row.chain.kind, (lane, row.middle + CELL / 2), (lane, y + 22))
            self.drawing.box(Box(x - PILL / 2, y + 22, PILL, 20, "merge"), [mode], ("",))
            self.drawing.wire("o", (x, y + 42), (x, y + 64), output=output)
        return y + 64

    def _results(self, y: float) -> float:
        """The outputs below the chains; gives the bottom of the picture."""
        mode = str(self._config.get("merge_mode", "concat"))
        made = shown(self._config)
        if packed(self._config):
            return self._unpacked(y, mode, made)
        if not sequences(self._config):
            return self._last(y, mode, made)
        words = [self._slot_words(c, flip=reversed_output(self._config)) for c in self._columns]
        if len(made) == 1:
            (one,) = made
            y = self._merge_steps(y, self._rows, mode, one.name) if self._both else self._down(y, self._rows, one.name)
            return self._strip(y, one.name, one.shape, words, one.name)
        top = y + GAP
        for number, (row, one) in enumerate(zip(self._rows, made, strict=True)):
            for column in self._columns:
                if self._steps[column] is not None:
                    x = self._center(column, row.chain)
                    self.drawing.wire(row.chain.kind, (x, row.middle + CELL / 2), (x, top + 6), output=one.name)
            top = self._strip(top, one.name, one.shape, words, one.name, half=number) + 10
        return top - 10

    def _unpacked(self, y: float, mode: str, made: Sequence[OutputContract]) -> float:
        """A packed sequence, and what is taken out of it."""
        y = self._merge_steps(y, self._rows, mode) if self._both else self._down(y, self._rows)
        words = [self._slot_words(c, flip=False) for c in self._columns]
        y = self._strip(y, "packed", self._step_shape(1), words)
        x = float(EDGE)
        for one in made:
            wide = width_of([one.name, str(one.shape)]) + 14
            middle = x + wide / 2
            self.drawing.box(Box(x, y + GAP, wide, STATE, "out", one.name), [one.name, str(one.shape)])
            start = min(middle, self._after - 24)
            points = [(start, y), (start, y + 12), (middle, y + 12), (middle, y + GAP)]
            self.drawing.wire("o", *(points if start != middle else (points[0], points[3])), output=one.name)
            x += wide + 12
        return y + GAP + STATE

    def _last(self, y: float, mode: str, made: Sequence[OutputContract]) -> float:
        """What the last processed step of each chain gives."""
        starts = [(self._center(self._order(row.chain)[-1], row.chain), row) for row in self._rows]
        if len(made) == len(starts):
            return self._apart(y, starts, made)
        (one,) = made
        middle = sum(x for x, _ in starts) / len(starts)
        top = y + 20
        for x, row in starts:
            side = middle + (PILL / 2 if x > middle else -PILL / 2)
            aside = [(x, top + 11), (side, top + 11)] if abs(x - middle) > PILL / 2 else [(x, top)]
            self.drawing.wire(f"{row.chain.kind} strong", (x, row.middle + CELL / 2), *aside)
        self.drawing.box(Box(middle - PILL / 2, top, PILL, 22, "merge"), [mode], ("name",))
        wide = width_of([one.name, str(one.shape)]) + 18
        self.drawing.wire("o", (middle, top + 22), (middle, top + 48), output=one.name)
        self.drawing.box(Box(middle - wide / 2, top + 48, wide, STATE, "out", one.name), [one.name, str(one.shape)])
        return top + 48 + STATE

    def _apart(self, y: float, starts: Sequence[tuple[float, _Row]], made: Sequence[OutputContract]) -> float:
        """One box below the end of each chain, moved apart where they would touch."""
        widths = [width_of([one.name, str(one.shape)]) + 18 for one in made]
        centers = [x for x, _ in starts]
        if len(made) == 2 and abs(centers[0] - centers[1]) < sum(widths) / 2 + 12:
            middle, sign = sum(centers) / 2, 1 if centers[0] > centers[1] else -1
            centers = [middle + sign * (widths[0] / 2 + 6), middle - sign * (widths[1] / 2 + 6)]
        for (x, row), one, wide, center in zip(starts, made, widths, centers, strict=True):
            box = Box(center - wide / 2, y + 34, wide, STATE, "out", one.name)
            self.drawing.box(box, [one.name, str(one.shape)])
            turn = y + (12 if x > center else 22)
            points = [(x, row.middle + CELL / 2), (x, turn), (center, turn), (center, y + 34)]
            self.drawing.wire(
                f"{row.chain.kind} strong", *(points if x != center else (points[0], points[3])), output=one.name
            )
        return y + 34 + STATE
