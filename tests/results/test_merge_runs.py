"""Several files as one: all parts once, nothing twice, nothing missing, and groups of one cause are one again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from comparing import CASES, FOOTER, PASS, WRONG, grouped, run

from conformance.engine.events import ImplementationStarted, Verdict
from conformance.errors import ResultsError
from conformance.generate.shard import Shard
from conformance.results import compare, merge
from conformance.results.merge import Named, unsharded


def part(number: int, of: int, judge: dict[str, Verdict] | None = None, name: str = "torch") -> Named:
    """One shard of a run, with the name of its file."""
    shard = Shard(number, of)
    cases = tuple(case for case in CASES if shard.has(case.config))
    results = run(lambda _: judge or {"values": PASS}, name=name, cases=cases)
    header = replace(results.header, shard=str(shard), command=f"rnn-conformance run {name} --shard {shard} --seed 1")
    return f"{name}-{number}.jsonl", replace(results, header=header)


def wrong(number: int, of: int) -> Named:
    """A shard in which everything fails for one cause."""
    name, results = part(number, of, {"values": WRONG})
    return name, grouped(results, "layer=lstm") if results.cases else results


def test_every_configuration_is_in_exactly_one_shard() -> None:
    for of in (1, 2, 3, 7):
        for case in CASES:
            assert sum(Shard(number, of).has(case.config) for number in range(1, of + 1)) == 1


def test_draws_of_one_configuration_stay_together() -> None:
    shard = Shard(1, 3)
    belongs: dict[str, set[bool]] = {}
    for case in CASES:
        belongs.setdefault(case.config.id, set()).add(shard.has(case.config))
    assert all(len(answers) == 1 for answers in belongs.values())


@pytest.mark.parametrize("of", [1, 2, 3, 5])
def test_all_shards_together_are_the_whole_run(of: int) -> None:
    merged = merge([part(number, of) for number in range(1, of + 1)])
    whole = run()
    assert {record.id for record in merged.cases} == {record.id for record in whole.cases}
    assert len(merged.cases) == len(whole.cases)
    assert merged.header.shard is None
    assert merged.header.command == "rnn-conformance run torch --seed 1"
    assert [one.planned for one in merged.implementations] == [16]
    assert not compare(whole, merged).kinds


def test_runs_of_different_implementations_become_one() -> None:
    merged = merge([("a", run(name="torch")), part(1, 2, name="other"), part(2, 2, name="other")])
    assert merged.names == ("torch", "other")
    assert len(merged.cases) == 32


def test_merged_again_nothing_changes() -> None:
    merged = merge([part(1, 2), part(2, 2)])
    assert merge([("merged", merged)]) == merged


# ---------------------------------------------------------------- what does not belong together


def test_a_missing_shard_is_named() -> None:
    with pytest.raises(ResultsError, match=r"shard 1/4, 3/4 of torch is missing; name its file too"):
        merge([part(2, 4), part(4, 4)])


def test_what_is_there_twice_is_named() -> None:
    with pytest.raises(ResultsError, match=r"shard 1/2 of torch is in torch-1.jsonl and in copy; leave one"):
        merge([part(1, 2), ("copy", part(1, 2)[1]), part(2, 2)])
    with pytest.raises(ResultsError, match=r"torch is in a and in b; leave one of the two out"):
        merge([("a", run()), ("b", run())])


def test_a_case_that_two_shards_have_is_named() -> None:
    (first, one), (second, two) = part(1, 2), part(2, 2)
    stolen = replace(two, cases=(*two.cases, one.cases[0]))
    with pytest.raises(ResultsError, match=rf"case {one.cases[0].id} of torch is in torch-1.jsonl and in torch-2"):
        merge([(first, one), (second, stolen)])


def test_shards_of_different_runs_are_refused() -> None:
    with pytest.raises(ResultsError, match=r"is shard 1/2 of torch and torch-2.jsonl is shard 2/3; both must"):
        merge([part(1, 2), part(2, 3)])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seed": 2}, r"seed is 1 and 2; run them alike"),
        ({"spec": "1.1"}, r"spec is 1.0 and 1.1"),
        ({"profile": "ci"}, r"profile is quick and ci"),
        ({"phases": ("pinned", "covering")}, r"phases is covering and pinned\+covering"),
    ],
)
def test_runs_of_other_cases_are_refused(changed: dict[str, object], message: str) -> None:
    name, results = part(2, 2)
    other = replace(results, header=replace(results.header, **changed))  # type: ignore[arg-type]
    with pytest.raises(ResultsError, match=message):
        merge([part(1, 2), (name, other)])


def test_shards_of_other_versions_are_refused() -> None:
    name, results = part(2, 2)
    newer = replace(results, implementations=(replace(results.implementations[0], versions={"torch": "2.13.0"}),))
    with pytest.raises(ResultsError, match=r"torch is torch 2.12.0 in torch-1.jsonl and torch 2.13.0 in torch-2"):
        merge([part(1, 2), (name, newer)])


def test_a_file_that_was_cut_off_is_refused() -> None:
    name, results = part(2, 2)
    with pytest.raises(ResultsError, match=r"torch-2.jsonl is cut off; go on with it by --resume, or run"):
        merge([part(1, 2), (name, replace(results, footer=None))])


@pytest.mark.parametrize("shard", ["0/2", "3/2", "two", "1/0", "1/2/3", ""])
def test_a_shard_written_by_hand_is_checked(shard: str) -> None:
    name, results = part(1, 2)
    damaged = replace(results, header=replace(results.header, shard=shard or "/"))
    with pytest.raises(ResultsError, match=r"torch-1.jsonl, line 1: '.*' is no shard; write NUMBER/OF"):
        merge([(name, damaged), part(2, 2)])


# ---------------------------------------------------------------- groups, ends, machines


def test_groups_of_one_cause_are_one_again() -> None:
    merged = merge([wrong(1, 2), wrong(2, 2)])
    (group,) = merged.groups
    assert set(group.cases) == {case.id for case in CASES}
    assert group.judged == 16
    assert group.smallest_id in group.cases


def test_groups_of_other_causes_are_numbered_anew() -> None:
    (first, one), (second, two) = wrong(1, 2), wrong(2, 2)
    other = replace(two, groups=(replace(two.groups[0], when=("use_bias=True",), also=("history",)),))
    merged = merge([(first, one), (second, other)])
    assert [(group.number, group.when, group.also) for group in merged.groups] == [
        (1, ("layer=lstm",), ()),
        (2, ("use_bias=True",), ("history",)),
    ]


def test_groups_of_two_routes_stay_two() -> None:
    def parts(number: int) -> Named:
        name, results = wrong(number, 2)
        groups = (replace(it, cause=cause) for it in results.groups for cause in ("a: values", "b: values"))
        return name, replace(results, groups=tuple(groups))

    assert [group.cause for group in merge([parts(1), parts(2)]).groups] == ["a: values", "b: values"]


def test_the_end_is_complete_only_if_every_end_is() -> None:
    (first, one), (second, two) = part(1, 2), part(2, 2)
    early = replace(FOOTER, complete=False, reason="--max-time 60", seconds=60.0, cost={"torch": {"worker": 1.5}})
    merged = merge([(first, replace(one, footer=early)), (second, replace(two, footer=early))])
    assert merged.footer is not None
    assert (merged.footer.complete, merged.footer.reason, merged.footer.seconds) == (False, "--max-time 60", 60.0)
    assert merged.footer.cost == {"torch": {"worker": 3.0}}


def test_that_an_implementation_was_broken_once_is_not_lost() -> None:
    (first, one), (second, two) = part(1, 2), part(2, 2)
    broken = ImplementationStarted("torch", "broken", message="it went away")
    merged = merge([(first, one), (second, replace(two, implementations=(*two.implementations, broken)))])
    assert [said.state for said in merged.implementations] == ["ready", "broken"]


def test_machines_stand_side_by_side() -> None:
    (first, one), (second, two) = part(1, 2), part(2, 2)
    named = [
        replace(r, header=replace(r.header, machine={"system": s, "cores": "2"})) for r, s in ((one, "A"), (two, "B"))
    ]
    assert merge([(first, named[0]), (second, named[1])]).header.machine == {"system": "A | B", "cores": "2"}


@pytest.mark.parametrize(
    ("command", "bare"),
    [
        ("run torch --shard 1/2 --seed 1", "run torch --seed 1"),
        ("run torch --shard=1/2", "run torch"),
        ("run 'cmd:./a b' --seed 1", "run 'cmd:./a b' --seed 1"),
        ("run 'torn", "run 'torn"),
    ],
)
def test_the_command_of_all_shards_has_no_shard(command: str, bare: str) -> None:
    assert unsharded(command) == bare


def test_a_case_of_the_sample_is_really_split() -> None:
    sizes = [len(part(number, 2)[1].cases) for number in (1, 2)]
    assert sum(sizes) == 16
    assert all(sizes)
