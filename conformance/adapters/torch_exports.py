"""Ways to a result of PyTorch through compiled and exported programs.

Programs are made with an example of zeros and then run with the input of the call, so that nothing that was computed
with the example can pass for a result. ONNX is in torch_onnx.py.
"""

from __future__ import annotations

import copy
import importlib
import io
import sys
from typing import TYPE_CHECKING, Any, Dict, Tuple

if TYPE_CHECKING:
    Tensor = Any  # TorchScript knows this name

if TYPE_CHECKING or __package__:
    from conformance.adapters.torch_calls import UNPACKED, Call, Route, handed
else:
    from torch_calls import UNPACKED, Call, Route, handed

# ---------------------------------------------------------------- torch.compile


def compiled(call: Call) -> Any:
    """`torch.compile` as users call it. By default, Dynamo lets the layers of PyTorch run as they are."""
    call.torch.compiler.reset()  # or what was compiled for other layers counts against the limit of recompilations
    return call.torch.compile(call.module, backend="eager")(*call.arguments)


def compiled_whole(call: Call) -> Any:
    """`torch.compile` of all that happens inside of the layer, through AOTAutograd."""
    call.torch.compiler.reset()
    with importlib.import_module("torch._dynamo").config.patch(allow_rnn=True):
        return call.torch.compile(call.module, backend="aot_eager", fullgraph=True)(*call.arguments)


# ---------------------------------------------------------------- torch.export


def exported(call: Call) -> Any:
    """`torch.export`."""
    return _exported(call).module()(*call.arguments)


def exported_saved(call: Call) -> Any:
    """`torch.export`, saved and loaded."""
    file = io.BytesIO()
    call.torch.export.save(_exported(call), file)
    file.seek(0)
    return call.torch.export.load(file).module()(*call.arguments)


def exported_decomposed(call: Call) -> Any:
    """`torch.export`, taken apart into core operations."""
    return _exported(call).run_decompositions().module()(*call.arguments)


def exported_dynamic(call: Call) -> Any:
    """`torch.export` for any batch, with an example that has another."""
    program = call.torch.export.export(call.module, call.example(more=1), dynamic_shapes=dynamic(call))
    return program.module()(*call.arguments)


def _exported(call: Call) -> Any:
    return call.torch.export.export(call.module, call.example())


def dynamic(call: Call) -> Tuple[Any, ...]:
    """The batch axis of input and states as dynamic, nested as the arguments of a call.

    A batch of 1 stays as it is, for torch.export documents that it specialises on 0 and 1; and so do the steps, because
    it documents that a loop over a size is unrolled.
    """
    any_size = call.torch.export.Dim.DYNAMIC
    x = {call.batch_axis: any_size} if call.several else {}
    states = None if call.states is None else [{1: any_size} if call.several else {} for _ in call.states]
    return handed(x, states)


# ---------------------------------------------------------------- TorchScript


def traced(call: Call) -> Any:
    """`torch.jit.trace`."""
    return call.torch.jit.trace(call.module, call.example(), check_trace=False)(*call.arguments)


def scripted(call: Call) -> Any:
    """`torch.jit.script`."""
    return call.torch.jit.script(call.module)(*call.arguments)


def scripted_model(call: Call) -> Any:
    """`torch.jit.script` of a model that has the layer in it."""

    class Model(call.torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layer = call.module

    class Plain(Model):
        def forward(self, x: Tensor) -> Any:
            return self.layer(x)

    class OneState(Model):
        def forward(self, x: Tensor, h: Tensor) -> Any:
            return self.layer(x, h)

    class TwoStates(Model):
        def forward(self, x: Tensor, h: Tensor, c: Tensor) -> Any:
            return self.layer(x, (h, c))

    states = call.states or []
    return call.torch.jit.script([Plain, OneState, TwoStates][len(states)]())(call.x, *states)


def scripted_after_functional_call(call: Call) -> Any:
    """`torch.jit.script` of a model whose layer had other parameters for one call: `torch.func.functional_call`."""
    module = copy.deepcopy(call.module)
    others = {name: call.torch.zeros_like(parameter) for name, parameter in module.named_parameters()}
    call.torch.func.functional_call(module, others, call.arguments)
    return scripted_model(call._replace(module=module))


# ---------------------------------------------------------------- all of them

TENSORS = {"input": UNPACKED}
"""A packed sequence is no tensor; programs take and return tensors."""

ROUTES: Dict[str, Route] = {
    "compile": Route(compiled, since=(2, 1)),
    "compile_whole": Route(compiled_whole, TENSORS, since=(2, 6)),
    "export": Route(exported, TENSORS, since=(2, 3)),
    "export_saved": Route(exported_saved, TENSORS, since=(2, 3)),
    "export_decomposed": Route(exported_decomposed, TENSORS, since=(2, 3)),
    "export_dynamic": Route(exported_dynamic, TENSORS, since=(2, 6)),
}

if sys.version_info < (3, 14):  # for later ones, the documentation says that there is no TorchScript
    ROUTES.update(
        jit_trace=Route(traced, TENSORS),
        jit_script=Route(scripted, TENSORS),
        jit_script_model=Route(scripted_model, TENSORS),
        jit_script_after_functional_call=Route(scripted_after_functional_call, TENSORS, since=(2, 0)),
    )
