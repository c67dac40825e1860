"""Where things stand in the picture of a layer, from left to right: a column for each step that is drawn."""

from __future__ import annotations

from conformance.report.drawing.canvas import LETTER, width_of
from conformance.report.drawing.wiring import Chain, Shape, chains, collected, shown, steps
from conformance.spec import LayerConfig, input_axes

EDGE, GAP, CELL, SLOT, STATE = 10, 30, 40, 28, 36
"""Margin; room for vertical wires; heights of cells, of slots of a sequence, and of boxes of states and outputs."""


class Columns:
    """Widths of the columns: left of the steps, each step, right of them, collected states.

    Attributes:
        config: whose.
        steps: the step of each column; None stands for those left out.
        both: whether there are two directions; then two cells share a column.
        chains: all chains.
        half, pitch: half the width of a column, and the distance of columns.
        first, after: where the first column begins, and where the last one ends.
        panels, right: where panels of collected states begin, and how far the picture goes without them.
    """

    def __init__(self, config: LayerConfig) -> None:
        self.config = config
        self.steps = steps(config)
        self.both = config.bidirectional
        self.chains = chains(config)
        last = self.index(self.config.sizes.timesteps - 1)
        self.half = max(46.0, len(last) * LETTER + 8)
        self.pitch = 2 * self.half + (24 if self.both else 14)
        boxes = [self._state_width(chain) for chain in self.chains]
        labels = [one.name for one in shown(self.config) if "." not in one.name]
        labels += [str(one.shape) for one in shown(self.config)] + ["layer 0 → 1"] * (len(self.chains) > 2)
        labels += [str(self.input_shape())]
        left = max(width_of(labels) + 14, *(width + 26 for width in boxes), 84)
        self.first = EDGE + left
        self.after = self.first + self.pitch * len(self.steps)
        on_right = [width for width, chain in zip(boxes, self.chains, strict=True) if self._stands_right(chain)]
        self.panels = self.after + max(on_right, default=4) + 22
        self.right = self.panels if on_right or collected(config) else self.after

    def _stands_right(self, chain: Chain) -> bool:
        """Whether a box of this chain's states stands right of the steps."""
        return chain.backwards or bool(chain.final)

    def _state_width(self, chain: Chain) -> float:
        lines = [text for name, shape in chain.initial for text in (name, str(shape))]
        lines += [text for one in chain.final for text in (one.name, str(one.shape))]
        lines += [self.zero_name()] + [str(shape) for shape in chain.state]
        return width_of(lines) + 14

    def zero_name(self) -> str:
        """What stands in the box of states that nobody gives."""
        return ", ".join(self.config.rules.layers[self.config.layer].states) + " = 0"

    def left_of(self, column: int) -> float:
        """X where a column begins."""
        return self.first + self.pitch * column

    def center(self, column: int, chain: Chain) -> float:
        """X of a chain's cell, and of its wires up and down."""
        x = self.left_of(column)
        return x + (self.half * (0.5 if chain.kind == "f" else 1.5) if self.both else self.half)

    @property
    def cell_width(self) -> float:
        """Width of a cell; two stand side by side in a column."""
        return 44 if self.both else 56

    def input_shape(self) -> Shape:
        """Shape of the input."""
        sizes = vars(self.config.sizes)
        return tuple(sizes[axis] for axis in input_axes(self.config))

    def input_step(self) -> Shape:
        """Shape of one step of the input."""
        sizes = vars(self.config.sizes)
        return tuple(sizes[axis] for axis in input_axes(self.config) if axis != "timesteps")

    def index(self, step: int) -> str:
        """How a step is taken out of a sequence."""
        return f"[:, {step}]" if input_axes(self.config)[0] == "batch" else f"[{step}]"

    @property
    def columns(self) -> range:
        """Numbers of all columns."""
        return range(len(self.steps))

    def step_shape(self, layer: int) -> Shape:
        """Shape of one step of what a layer above the first one is given."""
        shape = self.chains[0].state[0]
        return (*shape[:-1], shape[-1] * (2 if self.both and layer else 1))

    def slot_words(self, column: int, *, flip: bool) -> str:
        """How the step of a column is taken out of a sequence, which may come in reversed order."""
        step = self.steps[column]
        if step is None:
            return "…"
        return self.index(self.config.sizes.timesteps - 1 - step if flip else step)

    def order(self, chain: Chain) -> list[int]:
        """The columns in the order in which a chain reads them."""
        return list(reversed(self.columns)) if chain.backwards else list(self.columns)

    def reading(self, chain: Chain, column: int) -> str:
        """The place of a step in the chain's reading."""
        step, number = self.steps[column], self.config.sizes.timesteps
        if step is None:
            return "…"
        place = number - step if chain.backwards else step + 1
        if place == number:
            return "last" if number > 1 else "only"
        return f"{place}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(place if place < 20 else place % 10, 'th') }"
