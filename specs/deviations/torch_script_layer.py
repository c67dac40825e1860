"""PyTorch 2.13.0: torch.jit.script of a recurrent layer gives a module that cannot be called.

The documentation of torch.jit.script says that scripting a module compiles its forward method. That of the recurrent
layers has overloads, which are compiled only where other scripted code calls them, so nothing is compiled and nothing
said; the same layer inside of another module works. Clause GEN-LIFE-4. Known: pytorch/pytorch#32976. Needs torch;
imports nothing of this project.
"""

import warnings

import torch

warnings.simplefilter("ignore", DeprecationWarning)
layer, x = torch.nn.RNN(1, 1), torch.ones(2, 1, 1)
torch.jit.script(torch.nn.Sequential(layer))(x)
try:
    torch.jit.script(layer)(x)
except AttributeError as error:
    print(f"PyTorch {torch.__version__}: deviates: {error}")
else:
    print(f"PyTorch {torch.__version__}: conforms")
