"""The states in the picture of a layer: from initial ones through all cells of a chain to final ones."""

from __future__ import annotations

from itertools import pairwise

from conformance.report.drawing.canvas import Box, Drawing, width_of
from conformance.report.drawing.columns import CELL, EDGE, STATE, Columns
from conformance.report.drawing.wiring import Chain, collected


class States:
    """Draws the states of one chain after the other, then the panels that collect what they end with."""

    def __init__(self, drawing: Drawing, at: Columns) -> None:
        self._drawing = drawing
        self._at = at
        self._ends: list[tuple[Chain, float, float]] = []

    def links(self, chain: Chain, y: float) -> None:
        """State wires: from the initial state through all cells to the final one."""
        order, half = self._at.order(chain), self._at.cell_width / 2
        ahead = -1 if chain.backwards else 1
        drawn = [column for column in order if self._at.steps[column] is not None]
        for here, there in pairwise(drawn):
            start, end = self._at.center(here, chain) + ahead * half, self._at.center(there, chain) - ahead * half
            self._drawing.wire(chain.kind, (start, y), (end, y))
        self._initial(chain, y, self._at.center(drawn[0], chain) - ahead * half)
        end = self._at.center(drawn[-1], chain) + ahead * half
        for number, one in enumerate(chain.final):
            wide = width_of([one.name, str(one.shape)]) + 14
            x = self._at.first - 18 - wide if chain.backwards else self._at.after + 14
            top = self._stacked(y, len(chain.final), number)
            self._drawing.box(Box(x, top, wide, STATE, "out", one.name), [one.name, str(one.shape)])
            edge = x + wide if chain.backwards else x
            fork = edge + (9 if chain.backwards else -9)
            line = [(end, y), (fork, y), (fork, top + STATE / 2), (edge, top + STATE / 2)]
            points = line if len(chain.final) > 1 else [(end, y), (edge, y)]
            self._drawing.wire(f"{chain.kind} strong", *points, output=one.name)
        self._ends.append((chain, end, y))

    def _initial(self, chain: Chain, y: float, entry: float) -> None:
        boxes = [(name, str(shape), "given") for name, shape in chain.initial]
        shape = str(chain.state[0]) if len(set(chain.state)) == 1 else ", ".join(map(str, chain.state))
        boxes = boxes or [(self._at.zero_name(), shape if len(shape) < 12 else str(chain.state[0]), "zero")]
        for number, (name, words, kind) in enumerate(boxes):
            wide = width_of([name, words]) + 14
            x = self._at.after + 14 if chain.backwards else self._at.first - 18 - wide
            top = self._stacked(y, len(boxes), number)
            self._drawing.box(Box(x, top, wide, STATE, kind), [name, words])
            edge = x if chain.backwards else x + wide
            join = edge + (-9 if chain.backwards else 9)
            level = top + STATE / 2
            points = (
                [(edge, level), (join, level), (join, y), (entry, y)] if len(boxes) > 1 else [(edge, y), (entry, y)]
            )
            self._drawing.wire(chain.kind, *points)

    @staticmethod
    def _stacked(middle: float, many: int, number: int) -> float:
        """Top of one of several boxes stacked around a middle."""
        return middle - (many * (STATE + 4) - 4) / 2 + number * (STATE + 4)

    def collect(self) -> float:
        """Panels right of the chains that collect final states, a slot for each chain; gives how far they go."""
        x, right = self._at.panels, 0.0
        for number, one in enumerate(collected(self._at.config)):
            wide = max(width_of([one.name, str(one.shape)]), 40) + 16
            levels = [self._level(chain, y, number) for chain, _, y in self._ends]
            self._drawing.boxes.append(Box(x, EDGE, wide, levels[-1] + 20 - EDGE, "panel out", one.name))
            self._drawing.text(x + wide / 2, EDGE + 17, one.name, "name")
            self._drawing.text(x + wide / 2, EDGE + 31, str(one.shape), "shape")
            for place, (level, (chain, end, y)) in enumerate(zip(levels, self._ends, strict=True)):
                edge = x + wide / 2 - 20
                self._drawing.box(Box(edge, level - 9, 40, 18, "slot"), [f"[{place}]"], ("",))
                turn = end + (-10 if chain.backwards else 10) - (6 * number if chain.backwards else -6 * number)
                points = [(end, y), (edge, y)] if level == y else [(end, y), (turn, y), (turn, level), (edge, level)]
                self._drawing.wire(f"{chain.kind} strong", *points, output=one.name)
            right = x + wide + EDGE
            x += wide + 12
        return right

    def _level(self, chain: Chain, y: float, number: int) -> float:
        """Y of the lane of a state behind a chain: above the initial state's box where that would be in the way."""
        if not chain.backwards and number == 0:
            return y
        stack = max((len(chain.initial) or 1) * (STATE + 4) - 4, CELL)
        return y + stack / 2 + 12 + 16 * number if chain.backwards else y + 24 * number
