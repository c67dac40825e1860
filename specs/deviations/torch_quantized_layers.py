"""PyTorch 2.13.0: dynamic quantization refuses LSTM and GRU without bias, projections, and unbatched input.

The documentation of the quantized LSTM says "We adopt the same interface as torch.nn.LSTM", and that of
quantize_dynamic names no options that it does not take. Clause TORCH-DTYPE-3. The interface is deprecated. Needs torch;
imports nothing of this project.
"""

import warnings

import torch

warnings.simplefilter("ignore")


def refusal(unbatched: bool, **options: object) -> str:
    """What is said instead of a result; empty if there is one."""
    layer = torch.nn.LSTM(2, 3, **options).eval()
    x = torch.ones(4, 2) if unbatched else torch.ones(4, 1, 2)
    try:
        model = torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(layer), {torch.nn.LSTM})
        got = model(x)[0]
    except Exception as error:
        return str(error).splitlines()[0]
    return "" if torch.allclose(got, layer(x)[0], atol=0.1) else f"{got}, expected about {layer(x)[0]}"


asked = {
    "bias=False": refusal(False, bias=False),
    "proj_size=1": refusal(False, proj_size=1),
    "unbatched input": refusal(True),
}
found = [f"{what}: {said}" for what, said in asked.items() if said]
print(f"PyTorch {torch.__version__}: {'deviates: ' + '; '.join(found) if found else 'conforms'}")
