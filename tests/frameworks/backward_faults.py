"""Modules whose outputs are right and whose gradients are not. Imported by workers alone."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

ONE_WAY: dict[str, list[Any]] = {
    "bias": [True, False],
    "batch_first": [False, True],
    "hx": [False, True],
    "dtype": ["float32", "float64"],
}


class OwnLSTM(torch.nn.Module):
    """A right one: a loop over steps, with batched input."""

    options: ClassVar = ONE_WAY

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, batch_first: bool = False) -> None:
        super().__init__()
        rows, self.batch_first = 4 * hidden_size, batch_first
        shapes = [(rows, input_size), (rows, hidden_size), *([(rows,), (rows,)] if bias else [])]
        self.all = torch.nn.ParameterList(torch.zeros(shape) for shape in shapes)

    def forward(self, x: Any, hx: Any = None) -> Any:
        kernel, recurrent_kernel, *biases = self.all
        steps = x.transpose(0, 1) if self.batch_first else x
        zeros = x.new_zeros(steps.shape[1], recurrent_kernel.shape[1])
        h, c = (state[0] for state in hx) if hx else (zeros, zeros)
        output = []
        for step in steps:
            i, f, g, o = (step @ kernel.T + h @ recurrent_kernel.T + sum(biases)).chunk(4, dim=1)
            c = f.sigmoid() * self.before(c) + i.sigmoid() * g.tanh()
            h = o.sigmoid() * self.tanh(c)
            output.append(h)
        return torch.stack(output, dim=1 if self.batch_first else 0), (h[None], c[None])

    def before(self, c: Any) -> Any:
        return c

    def tanh(self, c: Any) -> Any:
        return c.tanh()


class CellDetached(OwnLSTM):
    """The cell state before is taken for a constant."""

    def before(self, c: Any) -> Any:
        return c.detach()


class _Tanh(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Any) -> Any:
        context.save_for_backward(x)
        return x.tanh()

    @staticmethod
    def backward(context: Any, gradient: Any) -> Any:
        return gradient * (1 - context.saved_tensors[0] ** 2)


class WrongSlope(OwnLSTM):
    """The slope of tanh is taken at its input instead of its output."""

    def tanh(self, c: Any) -> Any:
        return _Tanh.apply(c)


class SecondBiasForgotten(torch.nn.GRU):
    """The recurrent biases get no gradient."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, parameter in self.named_parameters():
            if name.startswith("bias_hh"):
                parameter.register_hook(torch.zeros_like)


class BackwardStateDetached(torch.nn.GRU):
    """The initial state of the backward direction is taken for a constant."""

    def forward(self, x: Any, hx: Any = None) -> Any:
        if hx is not None and self.bidirectional:
            hx = torch.stack([state.detach() if place % 2 else state for place, state in enumerate(hx)])
        return super().forward(x, hx)


class PackedStateDetached(torch.nn.RNN):
    """The final state of packed sequences, some of which end early, is taken for a constant."""

    def forward(self, x: Any, hx: Any = None) -> Any:
        output, h = super().forward(x, hx)
        return output, (h if isinstance(x, torch.Tensor) else h.detach() + 0 * h)
