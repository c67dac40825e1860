"""The language of filters: one table of examples for Python and for the script of the page."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import sample
from click.testing import CliRunner

from conformance.cli import main
from conformance.report.html import TEMPLATES
from conformance.report.model import numbered, view
from conformance.report.select import fails_of, items, selected
from conformance.report.vocabulary import OUTCOMES
from conformance.results import KINDS, Results, Writer
from conformance.results.where import KEYS, WORDS, Item, WhereError, parse, spelled

TABLE: dict[str, Any] = json.loads((Path(__file__).parent / "where.json").read_text(encoding="utf-8"))
ITEMS = [Item(**{**item, "groups": tuple(item.get("groups", ()))}) for item in TABLE["items"]]
NODE = shutil.which("node")


@pytest.mark.parametrize("example", TABLE["queries"], ids=lambda example: example["query"] or "nothing")
def test_a_query_finds_what_the_table_says(example: dict[str, Any]) -> None:
    where = parse(example["query"])
    assert [place for place, item in enumerate(ITEMS) if where.holds(item)] == example["matches"]


@pytest.mark.parametrize("example", TABLE["errors"], ids=lambda example: example["query"])
def test_what_cannot_be_read_is_shown_with_its_place(example: dict[str, Any]) -> None:
    with pytest.raises(WhereError) as caught:
        parse(example["query"])
    assert caught.value.position == example["position"]
    assert caught.value.why.startswith(example["why"])
    assert f"character {example['position'] + 1}: " in str(caught.value)


SCRIPT = """
const table = JSON.parse(require("fs").readFileSync(0, "utf-8"));
const found = table.queries.map(({query}) => {
  const terms = Where.parse(query);
  return table.items.flatMap((item, place) => (Where.holds(terms, item) ? [place] : []));
});
const errors = table.errors.map(({query}) => {
  try { Where.parse(query); return null; } catch (error) { return [error.position, error.message]; }
});
console.log(JSON.stringify({ found, errors, keys: Where.KEYS, words: Where.WORDS }));
"""


@pytest.mark.skipif(NODE is None, reason="no node on this machine; test_report_browser.py asks the browser the same")
def test_the_script_of_the_page_says_the_same_of_the_whole_table() -> None:
    script = (TEMPLATES / "where.js").read_text(encoding="utf-8") + SCRIPT
    done = subprocess.run(
        [str(NODE), "-e", script], input=json.dumps(TABLE), capture_output=True, text=True, check=True, timeout=60
    )
    said = json.loads(done.stdout)
    assert said["found"] == [example["matches"] for example in TABLE["queries"]]
    for example, (position, why) in zip(TABLE["errors"], said["errors"], strict=True):
        with pytest.raises(WhereError) as caught:
            parse(example["query"])
        assert (position, why) == (caught.value.position, caught.value.why)
    assert (tuple(said["keys"]), said["words"]) == (KEYS, {key: list(words) for key, words in WORDS.items()})


def test_the_words_are_those_of_results_and_comparisons() -> None:
    assert WORDS["changed"] == tuple(kind.replace(" ", "-") for kind in KINDS)
    assert {outcome.replace(" ", "-") for outcome in OUTCOMES} | {"deviation"} == set(WORDS["outcome"])


@pytest.mark.parametrize("value", ["torch", "cmd:./a b", "a,b", "x=y", "keras:torch"])
def test_a_spelled_filter_reads_back(value: str) -> None:
    (term,) = parse(spelled([("impl", value)])).terms
    assert term.values == (value,)


# ---------------------------------------------------------------- on results


def test_every_verdict_of_a_run_is_an_item() -> None:
    run = sample.results()
    assert len(list(items(run))) == sum(len(record.outcomes) for record in run.cases)


@pytest.mark.parametrize("finished", [True, False], ids=["a whole run", "a run that was cut off"])
def test_a_group_is_found_by_the_number_that_the_report_shows(finished: bool) -> None:
    run = sample.results(finished=finished)
    groups = numbered(run)
    assert {(group.number, group.check): group.ids for group in groups} == {
        (group.number, group.check): group.ids for group in view(run).groups
    }
    assert groups
    for group in groups:
        where = parse(f"group:{group.number}")
        found = {item.id for _, item in items(run, groups) if where.holds(item)}
        assert len(found) == group.cases
        (alone,) = (it for it in numbered(selected(run, where, groups)) if it.ids == group.ids)
        assert (alone.check, alone.message) == (group.check, group.message)


def test_one_fails_all_fail_backends_disagree() -> None:
    def verdicts(*outcomes: str) -> Results:
        names = ("keras:a", "keras:b", "other")
        record = next(record for record in sample.results().cases if record.implementation == sample.GOOD)
        cases = tuple(
            sample.CaseJudged(n, record.id, record.case, "random", "", {"values": sample.Verdict(o)})  # type: ignore[arg-type]
            for n, o in zip(names, outcomes, strict=True)
        )
        started = tuple(
            sample.ImplementationStarted(n, "ready", "keras", versions={n.partition(":")[0]: "1"}) for n in names
        )
        return Results(sample.HEADER, started, cases)

    def words(*outcomes: str) -> tuple[str, ...]:
        return tuple(word for found in fails_of(verdicts(*outcomes)).values() for word in found)

    assert words("pass", "pass", "pass") == ()
    assert words("fail", "pass", "pass") == ("one", "backends")
    assert words("pass", "pass", "crash") == ("one",)
    assert words("fail", "fail", "pass") == ()
    assert words("fail", "fail", "error") == ("all",)
    assert words("fail", "unsupported", "unspecified") == ()
    assert words("unsupported", "pass", "fail") == ("one",)


def test_a_selection_keeps_what_matches_and_its_groups() -> None:
    run = sample.results()
    chosen = selected(run, parse("check:values outcome:deviation impl:torch"))
    assert {record.implementation for record in chosen.cases} == {"torch"}
    assert {check for record in chosen.cases for check in record.outcomes} == {"values"}
    assert [group.check for group in chosen.groups] == ["values"]
    assert selected(run, parse("")).cases == run.cases


# ---------------------------------------------------------------- on the command line


@pytest.fixture
def results_file(tmp_path: Path) -> Path:
    with Writer(tmp_path / "results.jsonl") as writer:
        for event in sample.results().events():
            writer(event)
    return tmp_path / "results.jsonl"


def test_report_where_writes_a_report_of_that_part(results_file: Path, tmp_path: Path) -> None:
    query = "impl:torch outcome:deviation"
    done = CliRunner().invoke(main, ["report", str(results_file), "--out", str(tmp_path / "part"), "--where", query])
    assert done.exit_code == 0
    text = (tmp_path / "part" / "index.html").read_text(encoding="utf-8")
    assert "Only verdicts that match the filter impl:torch outcome:deviation are here." in text


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("colour:red", "there is no key 'colour'"),
        ("impl:nobody", "no verdict matches impl:nobody"),
    ],
)
def test_a_filter_that_cannot_be_used_is_one_clear_line(
    results_file: Path, tmp_path: Path, query: str, why: str
) -> None:
    done = CliRunner().invoke(main, ["report", str(results_file), "--out", str(tmp_path / "part"), "--where", query])
    assert done.exit_code == 2
    assert why in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "part").exists()


def test_a_part_does_not_overwrite_the_report_of_the_whole(results_file: Path) -> None:
    done = CliRunner().invoke(main, ["report", str(results_file), "--where", "impl:torch"])
    assert done.exit_code == 2
    assert "--out" in done.output
