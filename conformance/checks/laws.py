"""Checks of laws: the results of several calls, beside each other.

Where exact arithmetic gives the same for both, each result may be as far from it as the allowance of the case says, so
two results may be twice as far from each other; where another program computed one of them, the allowance is that of
the worst activations that are known. Where the specification leaves a value open, all that can be said is that a number
stays a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import inf

import numpy as np

from conformance.checks import curvature, declared, derivatives, descent, dropout, penalties, start
from conformance.checks.form import describe, renumbered, signature, spell
from conformance.checks.lifetime import lost
from conformance.checks.numbers import Bools, compare_all, distance, largest, share, worst_element
from conformance.checks.observation import (
    Expectation,
    Followed,
    Observation,
    Refusal,
    Reply,
    Unclaimed,
    of_any_program,
)
from conformance.checks.verdict import PASS, Verdict, Worst, joined
from conformance.laws import (
    FEATURES,
    LAWS,
    Call,
    Curved,
    Descended,
    Differentiated,
    Dropped,
    Index,
    Judged,
    Law,
    Part,
    Penalised,
    Plan,
    Poisoned,
    Quantized,
    Relation,
    Same,
    SameMasks,
    Started,
    Unlike,
)
from conformance.reference import Expected, Policy, evaluate
from conformance.reference.quantized import EIGHT_BITS
from conformance.spec import Floats, LayerConfig, OutputContract, Tensors, Tree, as_floats, outputs_of, structure


def check(law: Law) -> Callable[[Observation], Verdict | None]:
    """The check of a law."""

    def judge(seen: Observation) -> Verdict | None:
        followed = seen.laws.get(law.name)
        if followed is None or seen.expectation is None or not isinstance(seen.reply, Reply):
            return None
        if isinstance(followed, Unclaimed):
            return Verdict("unsupported", f"does not claim to {FEATURES[followed.feature]}")
        if followed.lost is not None:
            return lost(followed.lost)
        due = of_any_program(seen.expectation) if law.elsewhere else seen.expectation
        return _Beside(law, due, seen.reply, followed).verdict()

    return judge


class _Beside:
    """The case and the results of the further calls."""

    def __init__(self, law: Law, expectation: Expectation, reply: Reply, followed: Followed) -> None:
        self.law = law
        self.expectation = expectation
        self.reply = reply
        self.plan: Plan = followed.plan
        self.answers = followed.replies
        self.replies = {at: reply for at, reply in enumerate(followed.replies) if isinstance(reply, Reply)}

    def verdict(self) -> Verdict:
        """The first thing that is wrong, or a pass; of several ways, every one that is wrong."""
        if self.law.ways:
            return joined([*self._of_each_way()] or [PASS])
        for call, answer in zip(self.plan.calls, self.answers, strict=True):
            if (problem := self._form(call, answer)) is not None:
                return problem
        problems = (self._broken(relation) for relation in self.plan.relations)
        return next((problem for problem in problems if problem is not None), PASS)

    def _of_each_way(self) -> Iterator[Verdict]:
        """What is wrong with each further call."""
        for number, (call, answer) in enumerate(zip(self.plan.calls, self.answers, strict=True)):
            compared = [it for it in self.plan.relations if _belongs_to(it, number)]
            found = (self._form(call, answer), *map(self._broken, compared if number in self.replies else ()))
            yield from [problem for problem in found if problem is not None][:1]

    def _told(self, call: Call) -> str:
        if call.manner.declare:
            return f"{call.manner.name} does not declare what is given"
        return f"the route {call.manner.route} gives something else" if call.manner.route else self.plan.told

    def _form(self, call: Call, reply: Reply | Refusal) -> Verdict | None:
        """What is wrong with a further call before its numbers are looked at."""
        told, route = f"{self._told(call)}{_with(call)}", call.manner.name
        if isinstance(reply, Refusal):
            if call.layer and not call.arguments and not call.fresh:  # other cases say whether there is such a layer
                return Verdict("not run", f"a layer to compare with was refused: {describe(reply)}")
            return Verdict("error", f"{told}: {describe(reply)}", cause=_cause(route, signature(reply, call.config)))
        if call.manner.declare is not None:
            found = declared.problem(call.manner.declare, call.config, call.tensors, reply)
            return found and Verdict("fail", f"{told}: {found[0]}", cause=_cause(route, found[1]))
        promised, tree = _promised(call)
        if reply.structure != tree:
            told += f": a further call returned {spell(reply.structure)}, expected {spell(tree)}"
            return Verdict("fail", told, cause=_cause(route, "structure"))
        shapes, got = [output.shape for output in promised], [array.shape for array in reply.outputs]
        if got != shapes:
            return Verdict("fail", f"{told}: shapes {got}, expected {shapes}", cause=_cause(route, "shape"))
        types, due = [array.dtype.name for array in reply.outputs], [output.dtype for output in promised]
        if types != due and not call.any_type and self._has_its_types():
            what = "weights are" if call.fresh else "types are"
            told += f": {what} {', '.join(types)}, expected {', '.join(due)}"
            return Verdict("fail", told, cause=_cause(route, "dtype"))
        return None

    def _has_its_types(self) -> bool:
        """Whether the case itself came in the promised types; if not, another check says so."""
        both = zip(self.reply.outputs, self.expectation.contract, strict=True)
        return all(array.dtype.name == output.dtype for array, output in both)

    def _broken(self, relation: Relation) -> Verdict | None:
        if isinstance(relation, Same):
            return self._not_same(relation)
        if isinstance(relation, Judged):
            return self._misjudged(relation)
        if isinstance(relation, Quantized):
            return self._too_coarse(relation)
        if isinstance(relation, Poisoned):
            return self._not_poisoned(relation)
        if isinstance(relation, Differentiated | Curved | Descended):
            return self._off_the_slope(relation)
        if isinstance(relation, Penalised):
            return self._miscounted(relation)
        if isinstance(relation, Started):
            return self._not_a_start(relation)
        if isinstance(relation, Dropped | SameMasks):
            return self._not_dropped(relation)
        return self._alike(relation)

    # ------------------------------------------------------------ the case and further calls

    def _not_same(self, relation: Same) -> Verdict | None:
        here = as_floats(self.reply.outputs[relation.output])[relation.index]
        there = _combined([self._part(part) for part in relation.parts], relation.combined)
        if here.shape != there.shape:
            raise ValueError(f"{self.law.name} compares {here.shape} with {there.shape}")
        for due in self._allowances():
            expected = due[relation.output]
            allowed = _allowed(expected, relation.index, _bound_where_open(due))
            ratio = _ratio(here, there, allowed, None if self.law.everywhere else _specified(expected, relation.index))
            if ratio.max(initial=0.0) <= 1:
                return None
        call = self.plan.calls[relation.parts[0].call]
        told = relation.told or self._told(call)
        return self._differing(relation.output, relation.index, here, there, allowed, ratio, told, call.manner.route)

    def _part(self, part: Part) -> Floats:
        picked: Floats = as_floats(self.replies[part.call].outputs[part.output])[part.index]
        return picked

    def _allowances(self) -> Iterator[Sequence[Expected]]:
        """The cheap allowances, then those that decide."""
        yield self.expectation.step
        yield self.expectation.signed

    def _differing(
        self,
        output: int,
        index: Index,
        here: Floats,
        there: Floats,
        allowed: Floats,
        ratio: Floats,
        told: str,
        route: str,
    ) -> Verdict:
        contract = self.expectation.contract[output]
        place = np.unravel_index(int(ratio.argmax()), ratio.shape)
        whole = np.arange(int(np.prod(contract.shape))).reshape(contract.shape)[index]
        position = np.unravel_index(int(whole[place]), contract.shape)
        worst = Worst(
            output=contract.name,
            index={axis: int(where) for axis, where in zip(contract.axes, position, strict=True)},
            got=float(there[place]),
            expected=float(here[place]),
            allowed=float(allowed[place]),
        )
        return _wrong(told, worst, float(ratio.max()), "in the case itself", route)

    # ------------------------------------------------------------ further calls and the reference

    def _misjudged(self, relation: Judged) -> Verdict | None:
        reply, tensors = self.replies[relation.call], relation.tensors
        if relation.states is not None:
            handed = self.replies[relation.states.call]
            states = tuple(handed.outputs[number] for number in relation.states.outputs)
            tensors = replace(tensors, initial_state=states)
        bounds: tuple[Policy, ...] = ("step", "signed")
        for bound in bounds:
            due = self._expected(relation.config, tensors, bound)
            comparisons = compare_all(reply, due)
            if (ratio := largest(comparisons)) <= 1:
                return None
        worst = worst_element(reply, outputs_of(relation.config, tensors), comparisons)
        call = self.plan.calls[relation.call]
        return _wrong(relation.told or self._told(call), worst, ratio, "expected", relation.told or call.manner.route)

    def _too_coarse(self, relation: Quantized) -> Verdict | None:
        call, reply = self.plan.calls[relation.call], self.replies[relation.call]
        held_to = of_any_program(self.expectation).precision
        comparisons = compare_all(reply, evaluate(call.config, [call.tensors], held_to, "signed", EIGHT_BITS)[0])
        if (ratio := largest(comparisons)) <= 1:
            return None
        worst = worst_element(reply, outputs_of(call.config, call.tensors), comparisons)
        told = f"{self.plan.told} ({call.manner.route}) errs by more than eight bits may"
        return _wrong(told, worst, ratio, "expected", call.manner.route)

    def _expected(self, config: LayerConfig, tensors: Tensors, bound: Policy) -> Sequence[Expected]:
        return evaluate(config, [tensors], self.expectation.precision, bound)[0]

    def _not_poisoned(self, relation: Poisoned) -> Verdict | None:
        """NaN exactly where the equations carry it."""
        call, reply = self.plan.calls[relation.call], self.replies[relation.call]
        for number, due in enumerate(self._expected(call.config, call.tensors, "step")):
            if due.value is None:
                continue
            poisoned, got = np.isnan(due.value), as_floats(reply.outputs[number])
            here = np.where(poisoned, np.nan, as_floats(self.reply.outputs[number]))
            for allowances in self._allowances():
                # NaN that is due has no allowance; inf - inf, where a number may overflow, is no sign of it.
                allowed = np.where(poisoned, 0.0, 2 * allowances[number].allowed)
                ratio = _ratio(here, got, allowed, due.specified)
                if ratio.max(initial=0.0) <= 1:
                    break
            else:
                told, route = self._told(call), call.manner.route
                return self._differing(number, (...,), here, got, allowed, ratio, told, route)
        return None

    def _off_the_slope(self, relation: Differentiated | Curved | Descended) -> Verdict | None:
        call, reply = self.plan.calls[relation.call], self.replies[relation.call]
        if isinstance(relation, Descended):
            found = descent.wrong_element(relation, call, reply, self.expectation.precision)
        else:
            module = derivatives if isinstance(relation, Differentiated) else curvature
            found = module.wrong_element(call, reply, self.expectation.precision)
        apart = relation.told if isinstance(relation, Descended) else ""
        told = f"{self.plan.told}, and {apart}" if apart else self.plan.told
        return None if found is None else _wrong(told, *found, "expected", apart)

    def _miscounted(self, relation: Penalised) -> Verdict | None:
        call, reply = self.plan.calls[relation.call], self.replies[relation.call]
        due = penalties.expected(relation, call, self.expectation.precision)
        comparisons = compare_all(reply, [due])
        if (ratio := largest(comparisons)) <= 1:
            return None
        worst = worst_element(reply, penalties.contracts(relation.told), comparisons)
        return _wrong(self.plan.told, worst, ratio, "expected", relation.told)

    def _not_a_start(self, relation: Started) -> Verdict | None:
        calls, replies = [self.plan.calls[it] for it in relation.calls], [self.replies[it] for it in relation.calls]
        if (found := start.problem(calls, replies)) is None:
            return None
        told, cause = found
        return Verdict("fail", f"{self.plan.told}: {told}", cause=cause)

    def _not_dropped(self, relation: Dropped | SameMasks) -> Verdict | None:
        precision, replies = self.expectation.precision, tuple(self.replies.values())
        if isinstance(relation, Dropped):
            found = dropout.problem(relation, replies, precision)
        else:
            found = dropout.differing(relation, replies, precision)
        if found is None:
            return None
        left_open = isinstance(relation, SameMasks) and relation.open
        return Verdict("unspecified" if left_open else "fail", found[0], cause=found[1])

    def _alike(self, relation: Unlike) -> Verdict | None:
        """The results are those of the case, although the reference tells them apart."""
        call, reply = self.plan.calls[relation.call], self.replies[relation.call]
        if largest(compare_all(reply, self._expected(call.config, call.tensors, "step"))) <= 1:
            return None
        if largest(compare_all(reply, self.expectation.signed)) > 1:
            return None
        if largest(compare_all(reply, self._expected(call.config, call.tensors, "signed"))) <= 1:
            return None
        return Verdict("fail", self.plan.told, cause=self.plan.told)


def _with(call: Call) -> str:
    """The numbers that a layer of a further call was constructed with, such as rates."""
    numbers = [f"{name}={value}" for name, value in call.arguments if isinstance(value, int | float)]
    return f" with {', '.join(numbers)}" if numbers else ""


def _belongs_to(relation: Relation, call: int) -> bool:
    """Whether a relation is about one further call, and about this one."""
    if isinstance(relation, Same):
        return relation.parts[0].call == call
    return isinstance(relation, Quantized) and relation.call == call


def again(name: str, verdict: Verdict) -> str:
    """Under which name a law is tried again to see the same: a law of several ways only by the one at fault."""
    several = name in LAWS and LAWS[name].ways
    route, colon, _ = (verdict.cause or "").partition(": ") if several else ("", "", "")
    return f"{name}/{route}" if colon else name


def _cause(route: str, what: str) -> str:
    return f"{route}: {what}" if route else what


def _wrong(told: str, worst: Worst, ratio: float, beside: str, route: str = "") -> Verdict:
    where = ", ".join(f"{axis} {place}" for axis, place in worst.index.items())
    message = (
        f"{told}: {worst.output}{f'[{where}]' if where else ''} is {worst.got:.9g}, {beside} {worst.expected:.9g}, "
        f"allowed difference {worst.allowed:.2g}"
    )
    return Verdict("fail", message, ratio, "signed", worst=worst, cause=_cause(route, "values"))


def _promised(call: Call) -> tuple[Sequence[OutputContract], Tree]:
    """What a call must give, and how it is nested."""
    if call.silent:
        return (), {"tuple": []}
    if call.manner.penalty:
        return penalties.contracts(""), {"list": [0]}
    if call.cotangents or call.manner.steps:
        module = descent if call.manner.steps else curvature if call.directions else derivatives
        derived = module.contracts(call)
        return derived, {"list": list(range(len(derived)))}
    if call.fresh:
        due = start.contracts(call.config)
        return due, {"list": list(range(len(due)))}
    promised, tree = outputs_of(call.config, call.tensors), structure(call.config)
    if not call.manner.threads:
        return promised, tree
    times = range(2 * call.manner.threads)
    return [*promised] * len(times), {"list": [renumbered(tree, time * len(promised)) for time in times]}


def _combined(parts: Sequence[Floats], how: str) -> Floats:
    if len(parts) == 1:
        return parts[0]
    first, second = parts
    if how == "mul":
        return first * second
    return (first + second) * (0.5 if how == "ave" else 1.0)


def _allowed(expected: Expected, index: Index, where_open: float) -> Floats:
    """Twice the allowance. Nobody knows how a value that is left open was come by, so nor its rounding."""
    allowed: Floats = 2 * expected.allowed[index]
    specified = _specified(expected, index)
    return allowed if specified is None else np.where(specified, allowed, where_open)


def _bound_where_open(due: Sequence[Expected]) -> float:
    """Any number will do, and where something may overflow, anything."""
    return inf if any(np.isinf(expected.allowed).any() for expected in due) else float(np.finfo(np.float64).max)


def _specified(expected: Expected, index: Index) -> Bools | None:
    if expected.specified is None:
        return None
    picked: Bools = expected.specified[index]
    return picked


def _ratio(here: Floats, there: Floats, allowed: Floats, specified: Bools | None) -> Floats:
    return share(distance(here, there), allowed, specified)
