"""Other ways to call a layer of PyTorch that must give what a plain call gives.

Here are copies, saved modules, parameters from elsewhere and all that can be set around a call. A layer in parts is in
torch_parts.py, compiled and exported programs are in torch_exports.py. Nothing that a route does outlasts it: what it
changes is a copy of the module, or is put back. ONNX (torch_onnx.py) and quantization (torch_quantized.py) are none of
them: they have tolerances of their own.
"""

from __future__ import annotations

import copy
import functools
import importlib
import io
from typing import TYPE_CHECKING, Any, Dict, List, Tuple

if TYPE_CHECKING or __package__:
    from conformance.adapters import torch_exports, torch_onnx, torch_parts, torch_quantized
    from conformance.adapters.torch_calls import PACKED, Call, Route, told
else:
    import torch_exports
    import torch_onnx
    import torch_parts
    import torch_quantized
    from torch_calls import PACKED, Call, Route, told

# ---------------------------------------------------------------- copies, saved and loaded


def deepcopy(call: Call) -> Any:
    """`copy.deepcopy`."""
    return call.plain(copy.deepcopy(call.module))


def saved_module(call: Call) -> Any:
    """The whole module through `torch.save` and `torch.load`."""
    return call.plain(_through_bytes(call, call.module, weights_only=False))


def saved_state_dict(call: Call) -> Any:
    """The `state_dict` through `torch.save` and `torch.load`, into a new module."""
    other = call.made()
    other.load_state_dict(_through_bytes(call, call.module.state_dict(), weights_only=True))
    return call.plain(other)


def _through_bytes(call: Call, value: Any, weights_only: bool) -> Any:
    """What is loaded is what was saved here, never a file from outside."""
    file = io.BytesIO()
    call.torch.save(value, file)
    file.seek(0)
    return call.torch.load(file, weights_only=weights_only)


def state_dict(call: Call) -> Any:
    """The `state_dict` into a copy that has other weights."""
    other = copy.deepcopy(call.module)
    for parameter in other.parameters():
        parameter.fill_(float("nan"))
    other.load_state_dict(call.module.state_dict())
    return call.plain(other)


def assigned(call: Call) -> Any:
    """A module without memory, whose parameters become those loaded: `load_state_dict(assign=True)`."""
    other = call.made(device="meta")
    other.load_state_dict(call.module.state_dict(), assign=True)
    return call.plain(other)


def swapped(call: Call) -> Any:
    """`load_state_dict` that swaps tensors in place of copying into them."""
    future, other = call.torch.__future__, call.made()
    before = future.get_swap_module_params_on_conversion()
    future.set_swap_module_params_on_conversion(True)
    try:
        other.load_state_dict(call.module.state_dict())
    finally:
        future.set_swap_module_params_on_conversion(before)
    return call.plain(other)


def float64_and_back(call: Call) -> Any:
    """A copy converted to float64 and back."""
    return call.plain(copy.deepcopy(call.module).to(call.torch.float64).to(call.torch.float32))


def to_empty(call: Call) -> Any:
    """A copy that lost its memory, got new memory, and its weights again."""
    other = copy.deepcopy(call.module).to("meta").to_empty(device="cpu")
    other.load_state_dict(call.module.state_dict())
    return call.plain(other)


# ---------------------------------------------------------------- where parameters come from


def functional_call(call: Call) -> Any:
    """`torch.func.functional_call` of another module with these parameters."""
    return call.torch.func.functional_call(call.made(), dict(call.module.named_parameters()), call.arguments)


def functional_call_of_itself(call: Call) -> Any:
    """`torch.func.functional_call` of the living module with copies of its parameters."""
    parameters = {name: parameter.clone() for name, parameter in call.module.named_parameters()}
    return call.torch.func.functional_call(call.module, parameters, call.arguments)


def tied(call: Call) -> Any:
    """Another module that shares these parameters."""
    other = call.made()
    for name, parameter in call.module.named_parameters():
        setattr(other, name, parameter)
    return call.plain(other)


def parametrized(call: Call) -> Any:
    """Recurrent weights computed from others, which are their negatives, by `torch.nn.utils.parametrize`."""

    class Negated(call.torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, weight: Any) -> Any:
            return -weight

        def right_inverse(self, weight: Any) -> Any:
            return -weight

    other = copy.deepcopy(call.module)
    for name in _names(other, "weight_hh"):
        call.torch.nn.utils.parametrize.register_parametrization(other, name, Negated())
    return call.plain(other)


def pruned(call: Call) -> Any:
    """`torch.nn.utils.prune` that leaves out nothing."""
    prune, other = importlib.import_module("torch.nn.utils.prune"), copy.deepcopy(call.module)
    for name in _names(other, "weight"):
        prune.identity(other, name)
    return call.plain(other)


def _names(module: Any, beginning: str) -> List[str]:
    """The parameters whose names begin so."""
    return [name for name, _ in module.named_parameters() if name.startswith(beginning)]


def parts_of_vector(call: Call) -> Any:
    """Parameters that are parts of one vector."""
    other, utilities = call.made(), call.torch.nn.utils
    vector = utilities.parameters_to_vector(call.module.parameters())
    utilities.vector_to_parameters(vector, other.parameters())
    return call.plain(other)


def strided_parameters(call: Call) -> Any:
    """Parameters with gaps between their elements in memory."""
    other = copy.deepcopy(call.module)
    for parameter in other.parameters():
        parameter.data = _strided(call.torch, parameter.data)
    return call.plain(other)


def flatten_parameters(call: Call) -> Any:
    """After `flatten_parameters`."""
    other = copy.deepcopy(call.module)
    other.flatten_parameters()
    return call.plain(other)


# ---------------------------------------------------------------- arguments


def keywords(call: Call) -> Any:
    """Arguments by the names that `forward` gives them."""
    return call.module(**dict(zip(("input", "hx"), call.arguments)))


def strided(call: Call) -> Any:
    """Input and states with gaps between their elements in memory."""
    states = None if call.states is None else [_strided(call.torch, state) for state in call.states]
    return call._replace(x=_strided(call.torch, call.x), states=states).plain()


def _strided(torch: Any, tensor: Any) -> Any:
    """The same values, with gaps between them and the axes in reverse order in memory."""
    roomy = torch.zeros([2 * size for size in reversed(tensor.shape)], dtype=tensor.dtype)
    every_other = roomy[tuple(slice(None, None, 2) for _ in tensor.shape)]
    return every_other.permute(*reversed(range(tensor.dim()))).copy_(tensor)


# ---------------------------------------------------------------- what is around it


def inference_mode(call: Call) -> Any:
    """`torch.inference_mode`."""
    with call.torch.inference_mode():
        return call.plain()


def train_mode(call: Call) -> Any:
    """In train mode, where there is no dropout."""
    return call.plain(copy.deepcopy(call.module).train())


def gradients(call: Call, trainable: Tuple[str, ...] = ("",)) -> Any:
    """While gradients are recorded, for the parameters whose names begin so; for the input only if that is all."""
    other = copy.deepcopy(call.module)
    for name, parameter in other.named_parameters():
        parameter.requires_grad_(name.startswith(trainable))
    with call.torch.enable_grad():
        return call._replace(x=call.x.clone().requires_grad_(trainable == ("",))).plain(other)


def checkpoint(call: Call) -> Any:
    """`torch.utils.checkpoint`."""
    run = importlib.import_module("torch.utils.checkpoint").checkpoint
    with call.torch.enable_grad():
        return run(call.module, *call.arguments, use_reentrant=False)


def vjp(call: Call) -> Any:
    """The value that `torch.func.vjp` gives beside a function for gradients. It wants functions that return tensors."""

    def function(x: Any) -> Any:
        output, states = call._replace(x=x).plain()
        return (output.data if call.form in PACKED else output), states

    output, states = call.torch.func.vjp(function, call.x)[0]
    return (call.packed(call.x)._replace(data=output) if call.form in PACKED else output), states


def hooks(call: Call) -> Any:
    """With hooks that do nothing."""
    other = copy.deepcopy(call.module)
    other.register_forward_pre_hook(lambda *_: None)
    other.register_forward_hook(lambda *_: None)
    other.register_full_backward_hook(lambda *_: None)
    with call.torch.enable_grad():
        return call.plain(other)


def without_onednn(call: Call) -> Any:
    """With oneDNN switched off."""
    with call.torch.backends.mkldnn.flags(enabled=False):
        return call.plain()


def two_threads(call: Call) -> Any:
    """Two threads inside of operations."""
    before = call.torch.get_num_threads()
    call.torch.set_num_threads(2)
    try:
        return call.plain()
    finally:
        call.torch.set_num_threads(before)


def deterministic(call: Call) -> Any:
    """Deterministic algorithms, which also fill new memory with NaN before it is used."""
    before = call.torch.are_deterministic_algorithms_enabled()
    call.torch.use_deterministic_algorithms(True)
    try:
        return call.plain()
    finally:
        call.torch.use_deterministic_algorithms(before)


def other_default_dtype(call: Call) -> Any:
    """While new tensors are of another type if nothing is said."""
    torch, before = call.torch, call.torch.get_default_dtype()
    torch.set_default_dtype(torch.float32 if call.x.dtype == torch.float64 else torch.float64)
    try:
        return call.plain()
    finally:
        torch.set_default_dtype(before)


# ---------------------------------------------------------------- all of them

ROUTES: Dict[str, Route] = {
    **torch_parts.ROUTES,
    "deepcopy": Route(deepcopy, any_module=True),
    "saved_module": Route(saved_module, since=(1, 13)),
    "saved_state_dict": Route(saved_state_dict, since=(1, 13)),
    "state_dict": Route(state_dict, any_module=True),
    "assigned_state_dict": Route(assigned, since=(2, 1)),
    "swapped_state_dict": Route(swapped, since=(2, 3)),
    "float64_and_back": Route(float64_and_back, {"dtype": ["float32"]}),
    "to_empty": Route(to_empty),
    "functional_call": Route(functional_call, since=(2, 0)),
    "functional_call_of_itself": Route(functional_call_of_itself, any_module=True, since=(2, 0)),
    "tied_parameters": Route(tied),
    "parametrized": Route(parametrized),
    "pruned_by_nothing": Route(pruned),
    "parts_of_vector": Route(parts_of_vector),
    "strided_parameters": Route(strided_parameters),
    "flatten_parameters": Route(flatten_parameters),
    "keywords": Route(keywords),
    "strided": Route(strided, any_module=True),
    "inference_mode": Route(inference_mode, any_module=True),
    "train_mode": Route(train_mode),
    "gradients": Route(gradients, any_module=True),
    "gradients_of_recurrent_weights": Route(functools.partial(gradients, trainable=("weight_hh",))),
    "checkpoint": Route(checkpoint),
    "vjp": Route(vjp, since=(2, 0)),
    "hooks": Route(hooks),
    "without_onednn": Route(without_onednn, any_module=True),
    "two_threads": Route(two_threads, any_module=True),
    "deterministic": Route(deterministic),
    "other_default_dtype": Route(other_default_dtype),
    **torch_exports.ROUTES,
}


def offered(version: str, any_module: bool) -> Dict[str, Dict[str, List[Any]]]:
    """The routes with the options that they need, as `hello` tells them.

    Args:
        version: of PyTorch.
        any_module: whether only those are meant that every `torch.nn.Module` has.
    """
    return told({name: route for name, route in ROUTES.items() if route.any_module or not any_module}, version)


HALF: Dict[str, str] = {"autocast_float16": "float16", "autocast_bfloat16": "bfloat16"}
"""No routes, because what they give is rounded to half precision: the ways to `torch.autocast`, and its type."""


def follow(name: str, call: Call) -> Any:
    """What a route, or another runtime or a quantized layer, gives; `ValueError` if there is none of that name."""
    if name in HALF:
        with call.torch.autocast("cpu", dtype=getattr(call.torch, HALF[name])):
            return call.plain()
    known = {**ROUTES, **torch_onnx.RUNTIMES, **torch_quantized.WAYS}
    if name not in known:
        raise ValueError("there is no mode %r; there are eager and the routes %s" % (name, ", ".join(known)))
    return known[name].result(call)
