"""Checks of form: acceptance and rejection, weights, structure, shapes and types."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

import numpy as np

from conformance.checks.observation import Built, Expectation, Observation, Refusal, Reply
from conformance.checks.verdict import PASS, Verdict
from conformance.reference import precision
from conformance.spec import Array, LayerConfig, Tree, WeightContract, as_floats
from conformance.spec import weights as weight_contract

FIXED = ("zeros", "unit_forget", "uniform")
"""Initial values of which every layer shows at once whether they are as promised; others are for a law."""


def rejection(seen: Observation) -> Verdict | None:
    """Refused with an error of a documented type, neither accepted nor refused by our own adapter."""
    if seen.case.rejection is None:
        return None
    rule = seen.case.config.rules.rejections[seen.case.rejection]
    answer = seen.answer
    if isinstance(answer, Reply):
        return Verdict("error", f"accepted {rule.meaning}", cause=f"accepted {rule.id}")
    if not isinstance(answer, Refusal):
        return None
    if answer.stage == "adapter":
        return Verdict("error", f"the adapter failed: {describe(answer)}", cause=signature(answer, seen.case.config))
    if not set(rule.errors) & set(answer.bases):
        documented = " or ".join(rule.errors)
        return Verdict("fail", f"{rule.meaning} raised {answer.type}, documented is {documented}", cause=rule.id)
    return PASS


def accepted(seen: Observation) -> Verdict | None:
    """A valid case raises nothing, neither when it is built nor when it is called."""
    if seen.case.rejection is not None:
        return None
    if isinstance(seen.answer, Refusal):
        return Verdict("error", describe(seen.answer), cause=signature(seen.answer, seen.case.config))
    return PASS


_ROOT, _END = r"(?:[A-Za-z]:)?[\\/]", r"(?:site-packages[\\/]|(?=[^\\/\s\"']+\.py\b))"
_DIRECTORIES = re.compile(
    rf"(?<=\"){_ROOT}(?:[^\\/\"]+[\\/])*?{_END}|(?<![^\s'(<=]){_ROOT}(?:[^\\/\s\"']+[\\/])*?{_END}"
)
"""Where files of Python lie on a machine: reports are published, and need not tell that."""


def describe(refusal: Refusal) -> str:
    """An error in one line, files by their names in a package."""
    text = _DIRECTORIES.sub("", " ".join(refusal.message.split()))
    return f"{refusal.type} at {refusal.stage}: {text[:400]}"


def signature(refusal: Refusal, config: LayerConfig) -> str:
    """What is left of an error when names and numbers that vary between cases are taken out."""
    text = " ".join(refusal.message.split())
    names = "|".join(re.escape(layer.class_name) for layer in config.rules.layers.values())
    text = re.sub(rf"\b({names})\b|0x[0-9a-f]+|\d+", "#", text)
    text = re.sub(r"<[^<>]*>|\([^()]*\)|\[[^\[\]]*\]|'[^']*'|\"[^\"]*\"", "…", text)
    return f"{refusal.stage}: {refusal.type}: {text[:120]}"


# ---------------------------------------------------------------- weights


def weights(seen: Observation) -> Verdict | None:
    """As many weights as promised, in the promised order as far as shapes tell, of the promised types."""
    if not isinstance(seen.built, Built) or seen.case.rejection is not None:
        return None
    config = seen.case.config
    promised, got = weight_contract(config), seen.built.weights
    if len(promised) != len(got):
        names = ", ".join(weight.name for weight in promised)
        return Verdict("fail", f"{len(got)} weights, expected {len(promised)}: {names}", cause="count")
    for weight, array in zip(promised, got, strict=True):
        if array.shape != weight.shape:
            return Verdict("fail", f"{weight.name} has shape {array.shape}, expected {weight.shape}", cause="shape")
        if array.dtype.name != config.dtype:
            return Verdict("fail", f"{weight.name} is {array.dtype.name}, expected {config.dtype}", cause="dtype")
    return PASS


def initial_weights(seen: Observation) -> Verdict | None:
    """Initial values, where the API promises them."""
    if not isinstance(seen.built, Built) or seen.case.rejection is not None:
        return None
    config = seen.case.config
    judged = False
    for weight, array in zip(weight_contract(config), seen.built.weights, strict=True):
        if weight.initial not in FIXED:
            continue
        judged = True
        if problem := _initial_problem(weight, array, config):
            return Verdict("fail", f"{weight.name} {problem}", cause=weight.initial)
    return PASS if judged else None


def _initial_problem(weight: WeightContract, array: Array, config: LayerConfig) -> str | None:
    units = config.sizes.units
    if weight.initial == "uniform":
        limit = 1 / math.sqrt(units)
        slack = 8 * precision(config.dtype).u
        inside = bool((np.abs(as_floats(array)) <= limit * (1 + slack)).all())
        return None if inside else f"has initial values outside ±1/sqrt({units})"
    promised = np.zeros(array.shape)
    if weight.initial == "unit_forget":
        forget = config.rules.layers[config.layer].blocks.index("f")
        promised[forget * units : (forget + 1) * units] = 1
    if np.array_equal(array, promised):
        return None
    return "does not start at " + ("zero" if weight.initial == "zeros" else "zero with ones in the forget block")


# ---------------------------------------------------------------- outputs


def structure(seen: Observation) -> Verdict | None:
    """The nesting of what came back is the promised one; a list is not a tuple."""
    if not isinstance(seen.reply, Reply) or seen.expectation is None:
        return None
    got, promised = seen.reply.structure, seen.expectation.structure
    if got == promised:
        return PASS
    names = [output.name for output in seen.expectation.contract]
    message = f"returned {spell(got)}, expected {spell(promised, names)}"
    surplus = count(got) - count(promised)
    return Verdict("fail", message, cause="too many" if surplus > 0 else "too few" if surplus else "nesting")


def shape(seen: Observation) -> Verdict | None:
    """Every output has the promised shape."""
    for expectation, name, got, promised in _pairs(seen, "shape"):
        if got != promised:
            axes = next(output.axes for output in expectation.contract if output.name == name)
            return Verdict("fail", f"{name} has shape {got}, expected {promised} ({', '.join(axes)})", cause=name)
    return PASS if isinstance(seen.reply, Reply) and seen.expectation else None


def dtype(seen: Observation) -> Verdict | None:
    """Every output has the promised type."""
    for _, name, got, promised in _pairs(seen, "dtype"):
        if str(got) != promised:
            return Verdict("fail", f"{name} is {got}, expected {promised}", cause=str(got))
    return PASS if isinstance(seen.reply, Reply) and seen.expectation else None


def _pairs(seen: Observation, attribute: str) -> Iterator[tuple[Expectation, str, object, object]]:
    if not isinstance(seen.reply, Reply) or seen.expectation is None:
        return
    for output, array in zip(seen.expectation.contract, seen.reply.outputs, strict=True):
        yield seen.expectation, output.name, getattr(array, attribute), getattr(output, attribute)


def spell(tree: Tree, names: Sequence[str] = ()) -> str:
    """A structure in the notation of the language, such as `(output, (h_n, c_n))`; unnamed outputs by number."""
    if isinstance(tree, int):
        return names[tree] if tree < len(names) else f"output {tree}"
    ((kind, inside),) = tree.items()
    if kind == "other":
        return str(inside)
    if kind == "dict":
        return "{" + ", ".join(f"{key}: {spell(value, names)}" for key, value in inside.items()) + "}"
    left, right = {"tuple": ("(", ")"), "list": ("[", "]")}.get(kind, (f"{kind}(", ")"))
    return left + ", ".join(spell(child, names) for child in inside) + right


def branches(tree: Tree) -> list[Tree] | None:
    """The parts of a tuple or list, which are the same here; None: it is neither."""
    if isinstance(tree, int):
        return None
    ((kind, parts),) = tree.items()
    return list(parts) if kind in ("tuple", "list") else None


def leaves(tree: Tree) -> Iterator[Tree]:
    """What stands in tuples and lists, in order."""
    parts = branches(tree)
    if parts is None:
        yield tree
    for part in parts or ():
        yield from leaves(part)


def renumbered(tree: Tree, first: int) -> Tree:
    """The same nesting with its arrays counted from another number."""
    if isinstance(tree, int):
        return first + tree
    ((kind, inside),) = tree.items()
    if kind == "dict":
        return {kind: {key: renumbered(value, first) for key, value in inside.items()}}
    return tree if kind == "other" else {kind: [renumbered(child, first) for child in inside]}


def count(tree: Tree) -> int:
    """The number of arrays in a structure."""
    if isinstance(tree, int):
        return 1
    ((kind, inside),) = tree.items()
    if kind == "other":
        return 0
    return sum(count(child) for child in (inside.values() if kind == "dict" else inside))
