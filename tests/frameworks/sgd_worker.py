"""Trains layers, in an interpreter that has the framework: `python sgd_worker.py torch|keras FOLDER`.

For every NAME.json (a configuration in canonical form) and NAME.npz (x, weights.K, cotangent.output) of the folder it
writes NAME.out.npz: K.J is weight J after K + 1 steps of SGD. The loss is the sum of the output times the cotangent.
"""

import json
import sys
from pathlib import Path

import numpy as np

RATE = 0.125
STEPS = 3


def named(data, prefix):
    """Arrays prefix.0, prefix.1, ... as a list."""
    return [data[f"{prefix}.{k}"] for k in range(sum(name.startswith(prefix + ".") for name in data))]


def by_torch(config, data):
    """The plain loop."""
    import torch

    options, sizes = config["options"], config["sizes"]
    passed = ("num_layers", "bidirectional", "batch_first", "bias", "nonlinearity", "proj_size")
    arguments = {name: options[name] for name in passed if name in options}
    made = {"simple_rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[config["layer"]]
    module = made(sizes["features"], sizes["units"], **arguments, dtype=getattr(torch, options["dtype"]))
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), named(data, "weights")):  # noqa: B905
            parameter.copy_(torch.from_numpy(value))
    optimizer = torch.optim.SGD(module.parameters(), lr=RATE)
    x, cotangent = torch.from_numpy(data["x"]), torch.from_numpy(data["cotangent.output"])
    for _ in range(STEPS):
        optimizer.zero_grad()
        (module(x)[0] * cotangent).sum().backward()
        optimizer.step()
        yield [parameter.detach().numpy().copy() for parameter in module.parameters()]


def by_keras(config, data):
    """Through `fit`, one batch an epoch."""
    import keras

    class Weighed(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return keras.ops.sum(y_true * y_pred)

    options, sizes = dict(config["options"]), config["sizes"]
    passed = ("return_sequences", "go_backwards", "use_bias", "activation", "recurrent_activation")
    arguments = {name: options[name] for name in (*passed, "reset_after", "unroll") if name in options}
    made = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[config["layer"]]
    dtype = options["dtype"]
    layer = made(sizes["units"], dtype=dtype, **arguments)
    if options["bidirectional"]:
        layer = keras.layers.Bidirectional(layer, merge_mode=options["merge_mode"], dtype=dtype)
    entry = keras.Input(data["x"].shape[1:], dtype=dtype)
    model = keras.Model(entry, layer(entry))
    layer.set_weights(named(data, "weights"))
    model.compile(keras.optimizers.SGD(RATE), loss=Weighed(reduction="sum", dtype=dtype), jit_compile=False)
    for _ in range(STEPS):
        model.fit(data["x"], data["cotangent.output"], batch_size=len(data["x"]), verbose=0)
        yield [weight.copy() for weight in layer.get_weights()]


def main(framework, folder):
    for path in sorted(Path(folder).glob("*.json")):
        with np.load(path.with_suffix(".npz")) as stored:
            data = dict(stored)
        steps = {"torch": by_torch, "keras": by_keras}[framework](json.loads(path.read_text()), data)
        arrays = {f"{k}.{j}": weight for k, weights in enumerate(steps) for j, weight in enumerate(weights)}
        np.savez(path.with_suffix(".out.npz"), **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
