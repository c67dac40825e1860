"""What a run found is accepted as known; then it passes, and a declaration that is no longer needed is told."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from conformance.checks import Verdict, joined
from conformance.cli import main
from conformance.engine.declarations import read_deviations
from conformance.report.deviations import deviations, quoted
from conformance.results import read_results

FAKES = Path(__file__).parents[1] / "workers" / "fakes"
WRONG = f"cmd:{sys.executable} {FAKES / 'faults.py'} torch --fault returns_nan"
HONEST = f"cmd:{sys.executable} {FAKES / 'numpy_layers.py'} torch"
FEW = ("--profile", "quick", "--seed", "1", "--phases", "pinned,covering", "--only", "layer=gru")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def run(out: Path, name: str, *arguments: str) -> Result:
    return invoke("run", name, *FEW, "--out", str(out), *arguments)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results file of a run with a deviation."""
    out = tmp_path_factory.mktemp("found")
    assert run(out, WRONG).exit_code == 1
    return out / "results.jsonl"


@pytest.fixture(scope="module")
def known(found: Path) -> Path:
    """Its deviations, accepted."""
    file = found.parent / "known.toml"
    assert invoke("accept", str(found), "--out", str(file)).exit_code == 0
    return file


def test_every_group_becomes_a_declaration_with_condition_and_witness(found: Path, known: Path) -> None:
    groups, declared = read_results(found).groups, read_deviations(known)
    assert groups
    for group, one in zip(groups, declared, strict=True):
        assert (one.implementation, one.check) == (group.implementation, group.check)
        assert tuple(condition.text for condition in one.when) == group.when
        assert one.witness is not None
        assert one.witness.id == group.smallest_id


def test_what_is_accepted_no_longer_fails_but_is_counted(known: Path, tmp_path: Path) -> None:
    result = run(tmp_path, WRONG, "--known", str(known), "--strict")
    assert result.exit_code == 0, result.output
    counted = [v.outcome for case in read_results(tmp_path / "results.jsonl").cases for v in case.outcomes.values()]
    assert counted.count("known") > 0
    assert counted.count("fail") == 0
    assert " known" in result.output


def test_a_declaration_that_is_no_longer_needed_is_stale(known: Path, tmp_path: Path) -> None:
    mended = tmp_path / "mended.toml"
    mended.write_text(known.read_text().replace(" --fault returns_nan", "").replace("faults.py", "numpy_layers.py"))
    result = run(tmp_path / "loose", HONEST, "--known", str(mended))
    assert result.exit_code == 0, result.output
    assert "its witness passes; remove it" in result.output
    assert run(tmp_path / "strict", HONEST, "--known", str(mended), "--strict").exit_code == 4


def test_a_declaration_that_matches_nothing_is_told(known: Path, tmp_path: Path) -> None:
    result = run(tmp_path, HONEST, "--known", str(known), "--strict")
    assert result.exit_code == 0
    assert "matches nothing in this run" in result.output


def test_an_edited_file_is_not_overwritten(found: Path, known: Path) -> None:
    before = known.read_bytes()
    result = invoke("accept", str(found), "--out", str(known))
    assert result.exit_code == 2
    assert "exists and may have been edited" in result.output
    assert known.read_bytes() == before


def test_nothing_to_accept_is_an_error(tmp_path: Path) -> None:
    run(tmp_path, HONEST)
    result = invoke("accept", str(tmp_path / "results.jsonl"))
    assert result.exit_code == 2
    assert "there is nothing to accept" in result.output


def test_of_a_case_that_fails_on_two_routes_each_declaration_names_its_own(found: Path, tmp_path: Path) -> None:
    results = read_results(found)
    group = results.groups[0]
    both = joined([Verdict("fail", f"{route} is wrong", cause=f"{route}: values") for route in ("first", "second")])
    cases = tuple(
        replace(record, outcomes={**record.outcomes, group.check: both}) if record.id in group.cases else record
        for record in results.cases
    )
    groups = [replace(group, number=n, outcome="fail", cause=cause) for n, cause in enumerate(both_causes(both), 1)]
    file = tmp_path / "known.toml"
    file.write_text(deviations(replace(results, cases=cases, groups=tuple(groups))), encoding="utf-8")
    assert [one.cause for one in read_deviations(file)] == ["first: values", "second: values"]


def both_causes(verdict: Verdict) -> list[str]:
    return [part.cause or "" for part in verdict.parts]


HOSTILE = "'''\"\"\"\\ \x00\x1b\x7f\ud800\n[[deviation]]\nid = 1"


def test_whatever_an_implementation_says_stays_a_text(found: Path, tmp_path: Path) -> None:
    results = read_results(found)
    strange = replace(
        results, groups=tuple(replace(group, message=HOSTILE, looks_like=None) for group in results.groups)
    )
    file = tmp_path / "known.toml"
    file.write_text(deviations(strange), encoding="utf-8")
    assert len(read_deviations(file)) == len(results.groups)
    assert "\n" not in quoted(HOSTILE)
