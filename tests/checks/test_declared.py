"""What is declared, beside what must be given: declarations made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from observing import case, observed, with_outputs

from conformance.checks import Declared, Followed, Reply, declared, judge
from conformance.generate.tensors import tensors
from conformance.laws import Call, Manner, Plan, Way
from conformance.spec import LayerConfig, Tensors, Tree, Value, outputs_of, structure

OUTPUTS, UNKNOWN, MASK = Way("shapes", "outputs"), Way("free", "outputs", ("batch", "timesteps")), Way("mask", "mask")
NONE: Tree = {"other": "NoneType"}


def subject(**options: Value) -> tuple[LayerConfig, Tensors]:
    """A configuration, and its tensors with a mask that is not the same the other way round."""
    config = case(layer="gru", mask="right", **options).config
    drawn = tensors(case(layer="gru", mask="right", **options))
    batch, steps = drawn.x.shape[:2]
    mask = np.ones((batch, steps), np.bool_)
    mask[:, -1] = False
    return config, replace(drawn, mask=mask)


# ---------------------------------------------------------------- outputs


def said(config: LayerConfig, drawn: Tensors, way: Way = OUTPUTS) -> Reply:
    """What a right layer declares."""
    shapes = [
        tuple(None if axis in way.unknown else size for axis, size in zip(output.axes, output.shape, strict=True))
        for output in outputs_of(config, drawn)
    ]
    return Reply((), structure(config), 0.0, tuple(Declared(shape, config.dtype) for shape in shapes))


def changed(reply: Reply, number: int, **fields: Any) -> Reply:
    """A declaration with another one of these outputs."""
    parts = [replace(part, **fields) if index == number else part for index, part in enumerate(reply.declared)]
    return replace(reply, declared=tuple(parts))


@pytest.mark.parametrize("way", [OUTPUTS, UNKNOWN], ids=lambda way: way.name)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_what_is_given_is_rightly_declared(way: Way, bidirectional: bool) -> None:
    more: dict[str, Value] = {"bidirectional": True, "merge_mode": "None"} if bidirectional else {}
    config, drawn = subject(return_sequences=True, return_state=True, **more)
    assert declared.problem(way, config, drawn, said(config, drawn, way)) is None


def test_a_type_need_not_be_declared() -> None:
    config, drawn = subject(return_state=True)
    assert declared.problem(OUTPUTS, config, drawn, changed(said(config, drawn), 1, dtype=None)) is None


def test_another_type_is_wrong() -> None:
    config, drawn = subject(return_state=True)
    wrong = changed(said(config, drawn), 1, dtype="float64")
    found = declared.problem(OUTPUTS, config, drawn, wrong)
    assert found == ("the declared type of h is float64, expected float32", "dtype")


@pytest.mark.parametrize("axis", [0, 1, 2], ids=["batch", "timesteps", "units"])
def test_a_size_that_was_told_must_be_declared(axis: int) -> None:
    config, drawn = subject(return_sequences=True)
    right = said(config, drawn)
    shape = tuple(None if place == axis else size for place, size in enumerate(right.declared[0].shape))
    found = declared.problem(OUTPUTS, config, drawn, changed(right, 0, shape=shape))
    assert found is not None
    assert found[1] == "shape"
    assert "unknown" in found[0].partition(", expected")[0]


def test_a_size_that_was_not_told_must_not_be_made_up() -> None:
    config, drawn = subject(return_sequences=True)
    found = declared.problem(UNKNOWN, config, drawn, said(config, drawn))
    assert found is not None
    assert found[1] == "shape"
    assert "expected (unknown, unknown, " in found[0]


def test_an_axis_too_few_is_wrong() -> None:
    config, drawn = subject(return_state=True)
    found = declared.problem(OUTPUTS, config, drawn, changed(said(config, drawn), 1, shape=(config.sizes.units,)))
    assert found is not None
    assert found[1] == "shape"


def test_another_nesting_is_wrong() -> None:
    config, drawn = subject(return_state=True)
    found = declared.problem(OUTPUTS, config, drawn, replace(said(config, drawn), structure={"list": [0, 1]}))
    assert found is not None
    assert found[1] == "structure"


def test_wrong_values_do_not_hide_a_declaration_and_another_form_does() -> None:
    right = observed(case(layer="gru", return_state=True))
    config, drawn = right.case.config, tensors(right.case)
    call = Call(config, drawn, manner=Manner(declare=OUTPUTS))
    law = Followed(Plan((call,), (), "told"), (said(config, drawn),))
    wrong = with_outputs(replace(right, laws={"declared": law}), lambda arrays: [array + 1 for array in arrays])
    assert {name: judge(wrong)[name].outcome for name in ("values", "declared")} == {
        "values": "fail",
        "declared": "pass",
    }
    wide = with_outputs(wrong, lambda arrays: [array.astype(np.float64) for array in arrays])
    assert {name: judge(wide)[name].outcome for name in ("dtype", "declared")} == {
        "dtype": "fail",
        "declared": "not run",
    }


def test_every_way_that_is_wrong_is_told() -> None:
    right = observed(case(layer="gru", return_state=True))
    config, drawn = right.case.config, tensors(right.case)
    ways = (OUTPUTS, replace(OUTPUTS, name="right"), replace(OUTPUTS, name="listed"))
    replies = [said(config, drawn)] * 3
    replies[0], replies[2] = changed(replies[0], 0, dtype="int32"), replace(replies[2], structure={"list": [0, 1]})
    calls = tuple(Call(config, drawn, manner=Manner(declare=way)) for way in ways)
    law = Followed(Plan(calls, (), "told"), tuple(replies))
    verdict = judge(replace(right, laws={"declared": law}))["declared"]
    assert [part.cause for part in verdict.parts] == ["shapes: dtype", "listed: structure"]


# ---------------------------------------------------------------- masks


def handed(*entries: Any, kind: str = "list") -> Reply:
    """Masks handed on, each an array or None; a single one alone."""
    masks = [entry for entry in entries if entry is not None]
    numbers = iter(range(len(masks)))
    tree: list[Tree] = [NONE if entry is None else next(numbers) for entry in entries]
    leaves = tuple(Declared(mask.shape, str(mask.dtype), mask) for mask in masks)
    return Reply((), tree[0] if len(tree) == 1 else {kind: tree}, 0.0, leaves)


def judged(reply: Any, **options: Value) -> str | None:
    """The key of what is wrong with masks, made from the mask of the case."""
    config, drawn = subject(**options)
    found = declared.problem(MASK, config, drawn, reply(drawn.mask))
    return found and found[1]


BOTH: dict[str, Value] = {"bidirectional": True, "return_sequences": True}


@pytest.mark.parametrize(
    ("options", "reply"),
    [
        ({"return_sequences": True}, handed),
        ({"return_sequences": True}, lambda mask: handed(mask.astype(np.float32))),
        ({"return_sequences": True, "return_state": True}, lambda mask: handed(mask, None)),
        ({"return_sequences": True, "return_state": True}, lambda mask: handed(mask, None, kind="tuple")),
        ({"return_sequences": True, "go_backwards": True}, lambda mask: handed(mask[:, ::-1])),
        ({"return_state": True}, lambda _: handed(None, None)),
        ({}, lambda _: handed(None)),
        (BOTH, handed),
        ({**BOTH, "merge_mode": "None"}, lambda mask: handed(mask, mask, kind="tuple")),
        # Left open: entries for states of two directions, and the order of two that are exchanged.
        ({**BOTH, "return_state": True}, handed),
        ({**BOTH, "return_state": True}, lambda mask: handed(mask, None, None)),
        ({**BOTH, "return_state": True, "merge_mode": "None"}, lambda mask: handed(mask, mask)),
        ({**BOTH, "go_backwards": True}, handed),
        ({**BOTH, "go_backwards": True}, lambda mask: handed(mask[:, ::-1])),
    ],
)
def test_masks_that_are_rightly_handed_on(options: dict[str, Value], reply: Any) -> None:
    assert judged(reply, **options) is None


@pytest.mark.parametrize(
    ("options", "reply", "key"),
    [
        ({"return_sequences": True}, lambda _: handed(None), "no mask"),
        ({"return_sequences": True}, lambda mask: handed(mask[:, ::-1]), "another mask"),
        ({"return_sequences": True}, lambda mask: handed(mask[:, :-1]), "another mask"),
        ({"return_sequences": True, "go_backwards": True}, handed, "another mask"),
        ({"return_sequences": True, "return_state": True}, handed, "structure"),
        ({"return_sequences": True, "return_state": True}, lambda mask: handed(mask, mask), "a mask too many"),
        ({}, handed, "a mask too many"),
        (BOTH, lambda mask: handed(mask[:, ::-1]), "another mask"),
        ({**BOTH, "merge_mode": "None"}, handed, "structure"),
        ({**BOTH, "merge_mode": "None"}, lambda mask: handed(mask, None), "no mask"),
        ({**BOTH, "return_state": True}, lambda _: handed(None, None, None), "no mask"),
        ({**BOTH, "return_state": True, "merge_mode": "None"}, handed, "structure"),
        ({**BOTH, "go_backwards": True}, lambda mask: handed(np.ones_like(mask)), "another mask"),
        ({"bidirectional": True, "return_state": True}, handed, "a mask too many"),
    ],
)
def test_masks_that_are_wrongly_handed_on(options: dict[str, Value], reply: Any, key: str) -> None:
    assert judged(reply, **options) == key


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (lambda mask: handed(~mask), "[batch 0, timesteps 0] is False, expected True"),
        (lambda mask: handed(mask[:, :-1]), "its shape is (2, 3), expected (2, 4)"),
    ],
)
def test_the_message_says_where_a_mask_differs(reply: Any, told: str) -> None:
    config, drawn = subject(return_sequences=True)
    found = declared.problem(MASK, config, drawn, reply(drawn.mask))
    assert found == (f"output is handed on with another mask than that of its steps: {told}", "another mask")
