"""A layer made of cells of PyTorch, in a loop as users write it: `for x_t in x: h, c = cell(x_t, (h, c))`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Tuple

if TYPE_CHECKING or __package__:
    from conformance.adapters import claims
else:
    import claims

OPTIONS: Dict[str, List[Any]] = {"num_layers": [1], "proj_size": [0], "input": ["batched", "unbatched"]}
"""What the loop has less than a layer."""

States = Tuple[Any, ...]
"""(h,) or (h, c)."""


class CellLoop:
    """A cell for every direction, with the call of a layer.

    Args:
        torch: the module.
        cells: forward, backward.
        batch_first: whether the input is (batch, time, features).
        shape: (hidden_size,) for every state of the cell.
    """

    def __init__(self, torch: Any, cells: List[Any], batch_first: bool, shape: Sequence[Tuple[int]]) -> None:
        self.torch = torch
        self.cells = torch.nn.ModuleList(cells)
        self.batch_first = batch_first
        self.shape = shape
        self.parameters = self.cells.parameters
        self.named_parameters = self.cells.named_parameters

    def eval(self) -> CellLoop:
        """Switch to evaluation."""
        self.cells.eval()
        return self

    def __call__(self, x: Any, hx: Any = None) -> Any:
        turned = self.batch_first and x.dim() == 3
        steps = x.transpose(0, 1) if turned else x
        given = hx if hx is None or isinstance(hx, tuple) else (hx,)
        sequences, finals = [], []
        for direction, cell in enumerate(self.cells):
            states = None if given is None else tuple(state[direction] for state in given)
            order = range(len(steps)) if direction == 0 else range(len(steps))[::-1]
            sequence = []
            for step in order:
                states = self._step(cell, steps[step], states)
                sequence.append(states[0])
            sequences.append(self.torch.stack(sequence[:: order.step]))
            finals.append(states)
        output = self.torch.cat(sequences, dim=-1)
        ends = tuple(self.torch.stack(state) for state in zip(*finals))
        return output.transpose(0, 1) if turned else output, ends if len(ends) > 1 else ends[0]

    def _step(self, cell: Any, x: Any, states: Optional[States]) -> States:
        """The states after a step. Without states, a cell begins by itself if it can, and else with zeros."""
        if states is None and not claims.binds(cell.forward, x):
            states = tuple(x.new_zeros((*x.shape[:-1], *size)) for size in self.shape)
        return self._checked(cell(x) if states is None else cell(x, states if len(states) > 1 else states[0]))

    def _checked(self, result: Any) -> States:
        """What a cell returned, as a tuple; `TypeError` if it cannot be unpacked into its states."""
        parts = result if isinstance(result, (tuple, list)) else (result,)
        if len(parts) != len(self.shape) or not all(isinstance(part, self.torch.Tensor) for part in parts):
            got = ", ".join(type(part).__name__ for part in parts)
            raise TypeError("the cell returned (%s), not %s" % (got, "(h, c)" if len(self.shape) > 1 else "h"))
        return tuple(parts)


def loop(torch: Any, make: Callable[..., Any], states: int, **arguments: Any) -> CellLoop:
    """Cells in a loop.

    Args:
        torch: the module.
        make: gives a cell for its constructor arguments.
        states: how many a cell has.
        arguments: of a layer, but for those that are default.
    """
    directions = 2 if arguments.pop("bidirectional", False) else 1
    batch_first = arguments.pop("batch_first", False)
    cells = [make(**arguments) for _ in range(directions)]
    return CellLoop(torch, cells, batch_first, [(arguments["hidden_size"],)] * states)
