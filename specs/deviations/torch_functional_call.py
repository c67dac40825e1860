"""PyTorch 2.13.0: torch.func.functional_call leaves the parameters that it was given in RNN, GRU and LSTM.

It is documented to call a module "by replacing the module parameters and buffers with the provided ones"; afterwards
`module._flat_weights` still holds those, until the next plain call. A program of torch.jit.script that is made before
that computes with them. Clause GEN-LIFE-4. Needs torch; imports nothing of this project.
"""

import torch


class Model(torch.nn.Module):
    """A layer in a model, as torch.jit.script takes it."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor):
        """What the layer gives."""
        return self.layer(x)


found = []
for kind in (torch.nn.RNN, torch.nn.GRU, torch.nn.LSTM):
    layer, x = kind(1, 1), torch.ones(2, 1, 1)
    expected = layer(x)[0]
    others = {name: torch.zeros_like(weight) for name, weight in layer.named_parameters()}
    torch.func.functional_call(layer, others, (x,))
    got = torch.jit.script(Model(layer))(x)[0]
    if not torch.allclose(got, expected):
        found.append(f"{kind.__name__}: {got.flatten().tolist()}, expected {expected.flatten().tolist()}")
print(f"PyTorch {torch.__version__}: {'deviates: ' + '; '.join(found) if found else 'conforms'}")
