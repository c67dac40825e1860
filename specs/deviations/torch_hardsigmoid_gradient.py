"""PyTorch 2.13: the gradient of hardsigmoid in float64 has the precision of float32.

The documentation gives x / 6 + 1 / 2 between -3 and 3, whose slope is 1 / 6; the backward pass on the CPU multiplies by
`1.0f / 6.0f`, a constant of float32. So do layers of Keras on torch with recurrent_activation="hard_sigmoid". Clauses
GEN-GRAD-1, KERAS-DTYPE-1. Needs torch; imports nothing of this project.
"""

import torch

x = torch.zeros((), dtype=torch.float64, requires_grad=True)
torch.nn.functional.hardsigmoid(x).backward()
got, expected = float(x.grad), 1 / 6
verdict = "conforms" if abs(got - expected) < 1e-15 else "deviates"
print(f"PyTorch {torch.__version__}: {verdict}: the slope of hardsigmoid at 0 is {got!r}, should be {expected!r}")
