"""Backpropagation through time in float32, as unfavourable as the rounding model allows; row by row, in plain steps.

Written independently of the gradients of the reference, on the arithmetic of `emulation`: every usual way to take the
slope of an activation and to differentiate the GRU's new state, contributions to an adjoint added in five orders, also
across masked steps. Keras layers that read one way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from emulation import Style, activate, affine, total

from conformance.spec import LayerConfig, Tensors

GATES = {"simple_rnn": "n", "lstm": "ifgo", "gru": "zrn"}


@dataclass(frozen=True)
class Row:
    """One row of the batch: what a forward step computed."""

    x: Any
    h: Any
    c: Any
    z: Mapping[str, Any]
    y: Mapping[str, Any]


class Emulation:
    """One layer."""

    def __init__(self, config: LayerConfig, draw: Tensors, style: Style) -> None:
        self.config, self.style, self.draw = config, style, draw
        self.names = GATES[config.layer]
        count = len(self.names)
        self.W, self.U = (dict(zip(self.names, np.split(w, count, axis=1), strict=True)) for w in draw.weights[:2])
        bias = draw.weights[2] if len(draw.weights) > 2 else np.zeros(draw.weights[0].shape[1], np.float32)
        rows = bias if bias.ndim == 2 else bias[None]
        self.biases = {g: [np.split(row, count)[k] for row in rows] for k, g in enumerate(self.names)}
        self.acts = {g: str(config.get("recurrent_activation")) for g in self.names}
        self.acts |= {g: str(config.get("activation")) for g in self.names if g in "ng"}
        self.after = config.get("reset_after") is True

    # ------------------------------------------------------------ forward

    def forward(self, x: Any, h: Any, c: Any) -> Row:
        style, store = self.style, self.style.store
        z: dict[str, Any] = {}
        y: dict[str, Any] = {}
        for gate in self.names:
            if gate == "n" and self.config.layer == "gru":
                continue
            z[gate] = affine(style, [(x[None], self.W[gate]), (h[None], self.U[gate])], self.biases[gate])[0]
            y[gate] = activate(style, self.acts[gate], z[gate])
        if self.config.layer == "lstm":
            z["c"] = store(store(y["f"] * c) + store(y["i"] * y["g"]))
            y["c"] = activate(style, self.acts["g"], z["c"])
        if self.config.layer == "gru":
            W, U, biases = self.W["n"], self.U["n"], self.biases["n"]
            if self.after:
                y["q"] = affine(style, [(h[None], U)], biases[1:])[0]
                z["n"] = store(affine(style, [(x[None], W)], biases[:1])[0] + store(y["r"] * y["q"]))
            else:
                y["k"] = store(y["r"] * h)
                z["n"] = affine(style, [(x[None], W), (y["k"][None], U)], biases)[0]
            y["n"] = activate(style, self.acts["n"], z["n"])
        return Row(x, h, c, z, y)

    def new_state(self, row: Row) -> tuple[Any, Any]:
        store, y = self.style.store, row.y
        if self.config.layer == "simple_rnn":
            return y["n"], row.c
        if self.config.layer == "lstm":
            return store(y["o"] * y["c"]), row.z["c"]
        one = np.float32(1)
        if self.style.form == 0:
            return store(store(y["z"] * row.h) + store(store(one - y["z"]) * y["n"])), row.c
        return store(y["n"] + store(y["z"] * store(row.h - y["n"]))), row.c

    # ------------------------------------------------------------ backward

    def summed(self, terms: Sequence[Any]) -> Any:
        """The sum of terms (k, units) each."""
        return total(self.style, np.concatenate(terms)[None])[0]

    def sloped(self, g: Any, gate: str, row: Row, act: str | None = None) -> Any:
        """Multiplied by the slope of an activation."""
        name, z, y, form, one = act or self.acts[gate], row.z[gate], row.y[gate], self.style.form, np.float32(1)
        if name == "tanh":
            if form == 2:
                return g - (g * y) * y
            return g * (one - y * y) if form == 0 else g * ((one - y) * (one + y))
        if name == "sigmoid":
            if form == 2:
                return g * y - (g * y) * y
            return g * ((one - y) * y) if form == 0 else (g * y) * (one - y)
        if name == "relu":
            return g * (y > 0)
        return g * ((z > -3) & (z < 3)) * np.float32(1 / 6) if name == "hard_sigmoid" else g

    def back(
        self, row: Row, dh: Sequence[Any], dc: Sequence[Any]
    ) -> tuple[dict[str, Any], dict[str, Any], list[Any], list[Any]]:
        """Adjoints of the gates' parts of input and of hidden state; contributions to those of h and c before."""
        if self.config.layer == "simple_rnn":
            d = {"n": self.sloped(self.summed(dh), "n", row)}
            return d, d, self.through(d), []
        return self.back_lstm(row, dh, dc) if self.config.layer == "lstm" else self.back_gru(row, self.summed(dh))

    def through(self, d: Mapping[str, Any]) -> list[Any]:
        return [d[gate][:, None] * self.U[gate].T for gate in d]

    def back_lstm(self, row: Row, dh: Sequence[Any], dc: Sequence[Any]) -> Any:
        y, g = row.y, self.summed(dh)
        c = self.summed([*dc, self.sloped(g * y["o"], "c", row, self.acts["g"])[None]])
        d = {
            "i": self.sloped(c * y["g"], "i", row),
            "f": self.sloped(c * row.c, "f", row),
            "g": self.sloped(c * y["i"], "g", row),
            "o": self.sloped(g * y["c"], "o", row),
        }
        return d, d, self.through(d), [(c * y["f"])[None]]

    def back_gru(self, row: Row, g: Any) -> Any:
        y, one = row.y, np.float32(1)
        z, gap = y["z"], row.h - y["n"]
        if self.style.form == 0:
            to_h, to_n, to_z = g * z, g * (one - z), g * row.h - g * y["n"]
        elif self.style.form == 1:
            to_h, to_n, to_z = g * z, g - g * z, g * gap
        else:
            to_h, to_n, to_z = g - g * (one - z), g * (one - z), g * gap
        dn, dz = self.sloped(to_n, "n", row), self.sloped(to_z, "z", row)
        if self.after:
            dr = self.sloped(dn * y["q"], "r", row)
            recurrent = {"z": dz, "r": dr, "n": dn * y["r"]}
            return {"z": dz, "r": dr, "n": dn}, recurrent, [*self.through(recurrent), to_h[None]], []
        dk = self.summed([dn[:, None] * self.U["n"].T])
        d = {"z": dz, "r": self.sloped(dk * row.h, "r", row), "n": dn}
        return d, d, [*self.through({"z": d["z"], "r": d["r"]}), to_h[None], (dk * y["r"])[None]], []

    # ------------------------------------------------------------ the layer

    def gradients(self, cotangents: Mapping[str, Any]) -> list[Any]:
        """In the order x, weights, initial states."""
        batch, timesteps, _ = self.draw.x.shape
        dx = np.zeros_like(self.draw.x)
        terms: dict[str, list[Any]] = {role: [] for role in ("kernel", "recurrent_kernel", "bias", "recurrent_bias")}
        initial = [np.zeros((batch, self.config.sizes.units), self.style.dtype) for _ in range(2)]
        order = list(range(timesteps))[:: -1 if self.config.get("go_backwards") else 1]
        for b in range(batch):
            mask = np.ones(timesteps, bool) if self.draw.mask is None else self.draw.mask[b]
            state = [s[b] for s in self.draw.initial_state or ()]
            h, c = (state + [np.zeros(self.config.sizes.units, np.float32)] * 2)[:2]
            rows: list[Row | None] = []
            for t in order:
                rows.append(self.forward(self.draw.x[b, t], h, c) if mask[t] else None)
                h, c = (h, c) if rows[-1] is None else self.new_state(rows[-1])
            dh, dc = self.final(cotangents, b)
            for k in reversed(range(timesteps)):
                dh = dh + self.shown(cotangents, b, k, mask[order])
                if (row := rows[k]) is None:
                    continue
                d, recurrent, dh, dc = self.back(row, dh, dc)
                dx[b, order[k]] = self.summed([d[gate][:, None] * self.W[gate].T for gate in self.names])
                self.collect(terms, row, d, recurrent)
            initial[0][b] = self.summed([np.zeros((1, len(h)), np.float32), *dh])
            initial[1][b] = self.summed([np.zeros((1, len(h)), np.float32), *dc])
        return [dx, *self.weights(terms), *initial[: len(self.draw.initial_state or ())]]

    def final(self, cotangents: Mapping[str, Any], b: int) -> tuple[list[Any], list[Any]]:
        h, c = ([cotangents[name][b][None]] if name in cotangents else [] for name in ("h", "c"))
        zero = [np.zeros((1, self.config.sizes.units), np.float32)]
        if not self.config.get("return_sequences") and "output" in cotangents:
            seen = self.draw.mask is None or self.draw.mask[b].any()
            h = [*h, cotangents["output"][b][None] * np.float32(seen)]
        return h + zero, c + zero

    def shown(self, cotangents: Mapping[str, Any], b: int, k: int, mask: Any) -> list[Any]:
        if not self.config.get("return_sequences") or "output" not in cotangents:
            return []
        kept = mask[k] if self.config.get("zero_output_for_mask") else mask[: k + 1].any()
        return [cotangents["output"][b, k][None] * np.float32(kept)]

    def collect(
        self, terms: dict[str, list[Any]], row: Row, d: Mapping[str, Any], recurrent: Mapping[str, Any]
    ) -> None:
        inputs, hidden = (np.concatenate([part[gate] for gate in self.names]) for part in (d, recurrent))
        acted = [row.y["k"] if gate == "n" and "k" in row.y else row.h for gate in self.names]
        terms["kernel"].append(row.x[:, None] * inputs)
        terms["recurrent_kernel"].append(
            np.concatenate([h[:, None] * recurrent[gate] for h, gate in zip(acted, self.names, strict=True)], axis=1)
        )
        terms["bias"].append(inputs)
        terms["recurrent_bias"].append(hidden)

    def weights(self, terms: Mapping[str, list[Any]]) -> list[Any]:
        def over_all(role: str, like: Any) -> Any:
            if not terms[role]:
                return np.zeros_like(like)
            stacked = np.stack(terms[role])
            return total(self.style, stacked.reshape(1, len(stacked), -1))[0].reshape(like.shape)

        found = [over_all("kernel", self.draw.weights[0]), over_all("recurrent_kernel", self.draw.weights[1])]
        if len(self.draw.weights) < 3:
            return found
        bias = self.draw.weights[2]
        if bias.ndim == 1:
            return [*found, over_all("bias", bias)]
        return [*found, np.stack([over_all("bias", bias[0]), over_all("recurrent_bias", bias[1])])]
