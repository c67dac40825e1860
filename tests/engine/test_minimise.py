"""A failing case made small: the known smallest one is reached, within the limit."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.checks import Verdict
from conformance.engine.minimise import TRIES, minimise
from conformance.generate.tensors import tensors
from conformance.spec import Case, DataSpec, LayerConfig, Sizes, Value

FAIL = Verdict("fail", "wrong")

LARGE = Case(
    LayerConfig.of(
        "keras",
        "lstm",
        {
            "bidirectional": True,
            "merge_mode": "mul",
            "return_sequences": True,
            "return_state": True,
            "go_backwards": True,
            "use_bias": False,
            "mask": "gaps",
            "initial_state": True,
        },
        Sizes(5, 12, 9, 17),
    ),
    DataSpec("wide", 3),
)


def minimal(condition: Callable[[Case], bool], tries: int = TRIES) -> tuple[Case, list[Case]]:
    """The smallest case found, and all that were run."""
    run: list[Case] = []

    def fails(case: Case) -> Verdict | None:
        run.append(case)
        return FAIL if condition(case) else None

    return minimise(LARGE, FAIL, fails, tries)[0], run


@pytest.mark.parametrize(
    "needed",
    [{}, {"mask": "gaps"}, {"go_backwards": True, "use_bias": False}, {"bidirectional": True, "merge_mode": "mul"}],
)
def test_only_the_options_that_are_needed_are_left(needed: dict[str, Value]) -> None:
    smallest, _ = minimal(lambda case: all(case.config.get(name) == value for name, value in needed.items()))
    assert smallest.config.non_default() == needed


def test_sizes_become_as_small_as_the_failure_allows() -> None:
    smallest, _ = minimal(lambda case: case.config.sizes.units >= 3 and case.config.sizes.timesteps >= 2)
    assert smallest.config.sizes == Sizes(1, 2, 1, 3)


def test_sizes_stay_within_what_an_option_needs() -> None:
    smallest, _ = minimal(lambda case: case.config.get("mask") == "gaps")
    assert smallest.config.sizes == Sizes(1, 3, 1, 1)


def test_an_example_that_has_one_size_only_gives_way_to_ordinary_data() -> None:
    example = Case(LayerConfig.of("keras", "lstm", {}, Sizes(1, 4, 5, 3)), DataSpec("worked_example", 0))
    smallest, _ = minimise(example, FAIL, lambda case: FAIL if case.data.kind != "integers" and tensors(case) else None)
    assert (smallest.config.sizes, smallest.data.kind) == (Sizes(1, 1, 1, 1), "lattice")


def test_data_become_simple() -> None:
    assert minimal(lambda case: True)[0].data.kind == "integers"
    assert minimal(lambda case: case.data.kind not in ("integers", "lattice"))[0].data.kind == "generic"


def test_if_nothing_else_fails_the_case_stays_as_it_is() -> None:
    assert minimal(lambda case: case == LARGE)[0] == LARGE


@pytest.mark.parametrize("tries", [0, 1, 7])
def test_no_more_cases_are_run_than_allowed(tries: int) -> None:
    smallest, run = minimal(lambda case: True, tries)
    assert len(run) == tries
    assert (smallest == LARGE) == (tries == 0)


def test_every_case_that_is_tried_is_valid_and_keeps_its_seed() -> None:
    _, run = minimal(lambda case: case.config.sizes.units > 4)
    assert all(Case.from_canonical(case.canonical()) == case for case in run)
    assert {case.data.seed for case in run} == {3}


def test_an_option_that_another_one_needs_goes_with_it() -> None:
    config = LARGE.config.refitted(bidirectional=False)
    assert "merge_mode" not in config.options
    assert LARGE.config.with_sizes(timesteps=3).refitted(mask="none").sizes.timesteps == 3
