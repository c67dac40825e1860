"""What a failure looks like: every mistake is recognised by its own results, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from conformance.checks import Expectation, Reply
from conformance.checks.observation import expectations
from conformance.engine.diagnosis import looks_like
from conformance.engine.scene import Suspect
from conformance.engine.suspects import suspects
from conformance.errors import SpecError
from conformance.generate.tensors import tensors
from conformance.reference import Expected, evaluate, precision
from conformance.spec import Case, DataSpec, LayerConfig, Sizes, Value

SIZES = Sizes(batch=3, timesteps=5, features=4, units=6)

CONFIGS: list[tuple[str, str, dict[str, Value]]] = [
    ("keras", "simple_rnn", {"go_backwards": True, "return_sequences": True}),
    (
        "keras",
        "simple_rnn",
        {"go_backwards": True, "return_sequences": True, "zero_output_for_mask": True, "mask": "right"},
    ),
    ("keras", "lstm", {"activation": "relu", "initial_state": True, "mask": "gaps"}),
    ("keras", "lstm", {"bidirectional": True, "initial_state": True, "return_sequences": True}),
    ("keras", "gru", {"recurrent_activation": "hard_sigmoid", "reset_after": False}),
    ("keras", "gru", {"bidirectional": True, "merge_mode": "mul", "mask": "left", "return_state": True}),
    ("torch", "lstm", {"num_layers": 2, "bidirectional": True, "hx": True}),
    ("torch", "gru", {"input": "packed_unsorted"}),
    ("torch", "simple_rnn", {"nonlinearity": "relu"}),
]


def expectation(dialect: str, layer: str, options: dict[str, Value], seed: int = 1) -> Expectation:
    case = Case(LayerConfig.of(dialect, layer, options, SIZES), DataSpec("generic", seed))
    return expectations([case], [tensors(case)], precision(case.config.dtype))[0]


def reply(due: Expectation, changed: tuple[Expected, ...] | None = None) -> Reply:
    """What an implementation returns that gives these values."""
    given = changed or due.step
    arrays = (
        np.zeros(contract.shape, contract.dtype) if it.value is None else it.value.astype(contract.dtype)
        for it, contract in zip(given, due.contract, strict=True)
    )
    return Reply(tuple(arrays), due.structure, 0.0)


def possible(due: Expectation) -> list[tuple[Suspect, Reply]]:
    """The mistakes that can be made here and change something that is specified, with what they give."""
    found = []
    for suspect in suspects(due):
        try:
            outputs = tuple(suspect.outputs("step"))
        except SpecError:
            continue
        if [it.name for it in outputs] == [it.name for it in due.contract]:
            found.append((suspect, reply(due, outputs)))
    return found


@pytest.mark.parametrize(("dialect", "layer", "options"), CONFIGS)
def test_a_right_result_looks_like_nothing(dialect: str, layer: str, options: dict[str, Value]) -> None:
    due = expectation(dialect, layer, options)
    assert looks_like([(due, reply(due))]) is None


@pytest.mark.parametrize(("dialect", "layer", "options"), CONFIGS)
def test_every_mistake_is_recognised(dialect: str, layer: str, options: dict[str, Value]) -> None:
    """By its own name, or by that of an earlier mistake with the same results; mistakes without effect by none."""
    due = expectation(dialect, layer, options)
    known = possible(due)
    assert len(known) >= 5
    for suspect, made in known:
        named = looks_like([(due, made)])
        same = [
            other.name
            for other, result in known
            if all(np.allclose(a, b, atol=1e-5) for a, b in zip(result.outputs, made.outputs, strict=True))
        ]
        unchanged = all(np.allclose(a, b, atol=1e-5) for a, b in zip(made.outputs, reply(due).outputs, strict=True))
        opened = any(it.specified is not None for it in (*due.step, *suspect.outputs("step")))
        assert named in same or (named is None and (unchanged or opened)), (suspect.name, named)


def test_no_name_is_given_twice_to_one_case() -> None:
    for dialect, layer, options in CONFIGS:
        names = [suspect.name for suspect in suspects(expectation(dialect, layer, options))]
        assert len(set(names)) == len(names)


def test_a_result_that_no_mistake_gives_looks_like_nothing() -> None:
    due = expectation("keras", "lstm", {})
    noise = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)
    assert looks_like([(due, replace(reply(due), outputs=(noise,)))]) is None


def test_a_mistake_must_explain_every_sample() -> None:
    samples = []
    for seed, name in ((1, "the bias is ignored"), (2, "the bias is added twice")):
        due = expectation("keras", "gru", {}, seed)
        made = next(made for suspect, made in possible(due) if suspect.name == name)
        samples.append((due, made))
        assert looks_like(samples[-1:]) == name
    assert looks_like(samples) is None


def test_a_mistake_may_leave_some_samples_open_but_not_most() -> None:
    """Turned round, steps come before a row's first unmasked one whose value is not specified."""
    name = "the sequence read backwards is turned round to time order"
    options: dict[str, Value] = {"go_backwards": True, "return_sequences": True, "mask": "right", "initial_state": True}
    samples = {}
    for seed in (0, 1, 3):
        due = expectation("keras", "lstm", options, seed)
        samples[seed] = due, next(made for suspect, made in possible(due) if suspect.name == name)
    assert [looks_like([sample]) == name for sample in samples.values()] == [True, True, False]
    assert looks_like([*samples.values()]) == name
    assert looks_like([samples[0], samples[3]]) is None


def test_a_mistake_must_explain_the_value_and_not_only_come_near() -> None:
    due = expectation("keras", "gru", {})
    made = next(made for suspect, made in possible(due) if suspect.name == "the bias is ignored")
    near = replace(made, outputs=tuple(array * np.float32(1 + 1e-4) for array in made.outputs))
    assert looks_like([(due, near)]) is None


def test_values_of_a_lower_precision_are_named() -> None:
    due = expectation("keras", "gru", {})
    coarse = tuple(array.astype(np.float16).astype(np.float32) for array in reply(due).outputs)
    assert looks_like([(due, replace(reply(due), outputs=coarse))]) == "values have the precision of float16"


def test_a_layer_that_computes_partly_in_float32_is_named() -> None:
    """Its values have all digits of float64, and errors of float32: here those of a bias that was rounded."""
    due = expectation("keras", "gru", {"dtype": "float64"})
    *matrices, bias = due.tensors.weights
    rounded = replace(due.tensors, weights=(*matrices, bias.astype(np.float32).astype(np.float64)))
    (given,) = evaluate(due.case.config, [rounded], precision("float64"), "step")
    assert looks_like([(due, reply(due, tuple(given)))]) == "partly computed in float32"


@pytest.mark.parametrize("off", [1e-13, 1e-3])
def test_an_error_of_another_size_is_not_one_of_float32(off: float) -> None:
    due = expectation("keras", "gru", {"dtype": "float64"})
    wrong = tuple(array + off for array in reply(due).outputs)
    assert looks_like([(due, replace(reply(due), outputs=wrong))]) is None


def test_nothing_looks_like_anything_without_samples() -> None:
    assert looks_like([]) is None
