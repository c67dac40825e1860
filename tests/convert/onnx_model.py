"""ONNX RNN, GRU and LSTM in plain steps, written from the operators' text (opset 22), for comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from conformance.spec import Array

Function = Callable[[Array], Array]


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


FUNCTIONS: dict[str, tuple[int, Callable[..., Array]]] = {
    # name -> how many parameters it takes from activation_alpha and activation_beta
    "Tanh": (0, np.tanh),
    "Sigmoid": (0, sigmoid),
    "Relu": (0, lambda x: np.maximum(x, 0)),
    "Affine": (2, lambda x, alpha, beta: alpha * x + beta),
    "HardSigmoid": (2, lambda x, alpha, beta: np.clip(alpha * x + beta, 0, 1)),
}


def run(
    layer: str, attributes: Mapping[str, Any], node: Sequence[Array], x: Array, states: Sequence[Array] = ()
) -> list[Array]:
    """Y (timesteps, directions, batch, units), then Y_h and, for the LSTM, Y_c (directions, batch, units).

    Args:
        layer: which operator.
        attributes: those of the node, layout 0.
        node: W, R and perhaps B.
        x: (timesteps, batch, features).
        states: initial_h and perhaps initial_c (directions, batch, units); absent: zeros.
    """
    direction = attributes.get("direction", "forward")
    reads = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[direction]
    chosen = list(functions(attributes))
    each = len(chosen) // len(reads)
    W, R = node[:2]
    B = node[2] if len(node) > 2 else np.zeros((len(reads), 2 * W.shape[1]), W.dtype)
    halves = []
    for d, backwards in enumerate(reads):
        start = [state[d] for state in states] or [np.zeros((x.shape[1], R.shape[2]), x.dtype)] * (
            1 + (layer == "lstm")
        )
        step = {"simple_rnn": _rnn, "gru": _gru, "lstm": _lstm}[layer]
        steps = range(len(x))[::-1] if backwards else range(len(x))
        Y = np.zeros((len(x), x.shape[1], R.shape[2]), x.dtype)
        state = tuple(start)
        for t in steps:
            state = step(x[t], state, W[d], R[d], *np.split(B[d], 2), chosen[d * each : (d + 1) * each], attributes)
            Y[t] = state[0]
        halves.append((Y, *state))
    Y, *finals = zip(*halves, strict=True)
    return [np.stack(Y, axis=1), *(np.stack(final) for final in finals)]


def functions(attributes: Mapping[str, Any]) -> Iterator[Function]:
    alpha, beta = (iter(attributes.get(name, ())) for name in ("activation_alpha", "activation_beta"))
    for name in attributes["activations"]:
        parameters, function = FUNCTIONS[name]
        values = (next(alpha), next(beta)) if parameters else ()
        yield lambda x, function=function, values=values: function(x, *values)  # type: ignore[misc]


def _rnn(x: Array, state: Any, W: Array, R: Array, Wb: Array, Rb: Array, act: Any, _: Any) -> tuple[Array, ...]:
    """Ht = f(Xt*(Wi^T) + Ht-1*(Ri^T) + Wbi + Rbi)."""
    (H,) = state
    return (act[0](x @ W.T + H @ R.T + Wb + Rb),)


def _gru(
    x: Array, state: Any, W: Array, R: Array, Wb: Array, Rb: Array, act: Any, attributes: Any
) -> tuple[Array, ...]:
    """zt, rt, then ht by linear_before_reset; Ht = (1 - zt) (.) ht + zt (.) Ht-1."""
    (H,) = state
    (Wz, Wr, Wh), (Rz, Rr, Rh) = np.split(W, 3), np.split(R, 3)
    (Wbz, Wbr, Wbh), (Rbz, Rbr, Rbh) = np.split(Wb, 3), np.split(Rb, 3)
    f, g = act
    zt = f(x @ Wz.T + H @ Rz.T + Wbz + Rbz)
    rt = f(x @ Wr.T + H @ Rr.T + Wbr + Rbr)
    if attributes.get("linear_before_reset", 0):
        ht = g(x @ Wh.T + rt * (H @ Rh.T + Rbh) + Wbh)
    else:
        ht = g(x @ Wh.T + (rt * H) @ Rh.T + Rbh + Wbh)
    return ((1 - zt) * ht + zt * H,)


def _lstm(x: Array, state: Any, W: Array, R: Array, Wb: Array, Rb: Array, act: Any, _: Any) -> tuple[Array, ...]:
    """it, ft, ct, Ct = ft (.) Ct-1 + it (.) ct, ot, Ht = ot (.) h(Ct); blocks in the order i o f c."""
    H, C = state
    i, o, f, c = np.split(x @ W.T + H @ R.T + Wb + Rb, 4, axis=1)
    gate, candidate, out = act
    C = gate(f) * C + gate(i) * candidate(c)
    return gate(o) * out(C), C
