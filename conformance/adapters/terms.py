"""The terms in which an adapter describes a framework: what it must offer, and what it may.

Methods may raise anything; what they raise is reported with the stage.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Protocol, Sequence, Tuple

import numpy as np

Array = np.ndarray
Named = List[Tuple[str, "np.ndarray[Any, Any]"]]


class Inputs(NamedTuple):
    """The arguments of a call, as the framework's own tensors; None: not handed over."""

    x: Any
    mask: Any
    lengths: Any
    initial_state: Optional[List[Any]]


class Layer(Protocol):
    """One living layer."""

    def build(self) -> None:
        """Create the weights."""

    def weights(self) -> Optional[Named]:
        """Names and present values of the weights, in the API's own order; None: it has none until they are set."""

    def set_weights(self, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
        """Give all weights new values."""

    def call(self, mode: str, inputs: Inputs) -> Any:
        """What the layer returns, finished computing but otherwise untouched."""

    def reset(self) -> None:
        """Reset the states that a stateful layer keeps."""

    def unpack(self, value: Any) -> Optional[List[Any]]:
        """Data, batch sizes, padded form and lengths of a packed sequence; None for anything else."""


class Gradients(NamedTuple):
    """The gradients of a loss, in the framework's own tensors."""

    x: Any
    weights: Sequence[Any]
    initial_state: Sequence[Any]


Paired = Callable[[Any], List[Tuple[Any, Any]]]
"""From what a layer returns to the tensors in it that enter into the loss, each with the tensor that is beside it."""

Weighed = Paired
"""The same, where that tensor has the weights of the elements in the loss."""


class Differentiable(Layer, Protocol):
    """A layer that has gradients."""

    def gradients(self, mode: str, inputs: Inputs, weighed: Weighed) -> Gradients:
        """Those of the sum of all elements that `weighed` finds in the result of a call, times their weights."""


class TwiceDifferentiable(Differentiable, Protocol):
    """A layer whose gradients have gradients."""

    def curvature(self, mode: str, inputs: Inputs, weighed: Weighed, directions: Gradients) -> Gradients:
        """How these gradients change along directions of input, weights and initial states, all at once."""


class Descent(NamedTuple):
    """Steps of plain gradient descent.

    Attributes:
        steps: how many.
        rate: of learning.
        frozen: the numbers of the weights that are not trained.
        squared: whether the loss is the sum of mean squared errors; otherwise it is a weighed sum of all elements.
        beside: number of an output of the call -> its targets, or the weights of its elements.
        paired: finds these outputs in a result whose tensors have values.
    """

    steps: int
    rate: float
    frozen: Sequence[int]
    squared: bool
    beside: Dict[int, Any]
    paired: Paired


class Trained(Layer, Protocol):
    """A layer that can be trained."""

    def descend(self, inputs: Inputs, descent: Descent) -> Iterable[Sequence[np.ndarray[Any, Any]]]:
        """Copies of all weights after each step; afterwards all weights can be trained again."""


class Dropping(Layer, Protocol):
    """A layer that can be told whether it is in training."""

    def call_in(self, training: bool, seed: Optional[int], inputs: Inputs) -> Any:
        """A call in training or in use, before which the framework's random numbers start anew from a seed, if any."""


class Penalized(Layer, Protocol):
    """A layer that adds penalties to the loss."""

    def penalty(self, inputs: Inputs) -> float:
        """The sum of its penalties after a call."""


class Spec(NamedTuple):
    """What is declared of a tensor: sizes (None: not known beforehand) and the name of its type (None: not said)."""

    shape: Tuple[Optional[int], ...]
    dtype: Optional[str]


class Declaring(Layer, Protocol):
    """A layer that says beforehand what a call gives."""

    def declare(self, way: str, inputs: Inputs) -> Any:
        """As a call would nest it: `Spec` in the place of outputs, or the mask that is handed on."""


class Adapter(Protocol):
    """A framework."""

    def describe(self) -> Dict[str, Any]:
        """Dialect, versions, environment and capabilities, as `hello` answers them."""

    def construct(self, layer: str, options: Dict[str, Any], sizes: Dict[str, int], arguments: Dict[str, Any]) -> Layer:
        """Call the constructor; `arguments` replace or join those that follow from options and sizes."""

    def tensor(self, array: np.ndarray[Any, Any]) -> Any:
        """A tensor of the same type, shape and values."""

    def array(self, value: Any) -> Optional[np.ndarray[Any, Any]]:
        """The present values of a tensor, uncast and unsqueezed; None if it is not a tensor."""


class Starter(Adapter, Protocol):
    """A framework whose layers start with weights of their own."""

    def fresh(self, layer: str, options: Dict[str, Any], sizes: Dict[str, int], arguments: Dict[str, Any]) -> Layer:
        """As `construct`, with the initial weights that a layer has if nobody says anything of them."""
