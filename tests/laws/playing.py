"""The calls of a law, made with a function instead of a worker: what an implementation would answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from conformance.checks import Followed, Observation, Reply, Verdict
from conformance.checks.form import renumbered
from conformance.checks.laws import check
from conformance.checks.observation import expectations
from conformance.generate.tensors import tensors
from conformance.laws import LAWS, Call, Law, Plan, Subject, Way
from conformance.laws.passes import returned_states
from conformance.reference import Precision, evaluate, precision
from conformance.spec import Array, Case, DataSpec, LayerConfig, Sizes, Tensors, Value, outputs, structure, weights

Outputs = Sequence[Array]
Function = Callable[[LayerConfig, Tensors], Outputs]
"""What a layer is, if it has no memory: outputs of a configuration and tensors, in the order of the contract."""

ROUTES = (Way("one way"), Way("another way"))
WAYS = {"routes": ROUTES, "runtimes": ROUTES}
"""Made up: here every way leads to the same function."""

OTHER_ANSWERS = {
    "gradients",
    "curvature",
    "initial_weights",
    "dropout",
    "train",
    "targets",
    "declares",
    "quantizes",
    "regularizers",
}
"""Features whose calls are answered with something else than outputs, or with chance."""

PLAYED = {name: law for name, law in LAWS.items() if not OTHER_ANSWERS.intersection(law.needs)}
"""The laws whose further calls give outputs."""

SIZES = Sizes(batch=3, timesteps=5, features=4, units=2)


def case(dialect: str = "keras", layer: str = "lstm", sizes: Sizes = SIZES, kind: str = "generic", **o: Value) -> Case:
    """A case in float64, whose plans can be followed by hand."""
    config = LayerConfig.of(dialect, layer, {"dtype": "float64", **o}, sizes)
    return Case(config, DataSpec(kind, 3))


def subject(of: Case, law: str, can: Callable[[LayerConfig], bool] = lambda _: True) -> Subject:
    return Subject(of, tensors(of), can, law, WAYS)


def plan(of: Case, law: str) -> Plan | None:
    """What a law demands of an implementation that can do everything; None: nothing."""
    return LAWS[law].plan(subject(of, law))


def reference(config: LayerConfig, given: Tensors) -> Outputs:
    """The reference as an implementation."""
    lengths = None if given.lengths is None else [int(length) for length in given.lengths]
    (found,) = evaluate(config, [given], precision("float64"), "step")
    return [
        np.zeros(due.shape, due.dtype) if it.value is None else it.value
        for it, due in zip(found, outputs(config, lengths), strict=True)
    ]


# ---------------------------------------------------------------- layers that live


@dataclass
class Layer:
    """A layer with the memory that a right one has: its weights, its last outputs, its states if it is stateful."""

    function: Function
    stateful: bool = False
    weights: tuple[Array, ...] = ()
    last: Outputs = ()
    states: tuple[Array, ...] | None = None

    def answer(self, call: Call, kept: Tensors) -> Outputs:
        """What a call gives; in threads the results one after the other."""
        manner, given = call.manner, call.tensors
        self.weights = given.weights if manner.weights else self.weights
        given = kept if manner.kept_inputs else given
        if manner.carry:
            given = replace(given, initial_state=tuple(self.last[number] for number in manner.carry))
        if manner.reset:
            self.states = None
        config = call.config
        if self.stateful and self.states is not None and given.initial_state is None:
            given = replace(given, initial_state=self.states)
            config = config.with_options(**{str(config.rules.initial_state["option"]): True})
        if manner.threads:
            mine, theirs = (self.function(call.config, replace(it, weights=self.weights)) for it in (given, kept))
            return [*mine] * manner.threads + [*theirs] * manner.threads
        self.last = self._outputs(config, replace(given, weights=self.weights))
        return self.last

    def _outputs(self, config: LayerConfig, given: Tensors) -> Outputs:
        if not self.stateful:
            return self.function(config, given)
        shown = config.with_options(return_state=True)
        found, numbers = self.function(shown, given), returned_states(shown)
        assert numbers is not None
        self.states = tuple(found[number] for number in numbers)
        return found[: len(outputs(config))]


def _new(config: LayerConfig) -> Reply:
    """The weights of a new layer, which nobody looks at but for their types and shapes."""
    arrays = tuple(np.zeros(it.shape, config.dtype) for it in weights(config))
    return Reply(arrays, {"list": list(range(len(arrays)))}, 0.0)


@dataclass
class Player:
    """An implementation that answers the calls of a plan; all its layers are the same function."""

    function: Function

    def followed(self, plan: Plan, own: Tensors) -> Followed:
        """The answers to all calls of a plan."""
        layers = {0: Layer(self.function, weights=own.weights)}
        replies = []
        for call in plan.calls:
            if call.fresh:
                replies.append(_new(call.config))
                continue
            layer = layers.setdefault(call.layer, Layer(self.function, "stateful" in dict(call.arguments)))
            nesting, arrays, results = structure(call.config), tuple(layer.answer(call, own)), 2 * call.manner.threads
            if results:
                firsts = range(0, len(arrays), len(arrays) // results)
                nesting = {"list": [renumbered(nesting, first) for first in firsts]}
            replies.append(Reply(arrays, nesting, 0.0))
        return Followed(plan, tuple(replies))


def observed(of: Case, given: Tensors, function: Function, held_to: Precision, law: Law) -> Observation | None:
    """A case with what follows of one law; None where the law says nothing."""
    planned = law.plan(Subject(of, given, lambda _: True, law.name, WAYS))
    if planned is None:
        return None
    (due,) = expectations([of], [given], held_to)
    reply = Reply(tuple(function(of.config, given)), structure(of.config), 0.0)
    return Observation(of, due, reply=reply, laws={law.name: Player(function).followed(planned, given)})


def verdict(of: Case, law: str, function: Function = reference) -> Verdict | None:
    """What a law says about an implementation in float64."""
    seen = observed(of, tensors(of), function, precision("float64"), LAWS[law])
    return None if seen is None else check(LAWS[law])(seen)
