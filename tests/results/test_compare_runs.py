"""Two runs compared: every kind of change is told once for each cause, and nothing is told where nothing changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from comparing import CASES, HEADER, PASS, WRONG, grouped, is_lstm, run, verdict

from conformance.checks import joined
from conformance.engine.events import ImplementationStarted, Outcome, Verdict
from conformance.errors import ResultsError
from conformance.report.comparison import view
from conformance.results import KINDS, Change, Kind, Results, Thresholds, compare
from conformance.results.kinds import kind_of
from conformance.spec import Case


def only_change(before: Results, after: Results) -> Change:
    """The one change of the one implementation that was compared."""
    (one,) = compare(before, after).implementations
    (change,) = one.changes
    return change


def kinds(before: Results, after: Results, *wanted: str) -> dict[Kind, int]:
    return dict(compare(before, after, wanted).kinds)


# ---------------------------------------------------------------- kinds


def of_routes(**outcomes: Outcome) -> Verdict:
    """A verdict on several routes."""
    return joined([Verdict(it, f"{route} is wrong", cause=f"{route}: values") for route, it in outcomes.items()])


@pytest.mark.parametrize(
    ("was", "now", "kind"),
    [
        (of_routes(a="fail"), of_routes(a="fail", b="fail"), "regressed"),
        (of_routes(b="fail"), of_routes(a="fail", b="fail"), "regressed"),
        (of_routes(a="known"), of_routes(a="known", b="fail"), "regressed"),
        (of_routes(a="known"), of_routes(a="known", b="known"), "changed"),
        (of_routes(a="fail", b="fail"), of_routes(b="fail"), "changed"),
        (of_routes(a="fail", b="fail"), of_routes(a="fail", c="fail"), "changed"),
        (of_routes(a="fail", b="fail"), of_routes(a="fail", b="fail"), None),
        (of_routes(a="fail", b="fail"), PASS, "fixed"),
    ],
)
def test_one_route_that_fails_does_not_hide_another(was: Verdict, now: Verdict, kind: Kind | None) -> None:
    assert kind_of(was, now, Thresholds()) == kind


DEVIATING: tuple[Outcome, ...] = ("fail", "error", "crash", "timeout")


@pytest.mark.parametrize("bad", DEVIATING)
@pytest.mark.parametrize("good", ["pass", "fixed", "unspecified"])
def test_what_deviates_now_and_did_not_is_a_regression_and_the_other_way_round_is_fixed(
    bad: Outcome, good: Outcome
) -> None:
    assert kind_of(Verdict(good), Verdict(bad), Thresholds()) == "regressed"
    assert kind_of(Verdict(bad), Verdict(good), Thresholds()) == "fixed"


TRANSITIONS: list[tuple[Outcome, Outcome, Kind | None]] = [
    ("pass", "pass", None),
    ("pass", "fixed", None),
    ("fail", "fail", None),
    ("fail", "crash", "changed"),
    ("known", "known", None),
    ("known", "fixed", "fixed"),
    ("known", "pass", "fixed"),
    ("known", "fail", "changed"),
    ("pass", "known", "changed"),
    ("fail", "known", "changed"),
    ("unspecified", "unspecified", None),
    ("pass", "unspecified", "behaviour changed"),
    ("unspecified", "pass", "behaviour changed"),
    ("unsupported", "unsupported", None),
    ("unsupported", "not run", None),
    ("unsupported", "pass", "not comparable"),
    ("pass", "unsupported", "not comparable"),
    ("fail", "not run", "not comparable"),
    ("not run", "pass", "not comparable"),
    ("not run", "fail", "changed"),
]


@pytest.mark.parametrize(("was", "now", "kind"), TRANSITIONS)
def test_every_other_pair_of_outcomes_has_its_kind(was: Outcome, now: Outcome, kind: Kind | None) -> None:
    assert kind_of(Verdict(was), Verdict(now), Thresholds()) == kind


def test_a_check_that_only_one_run_made_is_not_comparable() -> None:
    assert kind_of(None, Verdict("fail"), Thresholds()) == "not comparable"
    assert kind_of(Verdict("pass"), None, Thresholds()) == "not comparable"


def test_another_cause_is_a_change_and_other_numbers_are_not() -> None:
    first = Verdict("error", "ValueError: 3 weights, expected 4")
    assert kind_of(first, Verdict("error", "ValueError: 7 weights, expected 8"), Thresholds()) is None
    assert kind_of(first, Verdict("error", "TypeError: 3 weights, expected 4"), Thresholds()) == "changed"
    assert kind_of(WRONG, replace(WRONG, cause="not finite"), Thresholds()) == "changed"
    assert kind_of(WRONG, replace(WRONG, message="something else", ratio=90.0), Thresholds()) is None


def test_open_behaviour_that_says_something_else_has_changed() -> None:
    was, now = Verdict("unspecified", "differs by 1e-7"), Verdict("unspecified", "differs by 3e-7")
    assert kind_of(was, now, Thresholds()) is None
    assert kind_of(was, Verdict("unspecified", "zeros at masked steps"), Thresholds()) == "behaviour changed"
    assert kind_of(Verdict("pass", "TypeError"), Verdict("pass", "ValueError"), Thresholds()) == "behaviour changed"


@pytest.mark.parametrize(
    ("was", "now", "drifts"),
    [
        (0.2, 0.39, False),
        (0.2, 0.41, True),
        (0.41, 0.2, True),
        (0.001, 0.09, False),
        (0.0, 0.2, True),
        (0.0, 0.0, False),
    ],
)
def test_error_by_allowed_drifts_by_more_than_a_factor_and_not_where_it_is_negligible(
    was: float, now: float, drifts: bool
) -> None:
    assert (kind_of(verdict(was), verdict(now), Thresholds()) == "drifted") is drifts


# ---------------------------------------------------------------- nothing changed


def test_equal_runs_at_other_times_show_nothing() -> None:
    after = run(version="2.13.0")
    (one,) = compare(run(), after).implementations
    assert one.changes == ()
    assert one.cases == len(CASES)
    assert one.transitions == {"values": {("pass", "pass"): 16}}


def test_the_order_of_cases_does_not_matter() -> None:
    bad = grouped(run(lambda case: {"values": WRONG if is_lstm(case) else PASS}), "layer=lstm")
    shuffled = replace(run(version="2.13.0"), cases=tuple(reversed(run().cases)))
    assert kinds(shuffled, bad) == {"regressed": 1}


def test_equal_totals_hide_nothing() -> None:
    before = run(lambda case: {"values": WRONG if is_lstm(case) else PASS})
    after = run(lambda case: {"values": PASS if is_lstm(case) else WRONG}, version="2.13.0")
    assert kinds(before, after) == {"regressed": 1, "fixed": 1}


# ---------------------------------------------------------------- one entry for each cause


def test_a_new_group_explains_a_regression() -> None:
    after = grouped(
        run(lambda case: {"values": WRONG if is_lstm(case) else PASS}, version="2.13.0"),
        "layer=lstm",
        looks_like="gates swapped",
    )
    change = only_change(run(), after)
    assert (change.kind, change.checks, change.was, change.now) == ("regressed", ("values",), "pass", "fail")
    assert (change.explanation.when, change.explanation.exact) == (("layer=lstm",), True)
    assert (change.explanation.side, change.explanation.group, change.explanation.whole) == ("after", 1, True)
    assert change.looks_like == "gates swapped"
    assert len(change.cases) == 8
    assert change.comparable == 16
    assert change.example in change.cases


def test_a_group_that_was_there_and_has_grown_is_not_whole() -> None:
    before = grouped(run(lambda case: {"values": WRONG if is_lstm(case) else PASS}), "layer=lstm")
    after = grouped(run(lambda _: {"values": WRONG}, version="2.13.0"))
    change = only_change(before, after)
    assert change.kind == "regressed"
    assert len(change.cases) == 8
    assert not change.explanation.whole


def test_a_group_that_is_gone_explains_what_is_fixed() -> None:
    before = grouped(run(lambda case: {"values": WRONG if is_lstm(case) else PASS}), "layer=lstm")
    change = only_change(before, run(version="2.13.0"))
    assert change.kind == "fixed"
    assert (change.explanation.side, change.explanation.when) == ("before", ("layer=lstm",))


def test_two_groups_are_two_entries() -> None:
    def judge(case: Case) -> dict[str, Verdict]:
        return {"values": WRONG, "dtype": PASS} if is_lstm(case) else {"values": PASS, "dtype": Verdict("fail", "x")}

    good = run(lambda _: {"values": PASS, "dtype": PASS})
    after = run(judge, version="2.13.0")
    groups = (
        *grouped(after, "layer=lstm").groups,
        *(replace(group, number=2) for group in grouped(after, "layer=gru", check="dtype").groups),
    )
    (one,) = compare(good, replace(after, groups=groups)).implementations
    assert [(change.checks, change.explanation.when) for change in one.changes] == [
        (("values",), ("layer=lstm",)),
        (("dtype",), ("layer=gru",)),
    ]


def of_two_routes(**outcomes: Outcome) -> Results:
    """LSTM fails on these routes, with a group for each that is not declared."""
    found = run(lambda case: {"routes": of_routes(**outcomes) if is_lstm(case) else PASS})
    failing = [route for route, outcome in outcomes.items() if outcome == "fail"]
    numbered = (
        replace(group, number=at, cause=f"{route}: values")
        for at, route in enumerate(failing, 1)
        for group in grouped(found, "layer=lstm", check="routes").groups
    )
    return replace(found, groups=tuple(numbered))


@pytest.mark.parametrize(
    ("was", "now", "kind", "groups"),
    [
        ({}, {"a": "fail", "b": "fail"}, "regressed", [("after", 1), ("after", 2)]),
        ({"a": "fail"}, {"a": "fail", "b": "fail"}, "regressed", [("after", 2)]),
        ({"b": "fail"}, {"a": "fail", "b": "fail"}, "regressed", [("after", 1)]),
        ({"a": "known"}, {"a": "known", "b": "fail"}, "regressed", [("after", 1)]),
        ({"a": "fail", "b": "fail"}, {}, "fixed", [("before", 1), ("before", 2)]),
        ({"a": "fail", "b": "fail"}, {"a": "fail", "c": "fail"}, "changed", [("after", 2)]),
    ],
)
def test_of_several_routes_those_that_changed_are_told_each_by_its_group(
    was: dict[str, Outcome], now: dict[str, Outcome], kind: Kind, groups: list[tuple[str, int]]
) -> None:
    good = run(lambda _: {"routes": PASS})
    before, after = (of_two_routes(**outcomes) if outcomes else good for outcomes in (was, now))
    later = replace(after, header=replace(after.header, command="run torch==2.13.0"))
    (one,) = compare(before, later).implementations
    assert {change.kind for change in one.changes} == {kind}
    assert [(it.explanation.side, it.explanation.group) for it in one.changes] == groups
    assert {len(change.cases) for change in one.changes} == {8}


def test_why_a_check_was_not_made_is_told() -> None:
    before, after = (run(lambda _, checks=checks: checks) for checks in ({"values": PASS}, {"rows": WRONG}))  # type: ignore[misc]
    full = replace(after, header=replace(after.header, profile="full"))
    for change in compare(before, full).implementations[0].changes:
        assert change.kind == "not comparable"
        assert "not checked: profiles differ (quick, full)" in (change.said, change.says)


def test_what_fails_as_a_consequence_of_a_group_belongs_to_it() -> None:
    good = run(lambda _: {"values": PASS, "history": PASS})
    bad = grouped(
        run(lambda case: {"values": WRONG if is_lstm(case) else PASS, "history": WRONG}, version="2.13.0"), "layer=lstm"
    )
    after = replace(bad, groups=(replace(bad.groups[0], also=("history",)),))
    change = only_change(good, after)
    assert change.checks == ("values", "history")
    assert change.explanation.when == ("layer=lstm",)
    assert next(case for case in CASES if case.id == change.example).config.layer == "lstm"


def test_another_mistake_behind_the_same_failure_is_a_change() -> None:
    bad = run(lambda case: {"values": WRONG if is_lstm(case) else PASS})
    before, after = (grouped(bad, "layer=lstm", looks_like=mistake) for mistake in ("gates swapped", "bias missing"))
    after = replace(after, footer=replace(bad.footer, seconds=8.0))  # type: ignore[type-var]
    assert kinds(before, after) == {"changed": 1}


def test_without_groups_the_values_that_changed_cases_share_say_when() -> None:
    def judge(case: Case) -> dict[str, Verdict]:
        hit = is_lstm(case) and case.config.options["use_bias"] is False
        return {"values": WRONG if hit else PASS}

    change = only_change(run(), run(judge, version="2.13.0"))
    assert set(change.explanation.when) == {"layer=lstm", "use_bias=False"}
    assert change.explanation.exact
    assert change.explanation.side is None


def test_what_changed_cases_share_is_not_exact_where_others_are_like_that() -> None:
    bad = {case.id for case in CASES if is_lstm(case)} - {CASES[0].id}
    change = only_change(run(), run(lambda case: {"values": WRONG if case.id in bad else PASS}, version="2.13.0"))
    assert change.explanation.when == ("layer=lstm",)
    assert not change.explanation.exact


def test_drifts_up_and_down_are_two_entries_with_their_quartiles() -> None:
    before = run(lambda _: {"values": verdict(0.2)})
    after = run(lambda case: {"values": verdict(0.8 if is_lstm(case) else 0.05)}, version="2.13.0")
    (one,) = compare(before, after).implementations
    assert [(change.kind, change.explanation.when) for change in one.changes] == [
        ("drifted", ("layer=lstm",)),
        ("drifted", ("layer=gru",)),
    ]
    assert [change.ratios[1].median for change in one.changes if change.ratios] == [0.8, 0.05]


def test_silent_checks_of_one_reason_are_one_entry_that_names_the_checks() -> None:
    blocked = Verdict("not run", "says nothing because accepted did not pass")
    good = run(lambda _: {"accepted": PASS, "structure": PASS, "values": PASS})
    bad = run(
        lambda _: {"accepted": Verdict("error", "x", cause="x"), "structure": blocked, "values": blocked},
        version="2.13.0",
    )
    (one,) = compare(good, bad).implementations
    assert [(change.kind, change.checks) for change in one.changes] == [
        ("regressed", ("accepted",)),
        ("not comparable", ("structure", "values")),
    ]


# ---------------------------------------------------------------- not comparable


def test_cases_of_only_one_run_are_told_with_the_reason() -> None:
    half = run(version="2.13.0", cases=CASES[:8])
    after = replace(half, header=replace(half.header, seed=2, phases=("covering", "random")))
    change = only_change(run(), after)
    assert change.kind == "not comparable"
    assert len(change.cases) == 8
    assert change.checks == ()
    assert "seeds differ (1, 2) and phases differ (covering, covering+random)" in change.says


def test_a_cut_file_is_compared_as_far_as_it_goes_and_says_so() -> None:
    cut = replace(run(version="2.13.0", cases=CASES[:8]), footer=None)
    comparison = compare(run(), cut)
    assert comparison.notes == ("The file after is cut off; it is compared as far as it goes.",)
    assert comparison.implementations[0].cases == 8
    assert "did not end in order" in comparison.implementations[0].changes[0].says


def test_of_different_specifications_only_common_cases_are_compared() -> None:
    after = run(version="2.13.0", cases=CASES[4:])
    after = replace(after, header=replace(after.header, spec="1.1"))
    comparison = compare(run(), after)
    assert "different specifications (1.0, 1.1): only cases that both have" in comparison.notes[0]
    assert comparison.implementations[0].changes == ()
    assert comparison.implementations[0].cases == 12


def test_what_else_differs_is_noted() -> None:
    after = run(version="2.13.0")
    header = replace(after.header, suite="0.2", machine={"system": "other"}, implementations=("torch", "extra"))
    footer = replace(after.footer, complete=False, reason="interrupted")  # type: ignore[type-var]
    notes = "\n".join(compare(run(), replace(after, header=header, footer=footer)).notes)
    assert "The run after is not complete (interrupted)" in notes
    assert "Different versions of rnn-conformance wrote the files (0.1, 0.2)" in notes
    assert "The machines differ (system)" in notes
    assert "only after has it: extra" in notes


def test_exchanged_files_are_suspected() -> None:
    early = run(version="2.13.0")
    early = replace(early, header=replace(early.header, started="2025-12-31T00:00:00Z"))
    assert "perhaps the files are exchanged" in compare(run(), early).notes[0]


def test_an_implementation_that_no_longer_starts_has_regressed() -> None:
    broken = Results(
        replace(HEADER, seed=2), (ImplementationStarted("torch", "broken", message="no module torch"),), (), (), None
    )
    change = only_change(run(), broken)
    assert (change.kind, change.says) == ("regressed", "no module torch")
    assert only_change(broken, run()).kind == "fixed"


# ---------------------------------------------------------------- which implementations


def test_the_only_implementations_belong_together_whatever_their_names() -> None:
    (one,) = compare(run(name="torch"), run(name="cmd:./x --a=b")).implementations
    assert (one.before, one.after) == ("torch", "cmd:./x --a=b")


def test_names_with_an_equals_sign_can_be_matched() -> None:
    (one,) = compare(run(name="cmd:./x --a=b"), run(name="torch"), ["cmd:./x --a=b=torch"]).implementations
    assert (one.before, one.after) == ("cmd:./x --a=b", "torch")


def test_two_implementations_of_one_run_can_be_compared() -> None:
    first, second = run(name="torch"), run(lambda _: {"values": WRONG}, name="other")
    both = replace(
        first,
        header=replace(HEADER, implementations=("torch", "other")),
        implementations=first.implementations + second.implementations,
        cases=first.cases + second.cases,
    )
    assert kinds(both, both, "torch=other") == {"regressed": 1}
    with pytest.raises(ResultsError, match=r"both files are the same run; name another one, or two impl"):
        compare(both, both)


def test_what_cannot_be_compared_is_an_error_in_one_line() -> None:
    lone, other = run(name="a"), run(name="b")
    two = replace(other, header=replace(HEADER, implementations=("b", "c")))
    with pytest.raises(ResultsError, match=r"before has a, after has b, c; name two with --match BEFORE=AFTER"):
        compare(lone, two)
    with pytest.raises(ResultsError, match=r"--match a=x: write BEFORE=AFTER; before has a, after has b"):
        compare(lone, other, ["a=x"])
    ci = run(version="2.13.0", cases=CASES[8:])
    with pytest.raises(ResultsError, match=r"no case in common: profiles differ \(quick, ci\); run both with the same"):
        compare(run(cases=CASES[:8]), replace(ci, header=replace(HEADER, profile="ci")))


def test_a_case_that_was_run_twice_counts_as_it_deviated() -> None:
    good, bad = run(), run(lambda _: {"values": WRONG}, version="2.13.0")
    assert kinds(good, replace(bad, cases=bad.cases + good.cases)) == {"regressed": 1}


# ---------------------------------------------------------------- speed


def test_three_of_four_cases_and_the_median_make_it_slower() -> None:
    (one,) = compare(run(seconds=lambda _: 1e-3), run(seconds=lambda _: 2e-3, version="2.13.0")).implementations
    assert [(speed.layer, speed.cases, speed.kind) for speed in one.speeds] == [
        (None, 16, "slower"),
        ("gru", 8, "slower"),
        ("lstm", 8, "slower"),
    ]
    assert one.speeds[0].ratio.median == pytest.approx(2)
    assert one.kinds == {"slower": 1}
    assert compare(run(seconds=lambda _: 2e-3), run(seconds=lambda _: 1e-3, version="2.13.0")).kinds == {"faster": 1}


def test_times_that_scatter_or_are_too_short_say_nothing() -> None:
    scatter = {case.id: 1e-3 * (3 if place % 3 else 0.5) for place, case in enumerate(CASES)}
    (one,) = compare(
        run(seconds=lambda _: 1e-3), run(seconds=lambda case: scatter[case.id], version="2.13.0")
    ).implementations
    assert one.speeds[0].kind is None
    (short,) = compare(run(seconds=lambda _: 1e-5), run(seconds=lambda _: 9e-5, version="2.13.0")).implementations
    assert short.speeds == ()


def test_every_kind_has_a_meaning() -> None:
    assert all(KINDS.values())


def test_what_is_declared_after_is_explained_by_its_group_before() -> None:
    known = replace(WRONG, outcome="known", message="gates: why")
    before = grouped(run(lambda case: {"values": WRONG if is_lstm(case) else PASS}), "layer=lstm")
    after = run(lambda case: {"values": known if is_lstm(case) else PASS}, version="2.13.0")
    change = only_change(before, after)
    assert (change.kind, change.was, change.now) == ("changed", "fail", "known")
    assert (change.explanation.when, change.explanation.side) == (("layer=lstm",), "before")
    (entry,) = view(compare(before, after), ("a", "b")).entries
    assert ("declared", "as known in the run after alone; it deviates in both") in entry.facts
