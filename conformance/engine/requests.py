"""Requests to a worker and its answers, as typed values instead of messages."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.checks import Declared, Recalled, Refusal, Reply
from conformance.engine.worker import Message
from conformance.laws import WAYS, Way
from conformance.laws.law import PLAIN, Manner
from conformance.spec import Array, Case, LayerConfig, Tensors, Value

Request = tuple[dict[str, Any], dict[str, Array]]
"""The fields of a request and its named arrays."""


@dataclass(frozen=True)
class Hello:
    """What an implementation says of itself.

    Attributes:
        dialect: the contract it follows.
        versions: package -> version.
        environment: python, device, threads and the like.
        layers, modes: the layers it has, and the ways it can call them.
        options: option name -> the values it supports.
        sizes: name of a size -> the values it supports; a size that is not named may have any.
        rejections: whether it refuses what the specification says must be refused.
        features: what it offers beyond plain calls (`conformance.laws.FEATURES`).
        ways: kind of ways (`conformance.laws.WAYS`) -> those that it offers, by names of its own, each with the option
            values that it needs; in which it says beforehand what a call gives, what of (`of`), for which unknown sizes
            (`unknown`), and the option values that they need (`needs`).
    """

    dialect: str
    versions: Mapping[str, str]
    environment: Mapping[str, str]
    layers: tuple[str, ...]
    options: Mapping[str, tuple[Value, ...]]
    modes: tuple[str, ...]
    sizes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    rejections: bool = True
    features: tuple[str, ...] = ()
    ways: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)

    @classmethod
    def of(cls, header: Mapping[str, Any]) -> Hello:
        """From the header of an answer that the worker has found to be well-formed."""
        said = header["capabilities"]
        return cls(
            dialect=header["dialect"],
            versions=header["versions"],
            environment=header["environment"],
            layers=tuple(said["layers"]),
            options={name: tuple(values) for name, values in said["options"].items()},
            modes=tuple(said["modes"]),
            sizes={name: tuple(values) for name, values in said.get("sizes", {}).items()},
            rejections=said.get("rejections", True),
            features=tuple(said.get("features", ())),
            ways={kind: said.get(kind, {}) for kind in WAYS},
        )

    @property
    def claims(self) -> Mapping[str, tuple[Value, ...]]:
        """Option name (and `layer`) -> supported values."""
        return {"layer": self.layers, **self.options}

    @property
    def capabilities(self) -> dict[str, Any]:
        """What it claims, as JSON-ready data."""
        options = {name: list(values) for name, values in self.options.items()}
        sizes = {name: list(values) for name, values in self.sizes.items()}
        said = {"layers": list(self.layers), "options": options, "modes": list(self.modes)}
        more = {"sizes": sizes, "rejections": self.rejections, "features": list(self.features)}
        return said | more | {kind: dict(self.ways.get(kind, {})) for kind in WAYS}

    def ways_for(self, kind: str, config: LayerConfig) -> list[Way]:
        """The ways of a kind that it offers for a layer of this configuration."""
        told = (_way(name, said) for name, said in self.ways.get(kind, {}).items())
        return [way for way, needs in told if all(config.get(option) in values for option, values in needs.items())]

    def lacks(self, needed: Sequence[str]) -> str | None:
        """The first of some features that it does not offer."""
        offered = {*self.features, *(kind for kind, ways in self.ways.items() if ways)}
        return next((feature for feature in needed if feature not in offered), None)

    def missing(self, config: LayerConfig, rejection: str | None = None) -> str | None:
        """The first thing that a configuration (to be rejected) needs and this implementation does not claim."""
        if rejection is not None and not self.rejections:
            return "rejections"
        if config.layer not in self.layers:
            return f"layer={config.layer}"
        for name, value in config.items:
            if not any(value == known and type(value) is type(known) for known in self.options.get(name, ())):
                return f"{name}={value}"
        for name, size in vars(config.sizes).items():
            if size not in self.sizes.get(name, (size,)):
                return f"{name}={size}"
        return None


def build(
    handle: int,
    config: LayerConfig,
    case: Case | None = None,
    arguments: Mapping[str, Any] | None = None,
    *,
    fresh: bool = False,
) -> Request:
    """The request to build a layer, with more arguments, or with the invalid ones of a case that must be rejected.

    With `fresh`, it has the weights that a layer has if nobody says anything of them.
    """
    rejection = config.rules.rejections[case.rejection] if case is not None and case.rejection else None
    canonical = config.canonical()
    fields: dict[str, Any] = {"op": "build", "handle": handle, "layer": config.layer}
    fields |= {"options": canonical["options"], "sizes": canonical["sizes"]}
    fields |= {"fresh": True} if fresh else {}
    return fields | {"arguments": dict(rejection.arguments) if rejection else dict(arguments or {})}, {}


def call(
    handle: int,
    tensors: Tensors,
    mode: str,
    *,
    keep: bool = False,
    manner: Manner = PLAIN,
    cotangents: Mapping[int, Array] | None = None,
    targets: Mapping[int, Array] | None = None,
    directions: Sequence[Array] = (),
) -> Request:
    """The request to call a built layer in some manner, or for the gradients of outputs weighed by cotangents.

    With directions of all that it is given, for the change of these gradients along them; with targets, for training
    towards them.
    """
    if manner.declare is not None:
        return {"op": "declare", "handle": handle, "way": manner.declare.name}, _arguments(tensors)
    fields: dict[str, Any] = {"op": "call", "handle": handle, "mode": mode, "keep": keep}
    changed = {name: value for name, value in vars(manner).items() if value != getattr(PLAIN, name)}
    fields |= {name: list(value) if isinstance(value, tuple) else value for name, value in changed.items()}
    fields.pop("weights", None)
    fields["mode"] = fields.pop("route", mode)
    arrays = _named("weights", tensors.weights if manner.weights else ())
    arrays |= {f"cotangents.{output}": array for output, array in (cotangents or {}).items()}
    arrays |= {f"targets.{output}": array for output, array in (targets or {}).items()}
    if directions:
        last = 1 + len(tensors.weights)
        arrays |= {"directions.x": directions[0], **_named("directions.weights", tuple(directions[1:last]))}
        arrays |= _named("directions.initial_state", tuple(directions[last:]))
    if manner.kept_inputs:
        return fields, arrays
    return fields, arrays | _arguments(tensors)


def _arguments(tensors: Tensors) -> dict[str, Array]:
    """What a call hands over."""
    single = {"x": tensors.x, "mask": tensors.mask, "lengths": tensors.lengths}
    arrays = {name: array for name, array in single.items() if array is not None}
    return arrays | _named("initial_state", tensors.initial_state or ())


def recall(handle: int) -> Request:
    """The request for the tensors and outputs of the last kept call as they are now."""
    return {"op": "recall", "handle": handle}, {}


def release(handle: int) -> Request:
    """The request to forget a layer."""
    return {"op": "release", "handle": handle}, {}


def refusal(message: Message) -> Refusal | None:
    """The error that an answer tells of, or None if it tells of success."""
    if message.header["ok"]:
        return None
    error = message.header["error"]
    return Refusal(message.header["stage"], error["type"], tuple(error["bases"]), error["message"])


def reply(message: Message) -> Reply | Refusal:
    """What came: outputs of a call, or in a list what else it was asked for: gradients, weights, or a penalty."""
    refused = refusal(message)
    if refused is not None:
        return refused
    if "declared" in message.header:
        return Reply((), message.header["structure"], 0.0, _declared(message))
    seconds = float(message.header.get("seconds") or 0.0)
    if "structure" not in message.header:
        kind = next((name for name in ("weights", "trained", "penalty") if f"{name}.0" in message.arrays), None)
        derived = numbered(message, kind) if kind else gradients(message)
        return Reply(derived, {"list": list(range(len(derived)))}, seconds)
    return Reply(numbered(message, "outputs"), message.header["structure"], seconds)


def _declared(message: Message) -> tuple[Declared, ...]:
    """What a layer said of each output."""
    return tuple(
        Declared(tuple(said["shape"]), said.get("dtype"), message.arrays.get(f"values.{number}"))
        for number, said in enumerate(message.header["declared"])
    )


def gradients(message: Message) -> tuple[Array, ...]:
    """With respect to the input, the weights and the initial states."""
    weights, states = (numbered(message, f"gradients.{name}") for name in ("weights", "initial_state"))
    return (message.arrays["gradients.x"], *weights, *states)


def recalled(message: Message) -> Recalled:
    """The answer to a recall."""
    arrays = message.arrays
    return Recalled(
        weights=numbered(message, "weights"),
        x=arrays["x"],
        mask=arrays.get("mask"),
        lengths=arrays.get("lengths"),
        initial_state=numbered(message, "initial_state") or None,
        outputs=numbered(message, "outputs"),
    )


def numbered(message: Message, name: str) -> tuple[Array, ...]:
    """The arrays `name.0`, `name.1`, ... of an answer."""
    names = (f"{name}.{index}" for index in itertools.count())
    return tuple(message.arrays[key] for key in itertools.takewhile(message.arrays.__contains__, names))


def _named(name: str, arrays: tuple[Array, ...]) -> dict[str, Array]:
    return {f"{name}.{index}": array for index, array in enumerate(arrays)}


def _way(name: str, said: Mapping[str, Any]) -> tuple[Way, Mapping[str, Sequence[Value]]]:
    """A way and the option values that it needs, which are all that is said of those that declare nothing."""
    if "of" not in said:
        return Way(name), said
    return Way(name, said["of"], tuple(said.get("unknown", ()))), said.get("needs", {})
