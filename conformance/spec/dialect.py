"""A dialect: the API contract that an implementation follows, read from `specs/<dialect>.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from conformance.errors import SpecError
from conformance.spec.paths import specs_path

Value = bool | int | str
"""A value of an option."""

Condition = Mapping[str, tuple[Value, ...]]
"""Option name -> values that satisfy it; the value "absent" is satisfied by a missing option."""

ABSENT = "absent"


@dataclass(frozen=True)
class Layer:
    """One kind of layer of a dialect.

    Attributes:
        name: `simple_rnn`, `lstm` or `gru`.
        class_name: what the dialect's API calls it.
        blocks: the gate blocks of its kernels, in order, named as in the equations (z r n, i f g o).
        states: names of its states, in order.
    """

    name: str
    class_name: str
    blocks: tuple[str, ...]
    states: tuple[str, ...]


@dataclass(frozen=True)
class Option:
    """One flag of a dialect.

    Attributes:
        name: the dialect's own name for it.
        where: `dtype`, `constructor`, `wrapper` (of a bidirectional layer) or `call`.
        values: its domain.
        default: the value that a call without it has.
        layers: the layers that have it.
        requires: conditions on other options without which it does not exist.
        at_least, at_most: value -> limits on sizes under which the value makes sense.
        apart: values that are covered apart, because others show more: half precision hides small errors.
        meaning: one line.
    """

    name: str
    where: Literal["dtype", "constructor", "wrapper", "call"]
    values: tuple[Value, ...]
    default: Value
    meaning: str
    layers: tuple[str, ...]
    requires: Condition = field(default_factory=dict)
    at_least: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    at_most: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    apart: tuple[Value, ...] = ()

    @property
    def ordinary(self) -> tuple[Value, ...]:
        """The values that are covered together with those of all other options."""
        return tuple(value for value in self.values if value not in self.apart)

    def exists(self, layer: str, options: Mapping[str, Value]) -> bool:
        """Whether a layer with these other options has this option."""
        return layer in self.layers and holds(self.requires, options)


@dataclass(frozen=True)
class Rule:
    """An entry of a contract that applies to some configurations."""

    name: str
    shape: tuple[str, ...]
    layers: tuple[str, ...]
    when: Condition

    def applies(self, layer: str, options: Mapping[str, Value]) -> bool:
        """Whether this entry is part of the contract of such a layer."""
        return layer in self.layers and holds(self.when, options)


@dataclass(frozen=True)
class OutputRule(Rule):
    """One output: its place in the returned structure, type and meaning.

    `judged` is `values`, or `form` where only shape and type are promised.
    """

    meaning: str
    place: tuple[int, ...] | None = None
    packed: bool = False
    dtype: str | None = None
    judged: Literal["values", "form"] = "values"


@dataclass(frozen=True)
class WeightRule(Rule):
    """One weight: what it does (`role`) and what it holds before anybody sets it (`initial`)."""

    role: Literal["kernel", "recurrent_kernel", "bias", "recurrent_bias", "projection"]
    initial: Literal["zeros", "unit_forget", "uniform", "glorot_uniform", "orthogonal"] | None = None


@dataclass(frozen=True)
class Rejection:
    """Something invalid that an implementation must refuse with an error of its own.

    Attributes:
        id: stable name.
        arguments: constructor arguments that replace those of a valid configuration.
        data: name of a change to otherwise valid tensors (see `conformance.generate.tensors`).
        stage: `construct` or `call`: where at the latest it must be refused.
        errors: names of the documented error types; any of them, or a subclass, will do.
        clause: the clause that says so.
    """

    id: str
    layers: tuple[str, ...]
    stage: Literal["construct", "call"]
    errors: tuple[str, ...]
    clause: str
    meaning: str
    when: Condition = field(default_factory=dict)
    arguments: Mapping[str, Value | float] = field(default_factory=dict)
    data: str | None = None


@dataclass(frozen=True)
class Stateful:
    """Layers that keep their final states for the next call.

    Attributes:
        arguments: of the constructor.
        routes: ways to call such a layer, beside plain calls, on which it keeps them as well.
        silent: ways to let it read its input, such as training, that give nothing back; it keeps them there, too.
    """

    arguments: Mapping[str, Value]
    routes: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mixed:
    """How a layer with weights in float32 computes in a half type.

    Attributes:
        arguments: of its constructor.
        route: the way to call it; empty: plainly. On such a way the types of what it returns are left open.
    """

    arguments: Mapping[str, Value] = field(default_factory=dict)
    route: str = ""


@dataclass(frozen=True)
class Regularizers:
    """What is added to the loss in training, and what is done to weights after a step.

    Attributes:
        penalties: role of a weight -> the constructor argument that penalizes it; `output`: what the layer gives.
        kinds: class of a penalty -> its factors: `l1` of the sum of absolute values, `l2` of the sum of squares.
        constraints: role of a weight -> the constructor argument that constrains it.
        non_negative: class of the constraint under which negative numbers become zero.
        norms: class of a constraint on the norms of columns -> `low` and `high` limits of them, and the `rate` at which
            a norm is moved to the nearest one within; the name of an argument in the place of a number that it gives.
        epsilon: what may be added to a norm where a column is divided by it.
    """

    penalties: Mapping[str, str]
    kinds: Mapping[str, Sequence[str]]
    constraints: Mapping[str, str]
    non_negative: str
    norms: Mapping[str, Mapping[str, float | str]]
    epsilon: float


@dataclass(frozen=True)
class Dialect:
    """The contract of one API.

    Attributes:
        name: of the file, `specs/<name>.toml`.
        base: the dialect that this one is a variant of, whose clauses hold here too; empty: none.
        withdrawn: ids of the clauses of `base` that do not hold here.
        nesting: how several outputs come: `flat`: in one tuple; `list`: in one list; `places`: as each output says.
        activations: name of an activation -> that of its function, where another dialect has it for another.
        together: options that decide together which outputs there are and what they show.
        stateful: layers that keep their states; None: none does.
        mixed: half type -> how a layer with weights in float32 computes in it.
        dropout: the constructor arguments that drop something in training, by what they drop; empty: none does.
        regularizers: penalties and constraints; None: layers have none.
    """

    name: str
    title: str
    base: str
    withdrawn: tuple[str, ...]
    nesting: Literal["flat", "list", "places"]
    activations: Mapping[str, str]
    weight_prefixes: tuple[str, str]
    layers: Mapping[str, Layer]
    options: Mapping[str, Option]
    weights: tuple[WeightRule, ...]
    outputs: tuple[OutputRule, ...]
    initial_state: Mapping[str, Any]
    rejections: Mapping[str, Rejection]
    together: tuple[str, ...]
    stateful: Stateful | None
    mixed: Mapping[str, Mixed]
    dropout: Mapping[str, Any]
    regularizers: Regularizers | None

    @property
    def lineage(self) -> tuple[str, ...]:
        """The dialects whose clauses hold here: this one and its base."""
        return (self.name, self.base) if self.base else (self.name,)

    def options_of(self, layer: str) -> tuple[Option, ...]:
        """The options that a layer can have, in the order of the specification."""
        return tuple(option for option in self.options.values() if layer in option.layers)

    def complete(self, layer: str, given: Mapping[str, Value]) -> dict[str, Value]:
        """All options of a layer: those given, defaults for the others, none that does not exist.

        Raises:
            SpecError: for an unknown layer, option or value, or an option that does not exist here.
        """
        self.layer(layer)
        chosen: dict[str, Value] = {}
        for option in self.options.values():
            if option.exists(layer, chosen | dict(given)):
                chosen[option.name] = self._checked(option, given.get(option.name, option.default))
        for name in given:
            if name not in chosen:
                raise SpecError(self._why_absent(layer, name))
        return chosen

    def layer(self, name: str) -> Layer:
        """The layer of that name; `SpecError` if there is none."""
        if name not in self.layers:
            raise SpecError(f"{self.title} has no layer '{name}'; choose one of {', '.join(self.layers)}")
        return self.layers[name]

    def _checked(self, option: Option, value: Value) -> Value:
        if any(value == known and type(value) is type(known) for known in option.values):
            return value
        allowed = ", ".join(map(str, option.values))
        raise SpecError(f"{self.title}: {option.name}={value} is not valid; choose one of {allowed}")

    def _why_absent(self, layer: str, name: str) -> str:
        option = self.options.get(name)
        if option is None:
            known = ", ".join(option.name for option in self.options_of(layer))
            return f"{self.title} has no option '{name}'; {layer} has {known}"
        if layer not in option.layers:
            return f"{self.title}: {layer} has no option '{name}'; it belongs to {', '.join(option.layers)}"
        needed = ", ".join(f"{key}={'/'.join(map(str, values))}" for key, values in option.requires.items())
        return f"{self.title}: option '{name}' needs {needed}"


def holds(condition: Condition, options: Mapping[str, Value]) -> bool:
    """Whether options satisfy a condition."""
    return all(options.get(name, ABSENT) in values for name, values in condition.items())


def dialect_names() -> tuple[str, ...]:
    """The names of all dialects that the specification describes."""
    return tuple(
        sorted(path.stem for path in specs_path().glob("*.toml") if path.stem not in ("behaviours", "clauses"))
    )


@cache
def load_dialect(name: str) -> Dialect:
    """The dialect of that name; `SpecError` if the specification has none."""
    if name not in dialect_names():
        raise SpecError(f"unknown dialect '{name}'; choose one of {', '.join(dialect_names())}")
    data = _data(name)
    layers = tuple(data["layers"])
    return Dialect(
        name=name,
        title=data["title"],
        base=data.get("extends", ""),
        withdrawn=tuple(data.get("withdrawn", ())),
        activations=data.get("activations", {}),
        nesting=data["nesting"],
        weight_prefixes=(data["weight_prefixes"][0], data["weight_prefixes"][1]),
        layers={
            key: Layer(key, entry["class"], tuple(entry["blocks"]), tuple(entry["states"]))
            for key, entry in data["layers"].items()
        },
        options={entry["name"]: Option(**frozen(entry, layers)) for entry in data["options"]},
        weights=tuple(WeightRule(**frozen(entry, layers)) for entry in data["weights"]),
        outputs=tuple(OutputRule(**frozen(entry, layers)) for entry in data["outputs"]),
        initial_state=data["initial_state"],
        rejections={entry["id"]: Rejection(**frozen(entry, layers)) for entry in data["rejections"]},
        together=tuple(data.get("together", ())),
        stateful=Stateful(**frozen(data["stateful"])) if "stateful" in data else None,
        mixed={dtype: Mixed(**entry) for dtype, entry in data.get("mixed", {}).items()},
        dropout=data.get("dropout", {}),
        regularizers=Regularizers(**data["regularizers"]) if "regularizers" in data else None,
    )


_KEYS = {"options": "name", "rejections": "id"}
"""Lists of entries that a variant changes one by one -> what they are known by. Other lists it has as a whole."""


def _data(name: str) -> dict[str, Any]:
    """What the file says; of a variant, its base with the changes that the file says.

    A variant `extends` a base. An entry of `options` or `rejections` that the base has gets the fields that the variant
    gives; a new one comes last, or behind the one that its `after` names. `removed` lists entries that are gone.
    """
    data: dict[str, Any] = tomllib.loads((specs_path() / f"{name}.toml").read_text(encoding="utf-8"))
    if "extends" not in data:
        return data
    removed = data.pop("removed", {})
    changed = {**_data(data["extends"]), **{key: value for key, value in data.items() if key not in _KEYS}}
    for kind, key in _KEYS.items():
        base = [entry for entry in changed[kind] if entry[key] not in removed.get(kind, ())]
        changed[kind] = _varied(base, data.get(kind, ()), key)
    return changed


def _varied(base: Sequence[Mapping[str, Any]], changes: Sequence[Mapping[str, Any]], key: str) -> list[dict[str, Any]]:
    """The entries of a base with those of a variant."""
    entries = [dict(entry) for entry in base]
    for change in changes:
        fields = {name: value for name, value in change.items() if name != "after"}
        names = [entry[key] for entry in entries]
        if change[key] in names:
            entries[names.index(change[key])].update(fields)
        else:
            place = names.index(change["after"]) + 1 if "after" in change else len(entries)
            entries.insert(place, fields)
    return entries


def frozen(entry: Mapping[str, Any], layers: tuple[str, ...] | None = None) -> dict[str, Any]:
    """An entry of a file as keyword arguments: lists as tuples, conditions and shapes parsed."""
    known = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    if layers is not None:
        known.setdefault("layers", layers)
    for key in ("when", "requires"):
        if key in entry:
            known[key] = {name: tuple(v) if isinstance(v, list) else (v,) for name, v in entry[key].items()}
    if "shape" in entry:
        known["shape"] = tuple(axis.strip() for axis in entry["shape"].split(","))
        known.setdefault("when", {})
    return known
