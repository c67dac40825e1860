"""Configurations and cases: what is run, with identities that are the same on every machine."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from conformance.errors import SpecError
from conformance.spec.dialect import Dialect, Value, load_dialect


@dataclass(frozen=True, order=True)
class Sizes:
    """The sizes of a layer and its input. `units` is PyTorch's hidden_size, `features` its input_size."""

    batch: int
    timesteps: int
    features: int
    units: int


@dataclass(frozen=True)
class LayerConfig:
    """A value for each option of a layer, plus sizes. Build one with `LayerConfig.of`.

    Attributes:
        dialect: name of the API contract.
        layer: `simple_rnn`, `lstm` or `gru`.
        items: every option of the layer with its value, in the order of the specification.
        sizes: sizes of the layer and its input.
    """

    dialect: str
    layer: str
    items: tuple[tuple[str, Value], ...]
    sizes: Sizes

    @classmethod
    def of(cls, dialect: str, layer: str, options: Mapping[str, Value], sizes: Sizes) -> LayerConfig:
        """A valid configuration; options left out have their default.

        Raises:
            SpecError: if the specification does not allow it; the message says why.
        """
        rules = load_dialect(dialect)
        chosen = rules.complete(layer, options)
        _check_sizes(rules, chosen, sizes)
        return cls(dialect, layer, tuple(chosen.items()), sizes)

    @classmethod
    def fitting(cls, dialect: str, layer: str, options: Mapping[str, Value], sizes: Sizes) -> LayerConfig:
        """As `of`, with the sizes moved into the limits that the options set."""
        return cls.of(dialect, layer, options, fitted(load_dialect(dialect), options, sizes))

    @cached_property
    def options(self) -> dict[str, Value]:
        """Option name -> value; one dictionary for all who ask, not to be changed."""
        return dict(self.items)

    @property
    def dtype(self) -> str:
        """Name of the type of weights, inputs and outputs."""
        return str(self.options["dtype"])

    @property
    def bidirectional(self) -> bool:
        """Whether the layer reads in both directions."""
        return self.options.get("bidirectional") is True

    @property
    def rules(self) -> Dialect:
        """The dialect."""
        return load_dialect(self.dialect)

    def get(self, name: str, default: Value | None = None) -> Value | None:
        """The value of an option, or `default` if the layer has no such option."""
        return self.options.get(name, default)

    def non_default(self) -> dict[str, Value]:
        """The options that differ from their defaults."""
        return {name: value for name, value in self.items if value != self.rules.options[name].default}

    def with_options(self, **changes: Value) -> LayerConfig:
        """The same with some options changed; those that do not exist then are dropped. `SpecError` if sizes forbid."""
        return LayerConfig.of(self.dialect, self.layer, self._changed(changes), self.sizes)

    def refitted(self, **changes: Value) -> LayerConfig:
        """As `with_options`, with the sizes moved into the limits that the options set."""
        return LayerConfig.fitting(self.dialect, self.layer, self._changed(changes), self.sizes)

    def _changed(self, changes: Mapping[str, Value]) -> dict[str, Value]:
        wanted = {**self.options, **changes}
        return {name: value for name, value in wanted.items() if self.rules.options[name].exists(self.layer, wanted)}

    def with_sizes(self, **changes: int) -> LayerConfig:
        """The same with some sizes changed; `SpecError` if an option forbids them."""
        return LayerConfig.of(self.dialect, self.layer, self.options, replace(self.sizes, **changes))

    def canonical(self) -> dict[str, Any]:
        """The configuration as JSON-ready data; the source of its identity."""
        return {
            "dialect": self.dialect,
            "layer": self.layer,
            "options": dict(self.options),
            "sizes": dict(vars(self.sizes)),
        }

    @classmethod
    def from_canonical(cls, data: Mapping[str, Any]) -> LayerConfig:
        """The inverse of `canonical`; `SpecError` if the data are not a valid configuration."""
        try:
            return cls.of(data["dialect"], data["layer"], data["options"], Sizes(**data["sizes"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise SpecError(f"not a layer configuration: {error}") from None

    @cached_property
    def id(self) -> str:
        """Hash of the canonical form."""
        return identity(self.canonical())


@dataclass(frozen=True)
class DataSpec:
    """Which tensors go with a configuration: a kind and a seed, or the name of a frozen vector.

    Attributes:
        kind: one of `conformance.generate.tensors.KINDS`, or `worked_example`.
        seed: what the tensors are derived from.
    """

    kind: str
    seed: int

    @classmethod
    def from_canonical(cls, data: Mapping[str, Any]) -> DataSpec:
        """The inverse of `vars`; `SpecError` if the data are none."""
        if set(data) != {"kind", "seed"} or type(data["kind"]) is not str or type(data["seed"]) is not int:
            raise SpecError("data of a case are a kind (a text) and a seed (a whole number)")
        return cls(**data)


@dataclass(frozen=True)
class Case:
    """A configuration with data; `rejection` names what is wrong with it, if it must be refused."""

    config: LayerConfig
    data: DataSpec
    rejection: str | None = None

    def canonical(self) -> dict[str, Any]:
        """The case as JSON-ready data."""
        case: dict[str, Any] = {"config": self.config.canonical(), "data": dict(vars(self.data))}
        return case | ({"rejection": self.rejection} if self.rejection else {})

    @classmethod
    def from_canonical(cls, data: Mapping[str, Any]) -> Case:
        """The inverse of `canonical`; `SpecError` if the data are not a case."""
        try:
            config = LayerConfig.from_canonical(data["config"])
            return cls(config, DataSpec.from_canonical(data["data"]), data.get("rejection"))
        except (KeyError, TypeError, AttributeError) as error:
            raise SpecError(f"not a case: {error}") from None

    @cached_property
    def id(self) -> str:
        """Hash of the canonical form: the same case has the same id on every machine."""
        return identity(self.canonical())


def canonical_json(data: Any) -> str:
    """JSON with one spelling: sorted keys, no spaces, no NaN."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def identity(data: Any) -> str:
    """The hash of JSON-ready data, such as the canonical form of a case: twelve hexadecimal digits."""
    return hashlib.sha256(canonical_json(data).encode()).hexdigest()[:12]


def _check_sizes(rules: Dialect, options: Mapping[str, Value], sizes: Sizes) -> None:
    limits = vars(sizes)
    for name, size in limits.items():
        if type(size) is not int or size < 1:
            raise SpecError(f"{name}={size} is not valid; sizes are whole numbers from 1")
    for said, size, least, most in _limits(rules, options):
        if limits[size] < least:
            raise SpecError(f"{said} needs {size} of at least {least}, not {limits[size]}")
        if limits[size] > most:
            raise SpecError(f"{said} needs {size} of at most {most}, not {limits[size]}")


def fitted(rules: Dialect, options: Mapping[str, Value], sizes: Sizes) -> Sizes:
    """The sizes, moved into the limits that the options set."""
    fit = asdict(sizes)
    for _, size, least, most in _limits(rules, options):
        fit[size] = min(max(fit[size], least), most)
    return Sizes(**fit)


def _limits(rules: Dialect, options: Mapping[str, Value]) -> Iterator[tuple[str, str, int, int]]:
    """What sets a limit, to which size, and the least and the most that it may be."""
    for name, value in options.items():
        option, key = rules.options[name], str(value)
        least, most = option.at_least.get(key, {}), option.at_most.get(key, {})
        for size in {**least, **most}:
            yield f"{name}={value}", size, least.get(size, 1), most.get(size, sys.maxsize)
