"""Computes gradients with a framework, in an interpreter that has it: `python gradient_workers.py torch|keras FOLDER`.

For every NAME.json (a configuration in canonical form) and NAME.npz (x, mask, lengths, weights.K, initial.K,
cotangent.OUTPUT, outputs) of the folder it writes NAME.out.npz: the gradients of x, weights and initial states.
"""

import json
import sys
from pathlib import Path

import numpy as np


def named(data, prefix):
    """Arrays prefix.0, prefix.1, ... as a list."""
    return [data[f"{prefix}.{k}"] for k in range(sum(name.startswith(prefix + ".") for name in data))]


def by_torch(config, data):
    import torch

    options, sizes = config["options"], config["sizes"]
    kind, packed = config["layer"], options["input"].startswith("packed")
    passed = ("num_layers", "bidirectional", "batch_first", "bias", "nonlinearity", "proj_size")
    arguments = {name: options[name] for name in passed if name in options}
    made = {"simple_rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind]
    module = made(sizes["features"], sizes["units"], **arguments, dtype=getattr(torch, options["dtype"]))
    for parameter, value in zip(module.parameters(), named(data, "weights")):  # noqa: B905
        parameter.data = torch.from_numpy(value.copy())
    x = torch.from_numpy(data["x"].copy()).requires_grad_()
    states = [torch.from_numpy(state.copy()).requires_grad_() for state in named(data, "initial")]
    hx = (tuple(states) if kind == "lstm" else states[0]) if states else None
    read = x
    if packed:
        pack = torch.nn.utils.rnn.pack_padded_sequence
        lengths = torch.from_numpy(data["lengths"].copy())
        read = pack(x, lengths, batch_first=options["batch_first"], enforce_sorted=options["input"] == "packed")
    output, final = module(read, hx)
    if packed:
        output = torch.nn.utils.rnn.pad_packed_sequence(output, batch_first=options["batch_first"])[0]
    results = {"output.padded" if packed else "output": output}
    results.update(zip(("h_n", "c_n"), final if kind == "lstm" else (final,)))  # noqa: B905
    loss = sum((torch.from_numpy(data[f"cotangent.{name}"]) * result).sum() for name, result in results.items())
    return [leaf.numpy() for leaf in torch.autograd.grad(loss, [x, *module.parameters(), *states])]


def by_keras(config, data):
    """With TensorFlow: eagerly, so that all of Keras' own Python takes part."""
    import keras
    import tensorflow as tf

    options, sizes, names = dict(config["options"]), config["sizes"], data["outputs"].tolist()
    both, merge_mode = options["bidirectional"], options.get("merge_mode")
    passed = ("return_sequences", "return_state", "go_backwards", "use_bias", "activation", "recurrent_activation")
    passed += ("reset_after", "unroll", "zero_output_for_mask")
    arguments = {name: options[name] for name in passed if name in options}
    made = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[config["layer"]]
    layer = made(sizes["units"], dtype=options["dtype"], **arguments)
    if both:
        layer = keras.layers.Bidirectional(
            layer, merge_mode=None if merge_mode == "None" else merge_mode, dtype=options["dtype"]
        )
    layer.build(data["x"].shape)
    layer.set_weights(named(data, "weights"))
    x, states = tf.constant(data["x"]), [tf.constant(state) for state in named(data, "initial")]
    with tf.GradientTape() as tape:
        tape.watch([x, *states])
        called = {"initial_state": states} if states else {}
        results = layer(x, mask=tf.constant(data["mask"]) if "mask" in data else None, **called)
        results = results if isinstance(results, tuple) else (results,)
        pairs = zip(names, results)  # noqa: B905
        loss = sum(tf.reduce_sum(tf.constant(data[f"cotangent.{name}"]) * result) for name, result in pairs)
    leaves = [x, *[weight.value for weight in layer.weights], *states]
    return [np.zeros(leaf.shape) if g is None else g.numpy() for g, leaf in zip(tape.gradient(loss, leaves), leaves)]  # noqa: B905


def main(framework, folder):
    for path in sorted(Path(folder).glob("*.json")):
        with np.load(path.with_suffix(".npz")) as stored:
            data = dict(stored)
        gradients = {"torch": by_torch, "keras": by_keras}[framework](json.loads(path.read_text()), data)
        np.savez(path.with_suffix(".out.npz"), **{str(k): gradient for k, gradient in enumerate(gradients)})


if __name__ == "__main__":
    main(*sys.argv[1:])
