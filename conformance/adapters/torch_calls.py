"""A call of a module of PyTorch, taken apart, for those who make it in another way."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

States = Tuple[Any, ...]
"""(h,) or (h, c)."""

UNPACKED = ["batched", "unbatched"]
PACKED = ["packed", "packed_unsorted"]
"""Values of the option `input`."""


class Call(NamedTuple):
    """What is called, with what.

    Attributes:
        torch: the framework.
        module: the living module.
        make: gives a new module of the same kind; keywords take the place of arguments of its constructor.
        options: all of them.
        x: the input as it was sent; not yet packed.
        lengths: of the rows, for packed sequences.
        states: initial states, or None.
    """

    torch: Any
    module: Any
    make: Callable[..., Any]
    options: Dict[str, Any]
    x: Any
    lengths: Any
    states: Optional[Sequence[Any]]

    # ------------------------------------------------------------ making it

    @property
    def arguments(self) -> Tuple[Any, ...]:
        """What a plain call hands over."""
        return handed(self.packed(self.x), self.states)

    def packed(self, x: Any) -> Any:
        """An input in the place of `x`, packed if the options say so."""
        if self.form not in PACKED:
            return x
        return self.torch.nn.utils.rnn.pack_padded_sequence(
            x, self.lengths, batch_first=self.batch_first, enforce_sorted=self.form == "packed"
        )

    def plain(self, module: Any = None) -> Any:
        """What a plain call of a module gives; of the living one, if none is named."""
        return (self.module if module is None else module)(*self.arguments)

    def made(self, **changed: Any) -> Any:
        """A new module with weights of its own, in evaluation mode."""
        return self.make(**changed).eval()

    def example(self, more: int = 0, steps: int = 0) -> Tuple[Any, ...]:
        """Arguments of zeros with the shapes of this call's: more rows, if there are several, and more steps."""
        rows = more if self.several else 0
        states = None if self.states is None else [self._zeros(state, {1: rows}) for state in self.states]
        return handed(self._zeros(self.x, {self.batch_axis: rows, self.time_axis: steps}), states)

    def _zeros(self, tensor: Any, more: Mapping[int, int]) -> Any:
        shape = [size + more.get(axis, 0) for axis, size in enumerate(tensor.shape)]
        return self.torch.zeros(shape, dtype=tensor.dtype)

    # ------------------------------------------------------------ what it is like

    @property
    def form(self) -> str:
        """How the input comes: `batched`, `unbatched`, `packed` or `packed_unsorted`."""
        return str(self.options["input"])

    @property
    def batch_first(self) -> bool:
        """Whether the input is (batch, time, features)."""
        return bool(self.options["batch_first"])

    @property
    def batch_axis(self) -> int:
        """Of input and output, if they have one."""
        return 0 if self.batch_first else 1

    @property
    def time_axis(self) -> int:
        """Of input and output."""
        return 1 if self.batch_first and self.form != "unbatched" else 0

    @property
    def several(self) -> bool:
        """Whether there are several rows."""
        return self.form != "unbatched" and int(self.x.shape[self.batch_axis]) > 1

    @property
    def directions(self) -> int:
        """1 or 2."""
        return 2 if self.options["bidirectional"] else 1

    @property
    def output_size(self) -> int:
        """Features of an output of one direction."""
        return int(self.options.get("proj_size") or self.module.hidden_size)

    # ------------------------------------------------------------ its parts

    def rows(self) -> List[Any]:
        """The rows without batch axis, and without padding."""
        rows = self.x.unbind(self.batch_axis)
        if self.lengths is None:
            return list(rows)
        return [row[:length] for row, length in zip(rows, self.lengths.tolist())]

    def states_of_layer(self, layer: int) -> Optional[List[Any]]:
        """The states of both directions of one of the stacked layers."""
        if self.states is None:
            return None
        return [state.narrow(0, layer * self.directions, self.directions) for state in self.states]


def handed(x: Any, states: Optional[Sequence[Any]]) -> Tuple[Any, ...]:
    """Positional arguments of a module: the input, and the states if there are any."""
    return (x,) if states is None else (x, _nested(states))


def returned(output: Any, states: Sequence[Any]) -> Tuple[Any, Any]:
    """Output and final states as a module returns them."""
    return output, _nested(states)


def flat(states: Any) -> States:
    """Final states as a module returns them, as a tuple in any case."""
    return states if isinstance(states, tuple) else (states,)


def _nested(states: Sequence[Any]) -> Any:
    """The state itself if there is one, and else a tuple."""
    return states[0] if len(states) == 1 else tuple(states)


class Route(NamedTuple):
    """Another way to call a layer.

    Attributes:
        result: what it gives; exactly what `module(x, hx)` gives, nesting included.
        needs: option -> the values with which there is this way.
        any_module: whether every `torch.nn.Module` has it, also one of a user.
        since: the first version of PyTorch that is known to have what it needs.
    """

    result: Callable[[Call], Any]
    needs: Mapping[str, List[Any]] = MappingProxyType({})
    any_module: bool = False
    since: Tuple[int, int] = (1, 12)


def told(routes: Mapping[str, Route], version: str) -> Dict[str, Dict[str, List[Any]]]:
    """Those of some routes that a version has, with the options that they need, as `hello` tells them."""
    major, minor = version.split(".")[:2]
    now = int(major), int(minor)
    return {name: dict(route.needs) for name, route in routes.items() if route.since <= now}
