"""Gradients by PyTorch's autograd, for modules of PyTorch and for Keras on PyTorch; the plain loop that trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Iterator, List, Sequence, Tuple

import numpy as np

if TYPE_CHECKING or __package__:
    from conformance.adapters import terms, torch_arrays
else:
    import terms
    import torch_arrays


def by_autograd(
    torch: Any,
    run: Callable[[terms.Inputs], Any],
    inputs: terms.Inputs,
    weights: Sequence[Any],
    weighed: terms.Weighed,
) -> terms.Gradients:
    """The gradients of what a call gives.

    Args:
        torch: the framework.
        run: makes the call, with autograd switched on.
        inputs: of the call.
        weights: the living parameters.
        weighed: finds the tensors of the result that have a weight in the loss.
    """
    leaves, outputs, cotangents = _weighed_call(run, inputs, weights, weighed)
    found = torch.autograd.grad(outputs, leaves, cotangents, allow_unused=True)
    return _taken_apart(torch, leaves, found, len(weights))


def by_autograd_twice(
    torch: Any,
    run: Callable[[terms.Inputs], Any],
    inputs: terms.Inputs,
    weights: Sequence[Any],
    weighed: terms.Weighed,
    directions: terms.Gradients,
) -> terms.Gradients:
    """How gradients change along directions: the gradients of the sum of gradients, each times its direction.

    Args:
        torch: the framework.
        run: makes the call, with autograd switched on.
        inputs: of the call.
        weights: the living parameters.
        weighed: finds the tensors of the result that have a weight in the loss.
        directions: of input, weights and initial states.
    """
    leaves, outputs, cotangents = _weighed_call(run, inputs, weights, weighed)
    first = torch.autograd.grad(outputs, leaves, cotangents, create_graph=True, allow_unused=True)
    along = [directions.x, *directions.weights, *directions.initial_state]
    curved = [pair for pair in zip(first, along) if pair[0] is not None and pair[0].requires_grad]
    if not curved:  # all is linear
        return _taken_apart(torch, leaves, [None] * len(leaves), len(weights))
    gradients, weighing = zip(*curved)
    second = torch.autograd.grad(gradients, leaves, weighing, allow_unused=True)
    return _taken_apart(torch, leaves, second, len(weights))


def _weighed_call(
    run: Callable[[terms.Inputs], Any], inputs: terms.Inputs, weights: Sequence[Any], weighed: terms.Weighed
) -> Tuple[List[Any], List[Any], List[Any]]:
    """What gradients are taken with respect to, the outputs of a call, and the weights of their elements."""
    x = inputs.x.detach().requires_grad_()
    states = [state.detach().requires_grad_() for state in inputs.initial_state or []]
    outputs, cotangents = zip(*weighed(run(inputs._replace(x=x, initial_state=states or None))))
    return [x, *weights, *states], list(outputs), list(cotangents)


def _taken_apart(torch: Any, leaves: Sequence[Any], found: Sequence[Any], count: int) -> terms.Gradients:
    """Gradients with respect to the input, to so many weights and to the states; zero where nothing depends on one."""
    derived = [torch.zeros_like(leaf) if one is None else one for leaf, one in zip(leaves, found)]
    return terms.Gradients(derived[0], derived[1 : 1 + count], derived[1 + count :])


def by_sgd(
    torch: Any, run: Callable[[terms.Inputs], Any], inputs: terms.Inputs, weights: Sequence[Any], descent: terms.Descent
) -> Iterator[List[np.ndarray[Any, Any]]]:
    """The weights after each step of the loop that everybody writes, with `torch.optim.SGD`.

    Args:
        torch: the framework.
        run: makes the call, with autograd switched on.
        inputs: of the call.
        weights: the living parameters.
        descent: what steps are taken.
    """
    for number in descent.frozen:
        weights[number].requires_grad_(False)
    if len(descent.frozen) == len(weights):  # the loss of a frozen layer depends on the layers before it
        inputs = inputs._replace(x=inputs.x.detach().requires_grad_())
    one = torch.nn.functional.mse_loss if descent.squared else lambda output, weights: (output * weights).sum()
    try:
        optimizer = torch.optim.SGD(weights, lr=descent.rate)
        for _ in range(descent.steps):
            optimizer.zero_grad()
            loss = sum(one(output, beside) for output, beside in descent.paired(run(inputs)))
            loss.backward()
            optimizer.step()
            yield [torch_arrays.numbers(torch, weight).copy() for weight in weights]
    finally:
        for weight in weights:
            weight.requires_grad_(True)
            weight.grad = None
