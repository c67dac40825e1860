"""PyTorch 2.13.0: torch.func.vmap raises over RNN, GRU, LSTM and LSTMCell, where calls one by one work.

The operators of these layers take a list of tensors and have no batching rule, and the fallback that serves RNNCell and
GRUCell takes no lists. The documented limitations of vmap have nothing on it. Clause GEN-LIFE-4. Known:
pytorch/pytorch#134606. Needs torch; imports nothing of this project.
"""

import torch

found = []
for kind in (torch.nn.RNN, torch.nn.GRU, torch.nn.LSTM, torch.nn.LSTMCell):
    layer = kind(1, 1)
    x = torch.ones(3, 1) if kind is torch.nn.LSTMCell else torch.ones(3, 2, 1)  # three rows; of two steps
    expected = torch.stack([layer(row)[0] for row in x])
    try:
        got = torch.func.vmap(layer)(x)[0]
    except RuntimeError as error:
        found.append(f"{kind.__name__}: {error}")
    else:
        if not torch.allclose(got, expected):
            found.append(f"{kind.__name__}: {got}, expected {expected}")
print(f"PyTorch {torch.__version__}: {'deviates: ' + '; '.join(found) if found else 'conforms'}")
