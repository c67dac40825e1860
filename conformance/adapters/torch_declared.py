"""Ways in which a module of PyTorch says beforehand what a call gives: shapes are propagated without any numbers."""

from __future__ import annotations

import copy
import importlib
from typing import TYPE_CHECKING, Any, Callable, Dict

if TYPE_CHECKING or __package__:
    from conformance.adapters import terms
    from conformance.adapters.torch_calls import UNPACKED, Call, handed
else:
    import terms
    from torch_calls import UNPACKED, Call, handed


def meta(call: Call) -> Any:
    """On the device `meta`, whose tensors have no memory."""
    states = None if call.states is None else [state.to("meta") for state in call.states]
    return _specs(call, copy.deepcopy(call.module).to("meta")(*handed(call.x.to("meta"), states)))


def fake(call: Call) -> Any:
    """Under `FakeTensorMode`, by which compilers learn shapes."""
    mode = importlib.import_module("torch._subclasses.fake_tensor").FakeTensorMode(allow_non_fake_inputs=True)
    states = None if call.states is None else [mode.from_tensor(state) for state in call.states]
    module = copy.deepcopy(call.module)
    with mode:
        return _specs(call, module(*handed(mode.from_tensor(call.x), states)))


def _specs(call: Call, value: Any) -> Any:
    if isinstance(value, call.torch.Tensor):
        return terms.Spec(tuple(int(size) for size in value.shape), str(value.dtype).rpartition(".")[2])
    if isinstance(value, (tuple, list)):
        return type(value)([_specs(call, part) for part in value])
    return value


WAYS: Dict[str, Callable[[Call], Any]] = {"meta": meta, "fake": fake}


def offered(version: str) -> Dict[str, Any]:
    """The ways of a version, as `hello` tells them; none before 2.0: `meta` had few operations yet, `fake` is younger.

    Packed sequences are made of numbers (their lengths), which these do without.
    """
    if int(version.split(".")[0]) < 2:
        return {}
    return {name: {"of": "outputs", "needs": {"input": UNPACKED}} for name in WAYS}


def declare(name: str, call: Call) -> Any:
    """What a way declares; `ValueError` if there is none of that name."""
    if name not in WAYS:
        raise ValueError("there is no way %r to declare; there are %s" % (name, ", ".join(WAYS)))
    return WAYS[name](call)
