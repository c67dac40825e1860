"""PyTorch 2.13.0: in bfloat16, NaN in one row of a batch reaches other rows, on CPUs with AMX and an odd `input_size`.

The product of an odd number of features reads one element of the next row and multiplies it by a zero of padding; NaN
times zero is NaN. Without oneDNN (`torch.backends.mkldnn.flags(enabled=False)`) it does not. Clauses GEN-ROWS-1,
GEN-NAN-1. Known for other sizes: uxlfoundation/oneDNN#5717, mended there by #5723. Needs torch and a CPU with AMX;
on any other it conforms. Imports nothing of this project.
"""

import torch

torch.manual_seed(0)
layer = torch.nn.GRU(3, 16, batch_first=True).bfloat16()
x = torch.ones(8, 4, 3, dtype=torch.bfloat16)
x[-1] = float("nan")
with torch.no_grad():
    leaked = int(torch.isnan(layer(x)[0][:-1]).sum())
verdict = "deviates" if leaked else "conforms"
print(f"PyTorch {torch.__version__}: {verdict}: {leaked} elements of the rows without NaN are NaN, should be 0")
