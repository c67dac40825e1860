"""A comparison in its four formats: complete, the same every time, and harmless whatever an implementation says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import sample
from chromium import BROWSER, FLAGS
from jsonschema import Draft202012Validator
from test_report_pages import HOSTILE, Page, hostile

from conformance.engine.events import Verdict
from conformance.report import comparison as shown
from conformance.report.comparison.view import Grid, Move
from conformance.results import KINDS, Comparison, Results, compare
from conformance.spec import specs_path

SOURCES = ("before.jsonl", "after.jsonl")

SCHEMA = json.loads((specs_path() / "schemas" / "comparison.schema.json").read_text(encoding="utf-8"))


def later() -> Results:
    """The made-up run some time later: one deviation is gone, one is new, one implementation is slower."""
    run = sample.results()

    def moved(record: sample.CaseJudged) -> sample.CaseJudged:
        seconds = None if record.seconds is None else 2 * record.seconds
        if record.implementation == sample.TORCH:
            good = {name: Verdict("pass", ratio=0.5) if name == "values" else v for name, v in record.outcomes.items()}
            return replace(record, outcomes=good, seconds=seconds)
        if (
            record.implementation == sample.GOOD
            and "shape" in record.outcomes
            and record.case["config"]["layer"] == "gru"
        ):
            return replace(record, outcomes={**record.outcomes, "shape": Verdict("fail", "wrong shape", cause="h")})
        return record

    header = replace(run.header, started="2026-02-01T09:30:00Z")
    return replace(run, header=header, cases=tuple(map(moved, run.cases)), groups=())


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(sample.results(), later())


@pytest.fixture(scope="module")
def seen(comparison: Comparison) -> shown.View:
    return shown.view(comparison, SOURCES)


@pytest.fixture(scope="module")
def strange() -> Comparison:
    """Compared with a run in which every text is hostile."""
    bad = hostile()
    name = sample.FAST + HOSTILE
    bad = replace(bad, header=replace(bad.header, started=HOSTILE))
    return compare(sample.results(), bad, [f"{sample.FAST}={name}"])


def test_the_comparison_has_every_kind_worth_showing(comparison: Comparison) -> None:
    assert {"regressed", "fixed", "drifted", "slower"} <= set(comparison.kinds)


# ---------------------------------------------------------------- every format


def test_every_format_is_the_same_every_time(comparison: Comparison) -> None:
    again = compare(sample.results(), later())
    assert shown.json(again) == shown.json(comparison)
    for spell in (shown.text, shown.markdown, shown.html):
        assert spell(shown.view(again, SOURCES)) == spell(shown.view(comparison, SOURCES))


@pytest.mark.parametrize("spell", [shown.text, shown.markdown, shown.html])
def test_every_format_tells_every_change(seen: shown.View, spell: object) -> None:
    assert callable(spell)
    words = Page(spell(seen)).text if spell is shown.html else spell(seen).replace("\\", "")
    for part in seen.parts:
        assert re.sub(r"\s+", " ", part.verdict).split(";")[0] in re.sub(r"\s+", " ", words)
        for entry in part.entries[:12]:
            assert entry.subject in words
            assert all(replay in words for replay in entry.replays)


@pytest.mark.parametrize("spell", [shown.text, shown.markdown, shown.html])
def test_no_format_lets_control_characters_through(strange: Comparison, spell: object) -> None:
    assert callable(spell)
    written = spell(shown.view(strange, (HOSTILE, "b")))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e\ud800-\udfff]", written)
    written.encode("utf-8")


# ---------------------------------------------------------------- text


def test_text_keeps_to_80_columns_but_for_commands_to_copy(seen: shown.View) -> None:
    lines = [line for line in shown.text(seen).splitlines() if not line.lstrip().startswith("replay ")]
    assert max(map(len, lines)) <= 80
    assert lines[-1].startswith("in all: 1 regressed")


# ---------------------------------------------------------------- markdown


def test_markdown_has_a_row_for_every_change_and_no_foreign_markup(seen: shown.View, strange: Comparison) -> None:
    written = shown.markdown(seen)
    assert len(re.findall(r"^\| \d+ \|", written, re.MULTILINE)) == len(seen.entries)
    foreign = shown.markdown(shown.view(strange, SOURCES))
    outside = re.sub(r"(`+) .*? \1|`[^`]*`|^    .*$", "", foreign, flags=re.MULTILINE)
    assert "<script" not in outside
    assert "@you" not in outside


# ---------------------------------------------------------------- JSON


def test_json_fits_its_schema(comparison: Comparison, strange: Comparison) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for one in (comparison, strange):
        Draft202012Validator(SCHEMA).validate(json.loads(shown.json(one)))


def test_json_and_schema_name_every_kind(comparison: Comparison) -> None:
    assert SCHEMA["$defs"]["kind"]["enum"] == list(KINDS)
    assert json.loads(shown.json(comparison))["counts"] == {kind: comparison.kinds[kind] for kind in KINDS}


# ---------------------------------------------------------------- HTML


def test_the_page_is_whole_and_links_lead_somewhere(seen: shown.View) -> None:
    page = Page(shown.html(seen))
    links = [str(attrs["href"])[1:] for tag, attrs in page.tags if tag == "a"]
    assert set(links) <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)
    assert {entry.anchor for entry in seen.entries} <= set(page.ids)


def test_the_page_shows_every_transition_with_its_number(comparison: Comparison, seen: shown.View) -> None:
    words = Page(shown.html(seen)).text
    for one in comparison.implementations:
        for moves in one.transitions.values():
            assert all(f"{cases:,}" in words for cases in moves.values())
    assert "✓ fixed" in words


def test_every_change_shows_its_two_runs_side_by_side(seen: shown.View) -> None:
    page = shown.html(seen)
    for entry in seen.entries:
        article = page[page.index(f'id="{entry.anchor}"') :].partition("</article>")[0]
        before, after = re.findall(r'<section aria-label="(?:before|after)".*?</section>', article, re.DOTALL)
        for side, half in ((entry.before, before), (entry.after, after)):
            assert (side.outcome is None) == ('class="mark' not in half)
            assert side.outcome is None or f"</span> {side.outcome}</span>" in half
            assert (side.replay == "") == ("rnn-conformance replay" not in half)
    regressed = next(entry for entry in seen.entries if entry.kind == "regressed")
    assert (regressed.before.replay, regressed.after.said) == ("", "wrong shape")
    assert regressed.after.replay.endswith(f"--results {SOURCES[1]}")
    drifted = next(entry for entry in seen.entries if entry.kind == "drifted")
    assert drifted.before.ratios != drifted.after.ratios != ""


def test_checks_in_which_nothing_changed_are_folded_away(seen: shown.View) -> None:
    for part in seen.parts:
        assert {grid.changed for grid in part.grids} == {bool(m) for m in (_moved(grid) for grid in part.grids)}
    page = shown.html(seen)
    part = next(part for part in seen.parts if any(grid.changed for grid in part.grids))
    quiet = [grid.check for grid in part.grids if not grid.changed]
    assert quiet
    section = page[page.index('id="transitions"') :]
    open_, _, folded = section[section.index(f"<bdi>{part.after}") :].partition("<details")
    assert all(f'"check">{check}' not in open_ and f'"check">{check}' in folded for check in quiet if "_" not in check)


def _moved(grid: Grid) -> list[Move]:
    return [move for move in grid.moves.values() if move.kind is not None]


def test_the_page_needs_nothing_from_elsewhere_and_lets_only_its_own_script_run(seen: shown.View) -> None:
    page = Page(shown.html(seen))
    (policy,) = (attrs["content"] for _, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert str(policy).startswith("default-src 'none'; style-src 'sha256-")
    assert not [attrs for _, attrs in page.tags if {"src", "style", "onclick"} & set(attrs)]


def test_nothing_foreign_becomes_markup(strange: Comparison) -> None:
    page = Page(shown.html(shown.view(strange, (HOSTILE, HOSTILE))))
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert "img" not in [tag for tag, _ in page.tags]


@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine; install chromium to run this")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_painted_in_both_themes_without_a_word_on_the_console(
    seen: shown.View, tmp_path: Path, theme: str
) -> None:
    page, picture = tmp_path / "page.html", tmp_path / "picture.png"
    text = shown.html(seen).replace('id="theme-auto" checked', 'id="theme-auto"')
    page.write_text(text.replace(f'id="theme-{theme}"', f'id="theme-{theme}" checked'), encoding="utf-8")
    command = [
        str(shutil.which(str(BROWSER))),
        *FLAGS,
        "--enable-logging=stderr",
        f"--user-data-dir={tmp_path / 'p'}",
        "--window-size=1300,1200",
    ]
    done = subprocess.run(
        [*command, f"--screenshot={picture}", page.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    assert picture.stat().st_size > 10_000
