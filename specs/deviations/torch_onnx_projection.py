"""PyTorch 2.13.0 with onnxscript 0.7.2: torch.onnx.export writes a model of a projected LSTM that no runtime can run.

The operator LSTM of ONNX has no projection. The exporter counts two or four weights for every direction where there are
three or five, passes over the projection without a word, and writes initial states of two sizes, which the operator
forbids. Clause GEN-LIFE-5. Needs torch, onnx, onnxscript and onnxruntime; imports nothing of this project.
"""

import io

import onnxruntime
import torch

x = torch.ones(2, 1, 3)
layer = torch.nn.LSTM(3, 2, proj_size=1).eval()
file = io.BytesIO()
try:
    torch.onnx.export(layer, (x,), dynamo=True, verbose=False).save(file)
    session = onnxruntime.InferenceSession(file.getvalue())
    got = torch.from_numpy(session.run(None, {"input": x.numpy()})[0])
except Exception as error:
    print(f"PyTorch {torch.__version__}: deviates: {str(error).splitlines()[0]}")
else:
    same = torch.allclose(got, layer(x)[0], atol=1e-6)
    print(f"PyTorch {torch.__version__}: {'conforms' if same else f'deviates: {got}'}")
