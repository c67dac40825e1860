"""Runs ONNX nodes with ONNX Runtime, in an interpreter that has it: `python onnx_runtime_worker.py FOLDER`.

For every case.json of the folder's subfolders it reads x.npy and the node's arrays, and writes Y, Y_h (and Y_c).
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OPERATORS = {"simple_rnn": "RNN", "gru": "GRU", "lstm": "LSTM"}


def run(folder):
    case = json.loads((folder / "case.json").read_text())
    arrays = [np.load(folder / f"{k}.npy") for k in range(case["arrays"])]
    x, names = np.load(folder / "x.npy"), ["W", "R", "B"][: case["arrays"]]
    outputs = ["Y", "Y_h", "Y_c"][: 3 if case["layer"] == "lstm" else 2]
    node = helper.make_node(OPERATORS[case["layer"]], ["X", *names], outputs, **case["attributes"])
    graph = helper.make_graph(
        [node],
        "one_node",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, x.shape)],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * (4 if name == "Y" else 3))
            for name in outputs
        ],
        [numpy_helper.from_array(array, name) for name, array in zip(names, arrays, strict=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for name, value in zip(outputs, session.run(outputs, {"X": x}), strict=True):
        np.save(folder / f"{name}.npy", value)


if __name__ == "__main__":
    for path in sorted(Path(sys.argv[1]).glob("*/case.json")):
        run(path.parent)
