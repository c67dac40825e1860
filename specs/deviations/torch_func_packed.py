"""PyTorch 2.13.0: torch.func.vjp and grad raise where a recurrent layer reads a packed sequence.

Under a transform the batch sizes, which _pack_padded_sequence returns, are wrapped tensors without storage, and the
layer reads their memory. The documented limitations of torch.func have nothing on it, and torch.autograd gives this
gradient. Clause GEN-LIFE-4. Known: pytorch/functorch#629. Needs torch; imports nothing of this project.
"""

import torch

layer = torch.nn.RNN(1, 1)


def function(x: torch.Tensor) -> torch.Tensor:
    """The sum of what the layer gives for one packed sequence of two steps."""
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, [2])
    return layer(packed)[0].data.sum()


x = torch.ones(2, 1, 1)
expected = torch.autograd.functional.vjp(function, x)[1]
try:
    got = torch.func.grad(function)(x)
except RuntimeError as error:
    print(f"PyTorch {torch.__version__}: deviates: {error}")
else:
    print(f"PyTorch {torch.__version__}: {'conforms' if torch.equal(got, expected) else f'deviates: {got}'}")
