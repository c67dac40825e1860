"""PyTorch 2.13: hardsigmoid has no second derivative, which relu6 of the same formula has.

hardsigmoid(x) is documented as x / 6 + 1 / 2 between -3 and 3, and 0 or 1 beyond: relu6(x + 3) / 6. Its slope can be
asked for, but not how that changes: "derivative for aten::hardsigmoid_backward is not implemented". So it is with
layers of Keras on torch with activation or recurrent_activation "hard_sigmoid"; on TensorFlow and JAX they have one.
Clause GEN-GRAD-4. Needs torch; imports nothing of this project.
"""

import torch


def second(function):
    """The second derivative at 1/2, or what is raised."""
    x = torch.tensor(0.5, requires_grad=True)
    (slope,) = torch.autograd.grad(function(x), x, create_graph=True)
    try:
        return float(torch.autograd.grad(slope, x)[0])
    except RuntimeError as error:
        return f"RuntimeError: {error}"


expected, got = second(lambda x: torch.nn.functional.relu6(x + 3) / 6), second(torch.nn.functional.hardsigmoid)
verdict = "conforms" if got == expected else "deviates"
print(f"PyTorch {torch.__version__}: {verdict}: by its formula {expected}, by hardsigmoid {got}")
