"""Modules and cells in the place of PyTorch's, right and wrong. Imported by workers alone."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

A_BATCH: dict[str, list[Any]] = {
    "bias": [True, False],
    "batch_first": [False, True],
    "hx": [False, True],
    "dtype": ["float32", "float64"],
}


class FastLSTM(torch.nn.Module):
    """Right, one direction, batched input; takes no `dtype`."""

    options: ClassVar = A_BATCH
    order: ClassVar = [0, 1, 2, 3]

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, batch_first: bool = False) -> None:
        super().__init__()
        rows, self.batch_first = 4 * hidden_size, batch_first
        shapes = [(rows, input_size), (rows, hidden_size), *([(rows,), (rows,)] if bias else [])]
        self.all = torch.nn.ParameterList(torch.full(shape, 7.0) for shape in shapes)

    def forward(self, x: Any, hx: Any = None) -> Any:
        kernel, recurrent_kernel, *biases = self.all
        steps = x.transpose(0, 1) if self.batch_first else x
        zeros = x.new_zeros(steps.shape[1], recurrent_kernel.shape[1])
        h, c = (state[0] for state in hx) if hx else (zeros, zeros)
        output = []
        for step in steps:
            blocks = (step @ kernel.T + h @ recurrent_kernel.T + sum(biases)).chunk(4, dim=1)
            i, f, g, o = (blocks[place] for place in self.order)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            output.append(h)
        return torch.stack(output, dim=1 if self.batch_first else 0), (h[None], c[None])


class SwappedGates(FastLSTM):
    order: ClassVar = [0, 1, 3, 2]


class OneByOne(FastLSTM):
    """Takes one sequence at a time."""

    sizes: ClassVar = {"batch": [1]}

    def forward(self, x: Any, hx: Any = None) -> Any:
        if x.shape[0 if self.batch_first else 1] != 1:
            raise ValueError("one sequence is all that works")
        return super().forward(x, hx)


class Derived(torch.nn.LSTM):
    """The framework's own, with all claims."""

    rejections: ClassVar = True
    initial_weights: ClassVar = True


class OwnStart(Derived):
    def reset_parameters(self) -> None:
        for parameter in self.parameters():
            torch.nn.init.constant_(parameter, 100.0)


class PlainGRUCell(torch.nn.Module):
    """A right GRU cell that must be given its state."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        super().__init__()
        rows = 3 * hidden_size
        shapes = [(rows, input_size), (rows, hidden_size), *([(rows,), (rows,)] if bias else [])]
        self.all = torch.nn.ParameterList(torch.zeros(shape) for shape in shapes)

    def forward(self, x: Any, h: Any) -> Any:
        kernel, recurrent_kernel, *biases = self.all
        bias, recurrent_bias = biases or (0, 0)
        r, z, n = (x @ kernel.T + bias).chunk(3, dim=-1)
        hr, hz, hn = (h @ recurrent_kernel.T + recurrent_bias).chunk(3, dim=-1)
        return self.mixed((z + hz).sigmoid(), h, (n + (r + hr).sigmoid() * hn).tanh())

    def mixed(self, z: Any, h: Any, n: Any) -> Any:
        return z * h + (1 - z) * n


class InvertedUpdate(PlainGRUCell):
    def mixed(self, z: Any, h: Any, n: Any) -> Any:
        return super().mixed(1 - z, h, n)


# ---------------------------------------------------------------- bad input


class NeedsHeads(FastLSTM):
    def __init__(self, input_size: int, hidden_size: int, heads: int) -> None:
        super().__init__(input_size, hidden_size)


class RaisesWhenMade(FastLSTM):
    def __init__(self, input_size: int, hidden_size: int) -> None:
        raise NotImplementedError("to do")


class NotAModule:
    def __init__(self, input_size: int, hidden_size: int) -> None: ...


class ThreeGates(FastLSTM):
    def __init__(self, input_size: int, hidden_size: int) -> None:
        torch.nn.Module.__init__(self)
        self.all = torch.nn.ParameterList([torch.zeros(3 * hidden_size, input_size)])


class OddClaims(FastLSTM):
    options: ClassVar = {"bais": [True]}


def returning(result: Any) -> type[FastLSTM]:
    class Returning(FastLSTM):
        def forward(self, x: Any, hx: Any = None) -> Any:
            return result(x)

    return Returning


ReturnsNone = returning(lambda x: None)
ReturnsRagged = returning(lambda x: [[x[0, 0]], [0.5]])
ReturnsOutputAlone = returning(lambda x: x)


class TextCell(torch.nn.LSTMCell):
    def forward(self, x: Any, hx: Any = None) -> Any:
        return "h", "c"


class BareCell(torch.nn.LSTMCell):
    def forward(self, x: Any, hx: Any = None) -> Any:
        return super().forward(x, hx)[0]


not_a_class = "text"
