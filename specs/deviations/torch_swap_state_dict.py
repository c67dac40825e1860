"""PyTorch 2.13.0: a recurrent layer cannot load a state_dict while parameters are to be swapped.

The documentation of set_swap_module_params_on_conversion lists load_state_dict among the methods that swap the existing
parameters. swap_tensors refuses a tensor that a weak reference points to, and RNNBase keeps weak references to all
parameters of its own. RNNBase._apply drops them before it swaps, so Module.to works; load_state_dict does not. A cell
or a Linear layer loads. Clause GEN-LIFE-4. Needs torch; imports nothing of this project.
"""

import torch

torch.__future__.set_swap_module_params_on_conversion(True)
weights = torch.nn.RNN(1, 1).state_dict()
try:
    torch.nn.RNN(1, 1).load_state_dict(weights)
except RuntimeError as error:
    print(f"PyTorch {torch.__version__}: deviates: {str(error).splitlines()[1].strip()}")
else:
    print(f"PyTorch {torch.__version__}: conforms")
