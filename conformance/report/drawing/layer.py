"""The picture of a layer: time runs to the right, data run down, chains as they read, outputs outlined.

Forward and backward cells of a step stand side by side, one lower than the other, so that every wire from the input
and to the output has a lane of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conformance.report.drawing.canvas import Box, Drawing, width_of
from conformance.report.drawing.columns import CELL, EDGE, GAP, SLOT, STATE, Columns
from conformance.report.drawing.states import States
from conformance.report.drawing.wiring import (
    Chain,
    Shape,
    collected,
    masked,
    notes,
    packed,
    returned,
    reversed_output,
    sequences,
    shown,
)
from conformance.spec import LayerConfig, OutputContract

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
        self._at = Columns(config)
        self._config = config
        layer = config.rules.layers[config.layer].class_name
        self.drawing = Drawing("layer", self._title(layer), self._words())
        self._cell_name = "RNN" if config.layer == "simple_rnn" else layer
        self._states = States(self.drawing, self._at)
        y = self._layers()
        y = self._results(y)
        self.drawing.width = max(self._at.right, self._far, *(b.x + b.width + EDGE for b in self.drawing.boxes))
        y += 22
        for note in notes(config):
            y = self.drawing.paragraph(EDGE, y, note)
        self.drawing.height = y - 6

    def _title(self, layer: str) -> str:
        both = "bidirectional " if self._at.both else ""
        return f"How {self._config.rules.title} {both}{layer} makes its outputs"

    def _words(self) -> str:
        made = "; ".join(f"{one.name} {one.shape}: {one.meaning}" for one in returned(self._config))
        return f"{made}. {' '.join(notes(self._config))}".strip()

    def _layers(self) -> float:
        """Input and chains; gives where what comes out may start."""
        words = [self._at.slot_words(column, flip=False) for column in self._at.columns]
        y = self._strip(EDGE, "x", self._at.input_shape(), words)
        number = self._at.chains[-1].layer + 1
        rows: list[_Row] = []
        for layer in range(number):
            if layer:
                name = f"layer {layer - 1} → {layer}"
                y = self._merge_steps(y, rows, "concat") if self._at.both else self._down(y, rows)
                shape = self._at.step_shape(layer)
                y = self._strip(y, name, shape, words)
            source = y
            rows = []
            y += 18
            for chain in (chain for chain in self._at.chains if chain.layer == layer):
                y = self._row(chain, y, source, rows)
        self._rows = rows
        self._far = self._states.collect()
        return y

    def _strip(
        self, y: float, name: str, shape: Shape, words: Sequence[str], output: str = "", half: int | None = None
    ) -> float:
        """A sequence: a panel with a slot for each step; gives its bottom."""
        kind = "panel out" if output else "panel"
        width = self._at.after - EDGE - (14 if not self._at.both else 18)
        self.drawing.boxes.append(Box(EDGE, y, width, SLOT + 12, kind, output))
        self.drawing.text(EDGE + 8, y + 17, name, "name", "start")
        self.drawing.text(EDGE + 8, y + 31, str(shape), "shape", "start")
        for column, word in enumerate(words):
            dim = column in masked(self._config) and name == "x"
            x = self._at.left_of(column) + (half or 0) * self._at.half
            wide = self._at.half if half is not None else 2 * self._at.half
            if word == "…":
                self.drawing.text(x + wide / 2, y + 23, word, "dim")
                continue
            box = Box(x + 2, y + 6, wide - 4, SLOT, "slot masked" if dim else "slot")
            self.drawing.box(box, [word, "masked"][: 2 if dim else 1], ("dim", "dim") if dim else ("",))
        return y + SLOT + 12

    def _row(self, chain: Chain, top: float, source: float, rows: list[_Row]) -> float:
        """A chain of cells with its states; gives its bottom."""
        stack = max(len(chain.initial) or 1, len(chain.final)) * (STATE + 4) - 4
        lane = 14 + 16 * len(chain.state) if collected(self._config) and chain.backwards else 0
        high = max(stack, CELL)
        middle = top + 18 + high / 2
        arrow = "← " if chain.backwards else ""
        named = {"f": "forward", "b": "backward"}[chain.kind] if self._at.both else "reads"
        number = f"layer {chain.layer} " if len(self._at.chains) > 1 + self._at.both else ""
        words = f"{arrow}{number}{named}" + ("" if chain.backwards else " →")
        self.drawing.text(EDGE, top + 10, words, f"way {chain.kind}", "start")
        for column in self._at.columns:
            self._cell(chain, column, middle, source, first=not rows and column == 0)
        self._states.links(chain, middle)
        bottom = middle + high / 2 + lane
        rows.append(_Row(chain, middle, bottom))
        return bottom + 6

    def _cell(self, chain: Chain, column: int, middle: float, source: float, *, first: bool) -> None:
        if self._at.steps[column] is None:
            self.drawing.text(self._at.center(column, chain), middle - 6, "…", "dim")
            return
        x, wide = self._at.center(column, chain), self._at.cell_width
        dim = column in masked(self._config)
        kind = (
            f"cell {chain.kind}" + (" end" if column == self._at.order(chain)[-1] else "") + (" masked" if dim else "")
        )
        lines = ["kept" if dim else self._cell_name, self._at.reading(chain, column)]
        self.drawing.box(Box(x - wide / 2, middle - CELL / 2, wide, CELL, kind), lines, ("name", ""))
        if not dim:
            self.drawing.wire(chain.kind, (x, source), (x, middle - CELL / 2))
        if first:
            shape = self._at.input_step() if chain.layer == 0 else self._at.step_shape(chain.layer)
            self.drawing.text(x - 6, source + 15, str(shape), "shape", "end")

    def _down(self, y: float, rows: Sequence[_Row], label: str = "") -> float:
        """Wires from every cell of a single chain down; gives where they end."""
        (row,) = rows
        for column in self._at.columns:
            if self._at.steps[column] is not None:
                x = self._at.center(column, row.chain)
                self.drawing.wire(row.chain.kind, (x, row.middle + CELL / 2), (x, y + GAP), output=label)
        return y + GAP

    def _merge_steps(self, y: float, rows: Sequence[_Row], mode: str, output: str = "") -> float:
        """A merging node for every step; gives where their wires end."""
        for column in self._at.columns:
            if self._at.steps[column] is None:
                continue
            x = self._at.left_of(column) + self._at.half
            for row in rows:
                lane = self._at.center(column, row.chain)
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
        words = [self._at.slot_words(c, flip=reversed_output(self._config)) for c in self._at.columns]
        if len(made) == 1:
            (one,) = made
            y = (
                self._merge_steps(y, self._rows, mode, one.name)
                if self._at.both
                else self._down(y, self._rows, one.name)
            )
            return self._strip(y, one.name, one.shape, words, one.name)
        top = y + GAP
        for number, (row, one) in enumerate(zip(self._rows, made, strict=True)):
            for column in self._at.columns:
                if self._at.steps[column] is not None:
                    x = self._at.center(column, row.chain)
                    self.drawing.wire(row.chain.kind, (x, row.middle + CELL / 2), (x, top + 6), output=one.name)
            top = self._strip(top, one.name, one.shape, words, one.name, half=number) + 10
        return top - 10

    def _unpacked(self, y: float, mode: str, made: Sequence[OutputContract]) -> float:
        """A packed sequence, and what is taken out of it."""
        y = self._merge_steps(y, self._rows, mode) if self._at.both else self._down(y, self._rows)
        words = [self._at.slot_words(c, flip=False) for c in self._at.columns]
        y = self._strip(y, "packed", self._at.step_shape(1), words)
        x = float(EDGE)
        for one in made:
            wide = width_of([one.name, str(one.shape)]) + 14
            middle = x + wide / 2
            self.drawing.box(Box(x, y + GAP, wide, STATE, "out", one.name), [one.name, str(one.shape)])
            start = min(middle, self._at.after - 24)
            points = [(start, y), (start, y + 12), (middle, y + 12), (middle, y + GAP)]
            self.drawing.wire("o", *(points if start != middle else (points[0], points[3])), output=one.name)
            x += wide + 12
        return y + GAP + STATE

    def _last(self, y: float, mode: str, made: Sequence[OutputContract]) -> float:
        """What the last processed step of each chain gives."""
        starts = [(self._at.center(self._at.order(row.chain)[-1], row.chain), row) for row in self._rows]
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
