"""What a report says follows from the results, and all its numbers add up."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import sample

from conformance.engine.events import DEVIATIONS, ImplementationStarted, RunFinished, Verdict
from conformance.report.model import Report, view
from conformance.report.numerics import BINS_PER_DECADE, FEW, LOWEST, accuracies, spreads
from conformance.report.tally import Tally
from conformance.report.text import exact, number, safe, share, short
from conformance.results import Results


@pytest.fixture(scope="module")
def report() -> Report:
    return view(sample.results())


def standing(report: Report, name: str) -> str:
    return next(f"{one.label}: {one.verdict}" for one in report.standings if one.name == name)


# ---------------------------------------------------------------- verdicts


def test_worst_first(report: Report) -> None:
    assert [one.name for one in report.standings] == [sample.LOST, sample.FAST, sample.TORCH, sample.GOOD]
    assert [one.status for one in report.standings] == ["broken", "deviates", "deviates", "conforms"]


def test_a_verdict_is_a_sentence_with_denominators(report: Report) -> None:
    assert standing(report, sample.TORCH) == (
        "torch 2.13.0: 2 deviations in 2 of 9 checks; 183 of 192 applicable cases pass."
    )
    assert standing(report, sample.GOOD) == (
        "keras:tensorflow (keras 3.15.1, tensorflow 2.21.0): "
        "no deviation in 9 checks; 192 of 195 applicable cases pass; 3 known."
    )
    assert standing(report, sample.FAST).endswith("pass; 8 known; 14 fixed; 20 unsupported.")


def test_a_broken_implementation_is_broken_and_not_zero_per_cent(report: Report) -> None:
    assert standing(report, sample.LOST) == ("keras:jax: broken: no module named 'jax'; install rnn-conformance[jax].")
    column = report.checks.columns.index(sample.LOST)
    assert {row.cells[column].outcome for row in report.checks.sections[0].rows} == {"not run"}


def test_broken_halfway_says_what_was_found_before() -> None:
    run = sample.results()
    lost = ImplementationStarted(sample.TORCH, "broken", message="the worker died three times")
    verdict = standing(view(replace(run, implementations=(*run.implementations, lost))), sample.TORCH)
    assert "broken: the worker died three times. Before that: 2 deviations in 2 of 9 checks" in verdict


def test_passing_cases_and_all_others_make_up_the_applicable_ones(report: Report) -> None:
    run = sample.results()
    for one in report.standings:
        counts = one.tally.counts
        assert one.tally.total == len({record.id for record in run.cases if record.implementation == one.name})
        assert one.tally.judged == sum(counts.get(o, 0) for o in (*DEVIATIONS, "known", "fixed", "pass"))
        assert one.tally.total - one.tally.judged == sum(
            counts.get(o, 0) for o in ("unspecified", "unsupported", "not run")
        )
        assert one.groups == sum(group.implementation == one.name for group in report.groups)


def test_a_case_in_two_modes_counts_once_with_its_worst_outcome() -> None:
    run = sample.results()
    again = tuple(replace(record, mode="graph") for record in run.cases)
    twice = view(replace(run, cases=run.cases + again))
    assert [one.tally for one in twice.standings] == [one.tally for one in view(run).standings]
    assert twice.checks == view(run).checks
    assert [group.judged for group in twice.groups] == [group.judged for group in view(run).groups]


def test_nothing_judged_is_no_success() -> None:
    one = view(Results(sample.HEADER, sample.IMPLEMENTATIONS[:1], footer=sample.FOOTER)).standings
    good = next(entry for entry in one if entry.name == sample.GOOD)
    assert (good.status, good.verdict) == ("not run", "nothing was judged.")


# ---------------------------------------------------------------- runs that are not whole


def test_a_cut_off_run_says_so_everywhere() -> None:
    report = view(sample.results(finished=False))
    assert report.warnings[0].startswith("The results are cut off")
    assert "so far, no deviation in 9 checks" in standing(report, sample.GOOD)
    assert {one.status for one in report.standings} == {"broken", "deviates", "incomplete"}


@pytest.mark.parametrize("reason", ["interrupted", "keras:jax is broken"])
def test_an_incomplete_run_says_why(reason: str) -> None:
    footer = RunFinished(False, reason, "2026-01-01T09:31:00Z", 60.0)
    (warning,) = view(replace(sample.results(), footer=footer)).warnings
    assert reason in warning


def test_without_group_records_failures_are_grouped_by_cause() -> None:
    whole, cut = view(sample.results()), view(sample.results(finished=False))
    assert len(cut.groups) == len(whole.groups)
    assert all(group.when is None for group in cut.groups)
    assert [(g.implementation, g.check, g.outcome, g.cases, g.judged) for g in cut.groups] == [
        (g.implementation, g.check, g.outcome, g.cases, g.judged) for g in whole.groups
    ]


def test_no_failure_goes_without_a_group() -> None:
    run = sample.results()
    report = view(replace(run, groups=run.groups[:1]))
    explained = {(group.implementation, group.check) for group in report.groups}
    failing = {(r.implementation, c) for r in run.cases for c, v in r.outcomes.items() if v.outcome in DEVIATIONS}
    assert explained == failing
    assert [group.number for group in report.groups] == list(range(1, len(report.groups) + 1))


# ---------------------------------------------------------------- matrices


def test_cells_of_a_check_count_every_case_of_the_implementation_once(report: Report) -> None:
    run = sample.results()
    for row in report.checks.sections[0].rows:
        for name, cell in zip(report.checks.columns, row.cells, strict=True):
            found = {r.id for r in run.cases if r.implementation == name and row.name in r.outcomes}
            assert cell.tally.total == len(found)


def test_values_of_an_option_and_invalid_cases_add_up(report: Report) -> None:
    for matrix in report.options:
        sections = {section.name: section for section in matrix.sections}
        for column, name in enumerate(matrix.columns):
            total = next(one.tally.total for one in report.standings if one.name == name)
            sums = {key: sum(r.cells[column].tally.total for r in one.rows) for key, one in sections.items()}
            assert sums["layer"] == sums["dtype"] == total - sums["invalid"]


def test_every_dialect_has_a_matrix_with_its_implementations(report: Report) -> None:
    columns = {matrix.title: set(matrix.columns) for matrix in report.options}
    assert columns == {"Keras 3": {sample.GOOD, sample.FAST}, "PyTorch": {sample.TORCH}}


def test_a_failing_cell_leads_to_its_group(report: Report) -> None:
    anchors = {group.anchor: group for group in report.groups}
    cells = [
        (row.name, name, cell)
        for row in report.checks.sections[0].rows
        for name, cell in zip(report.checks.columns, row.cells, strict=True)
    ]
    for check, name, cell in cells:
        assert (cell.anchor is not None) == (cell.tally.deviating > 0)
        if cell.anchor is not None:
            assert (anchors[cell.anchor].check, anchors[cell.anchor].implementation) == (check, name)


def test_a_failing_cell_of_an_option_leads_to_the_group_of_most_of_its_cases(report: Report) -> None:
    failing = 0
    for matrix in report.options:
        for section in matrix.sections:
            for row in section.rows:
                for name, cell in zip(matrix.columns, row.cells, strict=True):
                    assert bool(cell.groups) == (cell.tally.deviating > 0)
                    assert {group.implementation for group in cell.groups} <= {name}
                    failing += bool(cell.groups)
    (torch,) = (matrix for matrix in report.options if matrix.columns == (sample.TORCH,))
    rows = {(section.name, row.name): row for section in torch.sections for row in section.rows}
    (values,) = (group for group in report.groups if (group.implementation, group.check) == (sample.TORCH, "values"))
    assert rows["proj_size", "2"].cells[0].groups == (values,)
    assert rows["proj_size", "0"].cells[0].groups == ()
    assert failing > 20


def consequence() -> Results:
    """The made-up run with one more failing case: its only failing check is a consequence of a group's cause."""
    run = sample.results()
    (group,) = (group for group in run.groups if (group.implementation, group.check) == (sample.TORCH, "values"))
    odd = next(
        r
        for r in run.cases
        if r.implementation == sample.TORCH and r.id not in group.cases and not r.case.get("rejection")
    )
    failing = replace(odd, outcomes={**odd.outcomes, "determinism": Verdict("fail", "differs")})
    return replace(
        run,
        cases=tuple(failing if record is odd else record for record in run.cases),
        groups=tuple(replace(it, also=("determinism",)) if it is group else it for it in run.groups),
    )


def test_a_case_that_fails_as_a_consequence_leads_to_its_cause() -> None:
    run = consequence()
    report, plain = view(run), view(sample.results())
    (torch,), (before,) = ([m for m in one.options if m.columns == (sample.TORCH,)] for one in (report, plain))
    for section, old in zip(torch.sections, before.sections, strict=True):
        for row, was in zip(section.rows, old.rows, strict=True):
            if row.cells[0].tally.deviating > was.cells[0].tally.deviating:
                assert [group.check for group in row.cells[0].groups] == ["values"]
            assert bool(row.cells[0].groups) == (row.cells[0].tally.deviating > 0)
    assert torch != before


def test_a_cell_with_several_groups_names_the_one_with_most_cases_first(report: Report) -> None:
    (keras,) = (matrix for matrix in report.options if sample.FAST in matrix.columns)
    (section,) = (section for section in keras.sections if section.name == "bidirectional")
    row = next(row for row in section.rows if row.name == "True")
    cell = row.cells[keras.columns.index(sample.FAST)]
    failing = {
        record.id
        for record in sample.results().cases
        if record.implementation == sample.FAST and record.case["config"]["options"]["bidirectional"]
    }
    shares = [len(failing & set(group.ids)) for group in cell.groups]
    assert shares == sorted(shares, reverse=True)
    assert len(shares) > 2
    others = ", ".join(str(group.number) for group in cell.groups[1:])
    assert cell.explained == f"failure {cell.groups[0].number}; also {others}"


# ---------------------------------------------------------------- groups


def test_a_group_shows_what_is_unusual_first(report: Report) -> None:
    group = next(group for group in report.groups if group.implementation == sample.TORCH and group.check == "values")
    options = group.smallest.options
    assert [option.is_default for option in options] == sorted(option.is_default for option in options)
    assert {"proj_size", "hx"} <= {option.name for option in options if not option.is_default}
    assert group.worst is not None
    assert group.worst.difference == pytest.approx(0.0443558)
    assert group.worst.ratio == pytest.approx(group.worst.difference / group.worst.allowed)


def test_the_replay_command_is_safe_to_paste() -> None:
    run = sample.results()
    hostile = replace(run.groups[0], smallest_id="$(reboot); 'x")
    groups = view(replace(run, groups=(hostile,)), source="my results.jsonl").groups
    assert "rnn-conformance replay '$(reboot); '\"'\"'x' --results 'my results.jsonl'" in {one.replay for one in groups}


def test_clauses_that_are_not_known_stay_as_ids(report: Report) -> None:
    clauses = next(group.clauses for group in report.groups if group.check == "values")
    assert "NO-SUCH-CLAUSE" in clauses


# ---------------------------------------------------------------- coverage and numerics


def test_coverage_counts_cases_once_and_pairs_that_are_possible(report: Report) -> None:
    run = sample.results()
    for found in report.coverage:
        ids = {r.id for r in run.cases if r.case["config"]["dialect"] == found.dialect}
        assert found.total.cases == len(ids) == sum(phase.cases for phase in found.phases[:-1])
        assert found.total.pairs + len(found.pairs_missing) == found.pairs_possible
        assert found.rejections == found.rejections_possible
        for option in found.options:
            assert all(value.cases == sum(value.by_phase) for value in option.values)
    assert {found.dialect: found.total.pairs == found.pairs_possible for found in report.coverage} == {
        "keras": True,
        "torch": True,
    }


def test_cases_that_nobody_supports_are_not_covered() -> None:
    run = sample.results()
    alone = replace(run, cases=tuple(r for r in run.cases if r.implementation == sample.FAST))
    (found,) = view(alone).coverage
    layers = {value.value: value.cases for value in found.options[0].values}
    assert layers["simple_rnn"] == 0
    assert found.pairs_missing
    assert any("layer=simple_rnn" in pair for pair in found.pairs_missing)


def test_bins_hold_every_case_that_is_not_exact(report: Report) -> None:
    for spread in report.spreads:
        for found in (spread.whole, *spread.parts):
            assert sum(found.bins) + found.zero == found.number
            assert sum(found.bins[1 - LOWEST * BINS_PER_DECADE :]) == found.above


def test_types_add_up_to_all_and_so_do_ranges_of_time_steps() -> None:
    for spread in spreads(sample.results()):
        whole = spread.whole
        for steps in (False, True):
            some = [one for one in spread.parts if str(one.part).startswith("T ") == steps]
            assert sum(part.number for part in some) == whole.number
            assert max(part.largest for part in some) == whole.largest
            assert sum(part.weak for part in some) == whole.weak > 0
            assert sum(part.sample for part in some) == whole.sample


def test_few_cases_are_not_told_apart() -> None:
    run = sample.results()
    records = [r for r in run.cases if r.implementation == sample.GOOD and "values" in r.outcomes]
    few, enough = (spreads(replace(run, cases=tuple(records[:number]))) for number in (FEW - 1, FEW))
    assert [one.parts for one in few] == [()]
    assert [bool(one.parts) for one in enough] == [True]


def test_weak_elements_are_a_share_of_those_in_which_they_were_counted() -> None:
    run = sample.results()
    for spread in spreads(run):
        told = [
            record.outcomes["values"].elements
            for record in run.cases
            if record.implementation == spread.whole.implementation and "values" in record.outcomes
        ]
        measured = [one for one in told if one is not None and one.measured]
        assert spread.whole.sample == sum(one.judged for one in measured)
        assert spread.whole.weak == sum(one.weak for one in measured)


def test_a_ratio_of_one_is_allowed() -> None:
    run = sample.results()
    record = next(r for r in run.cases if r.implementation == sample.GOOD and "values" in r.outcomes)
    at_limit = replace(record, outcomes={"values": replace(record.outcomes["values"], ratio=1.0)})
    (spread,) = spreads(replace(run, cases=(at_limit,)))
    found = spread.whole
    assert (found.above, sum(found.bins[1 - LOWEST * BINS_PER_DECADE :])) == (0, 0)


# ---------------------------------------------------------------- words and numbers


def test_a_tally_of_nothing() -> None:
    assert Tally.of(()).outcome is None
    assert (Tally().total, Tally().judged, Tally().words) == (0, 0, "")


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [
        (0, 0, "–"),
        (0, 9, "0 %"),
        (9, 9, "100 %"),
        (1, 100_000, "< 0.1 %"),
        (99_999, 100_000, "> 99.9 %"),
        (1, 8, "12.5 %"),
    ],
)
def test_a_share_is_0_or_100_only_if_it_is(part: int, whole: int, words: str) -> None:
    assert share(part, whole) == words


def test_numbers_in_few_digits() -> None:
    values = (0.0, 1.0, 0.0123456, 2.4e-7, 184816.2, 5.2e9, float("nan"), float("inf"))
    assert [number(value) for value in values] == ["0", "1", "0.0123", "2.40e-07", "184,816", "5.20e+09", "nan", "∞"]
    assert exact(0.1 + 0.2) == "0.3"


def test_dangerous_characters_become_visible() -> None:
    assert safe("a\x00b\x1b[31mc\u202ed\ud800e\x7f\x9b") == "a␀b␛[31mc⟨U+202E⟩d\ufffde␡⟨U+009B⟩"
    assert short("x" * 5000).endswith("… (4,000 more characters)")


def test_what_was_declared_or_left_open_is_counted_by_case() -> None:
    run = sample.results()
    again = tuple(replace(record, mode="graph") for record in run.cases)
    remarks = view(replace(run, cases=run.cases + again)).remarks
    assert remarks == view(run).remarks
    for remark in remarks:
        said = {
            (record.implementation, record.id)
            for record in run.cases
            for check, verdict in record.outcomes.items()
            if (verdict.outcome, verdict.message or "") == (remark.outcome, remark.message)
            and remark.check in ("", check)
        }
        assert Counter(name for name, _ in said) == dict(remark.cases)
        assert remark.total == len(said) > 0
    assert len({(one.check, one.outcome, one.message) for one in remarks}) == len(remarks)


@pytest.mark.parametrize(
    ("ratio", "kept"), [(0.5, 24), (1.0, 24), (2.0**13, 11), (2.0**30, 0), (float("nan"), 0)], ids=str
)
def test_an_error_above_what_is_allowed_costs_bits(ratio: float, kept: int) -> None:
    """2**13 times the rounding of float32 is that of float16, which has 11 significant bits."""
    run = sample.results()
    record = next(
        one for one in run.cases if "values" in one.outcomes and one.case["config"]["options"]["dtype"] == "float32"
    )
    verdict = replace(record.outcomes["values"], ratio=ratio)
    alone = replace(run, cases=(replace(record, outcomes={"values": verdict}),))
    found = {(one.implementation, one.dtype): (one.bits, one.kept) for one in accuracies(alone)}
    assert found.pop((record.implementation, "float32")) == (24, kept)
    assert set(found.values()) <= {(24, None), (53, None)}
