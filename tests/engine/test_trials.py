"""Which laws are tried: a few on each configuration, every one somewhere, the same in every part of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.engine.requests import Hello
from conformance.engine.trials import Trials, first_places, trials, tries
from conformance.generate.phases import PROFILES, Batch, plan
from conformance.laws import FEATURES, LAWS, WAYS, Plan
from conformance.spec import load_dialect


def everything(dialect: str, features: tuple[str, ...] = tuple(name for name in FEATURES if name not in WAYS)) -> Hello:
    """An implementation that claims all options, and features, but offers no ways."""
    rules = load_dialect(dialect)
    options = {name: option.values for name, option in rules.options.items()}
    return Hello(dialect, {}, {}, tuple(rules.layers), options, ("eager",), features=features)


def batches(dialect: str) -> list[Batch]:
    return list(plan(load_dialect(dialect), PROFILES["quick"], 1))


@pytest.mark.parametrize("dialect", ["keras", "torch"])
def test_quick_tries_every_law_that_says_something(dialect: str) -> None:
    hello, planned = everything(dialect), batches(dialect)
    chosen = Trials(hello, 2, owed=first_places(hello, planned, 2))
    tried = {name for batch in planned for name, plan in chosen.of(batch) if isinstance(plan, Plan)}
    some = {name for name in LAWS if any(tries(hello, name, batch.cases[0]) for batch in planned)}
    assert tried == some
    assert len(some) > 20


def test_what_comes_first_takes_the_place_of_others() -> None:
    hello, planned = everything("keras"), batches("keras")
    owed = first_places(hello, planned, 2)
    assert max(map(len, owed.values())) <= 2
    for batch in planned:
        found = [name for name, plan in Trials(hello, 2, owed=owed).of(batch) if isinstance(plan, Plan)]
        assert len(found) <= 2
        assert found[: len(owed.get(batch.cases[0].id, ()))] == list(owed.get(batch.cases[0].id, ()))


def test_laws_that_are_not_claimed_take_no_place() -> None:
    hello, planned = everything("keras", features=()), batches("keras")
    owed = first_places(hello, planned, 2)
    assert not {name for names in owed.values() for name in names if LAWS[name].needs}
    valid = [batch for batch in planned if batch.cases[0].rejection is None]
    for batch in valid:
        plans = [plan for _, plan in Trials(hello, 2, owed=owed).of(batch)]
        assert sum(isinstance(plan, Plan) for plan in plans) == 2


def test_a_witness_is_tried_for_what_it_is_a_witness_of() -> None:
    hello, planned = everything("keras"), batches("keras")
    first = next(batch for batch in planned if tries(hello, "rows", batch.cases[0]))
    named = {first.cases[0].id: ("rows",)}
    assert [name for name, _ in Trials(hello, 2, named).of(first)] == ["rows"]


@pytest.mark.parametrize(
    ("name", "ways"),
    [("routes/whole_file", {"whole_file"}), ("routes/whole*", {"whole", "whole_file"}), ("routes/other*", set())],
)
def test_a_route_is_named_in_full_or_by_how_it_begins(name: str, ways: set[str]) -> None:
    hello = replace(everything("keras"), ways={"routes": {"whole": {}, "whole_file": {}, "in_part": {}}})
    case = next(batch for batch in batches("keras") if batch.cases[0].rejection is None).cases[0]
    plans = [plan for _, plan in trials(hello, case, (name,)) if isinstance(plan, Plan)]
    assert {call.manner.name for plan in plans for call in plan.calls} - {""} == ways
    assert tries(hello, name, case) == bool(ways)


def test_nothing_is_tried_where_something_must_be_refused() -> None:
    hello = everything("keras")
    refused = next(batch for batch in batches("keras") if batch.cases[0].rejection is not None)
    assert list(Trials(hello, 2).of(refused)) == []
    assert list(Trials(hello).of(batches("keras")[0])) == []
