"""The three texts: complete, the same every time, and harmless whatever an implementation says."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import sample

from conformance.engine.events import BehaviourSeen, KnownSeen, Verdict
from conformance.errors import ResultsError
from conformance.report import html, junit, markdown, write
from conformance.report.ci import badge
from conformance.report.html import TEMPLATES
from conformance.report.model import view
from conformance.report.vocabulary import OUTCOMES
from conformance.results import Results
from conformance.spec.behaviours import load_behaviours

VOID = {"meta", "input", "br", "hr", "link", "img", "wbr"}
HOSTILE = (
    "</script><script>alert(1)</script>'\"><img src=x onerror=alert(2)>\x00\x1b[31m\u202eevil\ud800{{7*7}} |`* @you"
)


class Page(HTMLParser):
    """The tags, attributes and text of a page; fails where tags are not balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self._open[-1:]):
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(html(sample.results()))


def hostile() -> Results:
    """A run in which every text that an implementation can choose is hostile."""
    run = sample.results()

    def bad(verdict: Verdict) -> Verdict:
        return replace(verdict, message=HOSTILE, cause=HOSTILE) if verdict.outcome != "pass" else verdict

    name = sample.FAST + HOSTILE
    cases = tuple(
        replace(
            record,
            implementation=name if record.implementation == sample.FAST else record.implementation,
            outcomes={check + HOSTILE * (check == "dtype"): bad(v) for check, v in record.outcomes.items()},
        )
        for record in run.cases
    )
    return Results(
        header=replace(run.header, command=HOSTILE, machine={HOSTILE: HOSTILE}, implementations=(name,)),
        implementations=tuple(
            replace(one, versions={HOSTILE: HOSTILE}, environment={HOSTILE: HOSTILE}, message=HOSTILE)
            for one in run.implementations
        ),
        cases=cases,
        groups=tuple(
            replace(
                group, message=HOSTILE, looks_like=HOSTILE, when=(HOSTILE,), clauses=(HOSTILE,), smallest_id=HOSTILE
            )
            for group in run.groups
        ),
        footer=replace(sample.FOOTER, reason=HOSTILE, complete=False),
    )


# ---------------------------------------------------------------- the page


def test_the_page_has_everything_in_order(page: Page) -> None:
    tables = ("numerics", "coverage", "declared", "clauses", "speed", "environment", "words")
    wanted = ("verdicts", "filters", "matrix", "checks", "options", "failures", "cases", *tables)
    assert [name for name in page.ids if name in wanted] == list(wanted)


def test_verdicts_matrix_and_groups_are_there_without_scripts(page: Page) -> None:
    report = view(sample.results())
    for one in report.standings:
        assert one.label in page.text
        assert one.verdict in page.text
    for group in report.groups:
        assert group.replay in page.text
        assert group.anchor in page.ids
        assert f"{group.cases} of {group.judged} judged cases".split()[0] in page.text
        for literal in group.when or ():
            assert literal in page.text
    for coverage in report.coverage:
        assert f"{coverage.total.pairs} pairs of option values of {coverage.pairs_possible} possible" in page.text
    assert str(sample.HEADER.seed) in page.text
    assert f"{sample.HEADER.command} --seed {sample.HEADER.seed}" in page.text


def test_every_outcome_has_glyph_and_word(page: Page) -> None:
    for outcome, word in OUTCOMES.items():
        assert f"{word.glyph} {outcome}" in page.text
        assert word.meaning in page.text


def test_every_link_has_a_target_within_the_page(page: Page) -> None:
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert links
    assert {str(link)[1:] for link in links} <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)


def test_tables_have_real_headers(page: Page) -> None:
    headers = [attrs for tag, attrs in page.tags if tag == "th"]
    assert headers
    assert all(attrs.get("scope") in ("row", "col", "rowgroup") for attrs in headers)
    assert all(attrs.get("aria-label") for tag, attrs in page.tags if tag == "svg")


def test_known_deviations_are_told_with_their_reason_and_where_they_are_reported() -> None:
    said = {"witness": "passes", "cases": 3, "link": "https://example.org/1", "when": ("mask!=none",)}
    gone = KnownSeen(sample.GOOD, "masks-lost", "values", reason="the mask is lost", **said)  # type: ignore[arg-type]
    bad = replace(gone, id=HOSTILE, reason=HOSTILE, link="javascript:alert(1)", when=(HOSTILE,))
    page = Page(html(replace(sample.results(), known=(gone, bad))))
    assert "the mask is lost" in page.text
    assert [attrs["href"] for tag, attrs in page.tags if tag == "a" and attrs.get("rel")] == ["https://example.org/1"]
    assert "javascript:" not in str([attrs.get("href") for _, attrs in page.tags])


def test_known_deviations_lead_to_their_check_and_to_its_clauses() -> None:
    of_check = KnownSeen(sample.FAST, "declared", "order", (), "states change places", cases=9)
    of_rejection = replace(of_check, implementation=sample.GOOD, check="rejection")
    run = replace(sample.results(), known=(of_check, of_rejection, replace(of_check, id="silent", cases=0)))
    clauses = view(run).known_clauses
    assert set(clauses) == {(sample.FAST, "declared"), (sample.GOOD, "declared")}
    page = Page(html(run))
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    for (name, _), some in clauses.items():
        check = next(one.check for one in run.known if one.implementation == name)
        assert some
        assert all(check in clause.checks for clause in some)
        for place in (f"check-{check}", *(f"clause-{clause.id}" for clause in some)):
            assert f"#{place}" in links
            assert place in page.ids


def test_neighbours_that_say_the_same_are_one_cell() -> None:
    run = sample.results()
    twin = tuple(replace(record, implementation="twin") for record in run.cases if record.implementation == sample.GOOD)
    report = view(
        replace(run, cases=(*run.cases, *twin), header=replace(run.header, implementations=(*sample.NAMES, "twin")))
    )
    for row in report.checks.sections[0].rows:
        assert sum(span for _, span in row.spans) == len(row.cells)
        assert all(span == 1 for cell, span in row.spans if cell.tally.deviating)
    assert any(span > 1 for row in report.checks.sections[0].rows for _, span in row.spans)


def test_a_failure_has_its_script_and_json_line_by_line() -> None:
    page = html(sample.results())
    scripts = re.findall(r'data-copy="script"[^>]*><code>(.*?)</code>', page, re.DOTALL)
    assert scripts
    assert all(script.count("\n") > 10 and "deviates" in script for script in scripts)
    assert all(text.startswith("{\n") for text in re.findall(r'case as JSON"[^>]*><code>(.*?)</code>', page, re.DOTALL))


def test_links_to_failures_survive_another_order() -> None:
    run = sample.results()
    turned = replace(run, groups=tuple(reversed(run.groups)))
    assert {group.anchor for group in view(run).groups} == {group.anchor for group in view(turned).groups}


def test_nothing_comes_from_elsewhere() -> None:
    text = html(sample.results())
    assert not re.search(r"https?://|//[a-z]|url\(|@import", re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    page = Page(text)
    assert not {tag for tag, _ in page.tags} & {"link", "img", "iframe", "object", "embed", "base", "form"}
    assert not [attrs for _, attrs in page.tags if {"src", "style"} & set(attrs)]


def test_the_policy_lets_only_our_style_and_script_through(page: Page) -> None:
    policy = next(attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[\w+/=]+'; script-src 'sha256-[\w+/=]+'; "
        r"base-uri 'none'; form-action 'none'",
        str(policy),
    )
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]


def test_passing_cases_are_not_listed_but_in_the_payload() -> None:
    run = sample.results()
    failing = {name for group in run.groups for name in group.cases}
    text, payload, _ = re.split(r'(<script type="application/json".*?</script>)', html(run))
    assert all(record.id in payload for record in run.cases)
    assert not [record.id for record in run.cases if record.id not in failing and record.id in text]


# ---------------------------------------------------------------- all three


@pytest.mark.parametrize("render", [html, markdown, junit])
def test_the_same_results_give_the_same_bytes(render: object) -> None:
    assert callable(render)
    first = render(sample.results())
    assert first == render(Results.of(sample.results().events()))
    first.encode("utf-8")


@pytest.mark.parametrize("render", [html, markdown, junit])
def test_a_cut_off_run_has_a_banner(render: object) -> None:
    assert callable(render)
    assert "The results are cut off" in render(sample.results(finished=False))
    assert "cut off" not in render(sample.results())


@pytest.mark.parametrize("render", [html, markdown, junit])
def test_no_control_character_survives(render: object) -> None:
    assert callable(render)
    text = render(hostile())
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e\ud800]", text)
    text.encode("utf-8")


def test_hostile_text_stays_text_in_the_page() -> None:
    plain, attacked = Page(html(sample.results())), Page(html(hostile()))
    assert "<script>alert(1)</script>" in attacked.text
    assert {tag for tag, _ in attacked.tags} <= {tag for tag, _ in plain.tags} | {"p"}
    assert [tag for tag, _ in attacked.tags].count("script") == 2
    assert "onerror" not in {name for _, attrs in attacked.tags for name in attrs}


def test_hostile_text_stays_text_in_markdown() -> None:
    outside = re.sub(r"(`+).*?\1", "", "\n".join(_not_code(markdown(hostile()))))
    assert "<" not in outside
    assert "@" not in outside
    assert "alert(1)" not in outside
    assert r"alert\(1\)" in outside


def _not_code(text: str) -> Iterator[str]:
    return (line for line in text.splitlines() if not line.startswith("    "))


def test_a_row_of_the_markdown_matrix_has_a_cell_for_every_column() -> None:
    rows = [line for line in markdown(hostile()).splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {len(view(hostile()).checks.columns) + 2}


# ---------------------------------------------------------------- Markdown, JUnit, files


def test_markdown_has_verdicts_matrix_and_five_groups() -> None:
    text = markdown(sample.results())
    assert "- ✗ deviates · **torch 2.13.0**: 2 deviations in 2 of 9 checks; 183 of 192 applicable cases pass." in text
    assert r"| rejection | ∅ not run | ✓ 61 pass | ! 3/86 error | ◐ 3/61 known |" in text
    assert "## Deviations, the first 5 of 6" in text
    assert text.count("    rnn-conformance replay ") == 5


def test_junit_has_a_test_case_for_each_check_and_implementation() -> None:
    root = ET.fromstring(junit(sample.results()))  # noqa: S314 - our own text
    report = view(sample.results())
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    rows = report.checks.sections[0].rows
    tested = [
        (name, row.name)
        for column, name in enumerate(report.checks.columns)
        for row in rows
        if row.cells[column].tally.total
    ]
    assert sorted(names, key=str) == sorted([*tested, (sample.LOST, "tested")], key=str)
    broken = next(case for case in root.iter("testcase") if case.get("classname") == sample.LOST)
    assert "no module named 'jax'" in str(broken.find("error").get("message"))  # type: ignore[union-attr]


def test_junit_counts_what_it_contains() -> None:
    root = ET.fromstring(junit(sample.results(finished=False)))  # noqa: S314 - our own text
    for element in (root, *root.iter("testsuite")):
        for attribute, tag in {"tests": "testcase", "failures": "failure", "errors": "error"}.items():
            assert element.get(attribute) == str(len(list(element.iter(tag))))
    assert root.find("testsuite[@name='run']/testcase/error") is not None


def test_a_deviation_never_passes_in_junit() -> None:
    root = ET.fromstring(junit(sample.results()))  # noqa: S314 - our own text
    for group in view(sample.results()).groups:
        case = root.find(f"testsuite/testcase[@classname='{group.implementation}'][@name='{group.check}']")
        assert case is not None
        found = case.find("failure") if case.find("failure") is not None else case.find("error")
        assert found is not None
        assert group.replay in str(found.text)


def test_four_files_are_written(tmp_path: Path) -> None:
    run, folder = sample.results(), tmp_path / "new" / "folder"
    files = write(run, folder)
    assert [file.name for file in files] == ["index.html", "summary.md", "junit.xml", "badge.json"]
    assert [file.read_text(encoding="utf-8") for file in files] == [
        html(run),
        markdown(run),
        junit(run),
        badge(view(run)),
    ]
    assert sorted(folder.iterdir()) == sorted(files)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match=r"cannot write the report to .*file: File exists; choose another folder"):
        write(sample.results(), tmp_path / "file")


# ---------------------------------------------------------------- colours and size


def _luminance(colour: tuple[float, ...]) -> float:
    """Relative luminance (WCAG 2.2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_an_open_question_leads_to_the_clause_that_leaves_it_open() -> None:
    seen = BehaviourSeen(sample.GOOD, "KERAS-ASK-6", next(iter(load_behaviours()["KERAS-ASK-6"].answers)))
    page = Page(html(replace(sample.results(), behaviours=(seen,))))
    clause = load_behaviours()["KERAS-ASK-6"].clause
    assert f"#clause-{clause}" in {str(attrs.get("href")) for tag, attrs in page.tags if tag == "a"}
    assert f"clause-{clause}" in page.ids


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_on_every_ground(theme: int) -> None:
    css = (TEMPLATES / "style.css").read_text()
    found = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", css)
    colours = {name: tuple(int(pair[theme][i : i + 2], 16) / 255 for i in (1, 3, 5)) for name, *pair in found}
    tints = [int(share) for share in re.findall(r"\.level-\d \{[^}]*var\(--tone\) (\d+)%", css)]
    ground = colours["ground"]
    for name in ("ink", "muted", "link"):
        assert _contrast(colours[name], ground) >= 4.5
        assert _contrast(colours[name], colours["raised"]) >= 4.5
    for outcome in OUTCOMES:
        tone = colours[outcome.replace(" ", "-")]
        tint = max(tints) / 100
        tinted = tuple(tint * a + (1 - tint) * b for a, b in zip(tone, ground, strict=True))
        assert _contrast(tone, ground) >= 4.5
        assert _contrast(tone, tinted) >= 4.5, outcome
    pictures = (TEMPLATES / "pictures.css").read_text()
    fills = re.findall(r"fill: color-mix\(in srgb, var\(--([\w-]+)\) (\d+)%, var\(--ground\)\)", pictures)
    assert fills
    for name, percent in fills:  # cells, whose text is ink
        cell = tuple(
            int(percent) / 100 * a + (1 - int(percent) / 100) * b for a, b in zip(colours[name], ground, strict=True)
        )
        assert _contrast(colours["ink"], cell) >= 4.5, name


@pytest.mark.parametrize(("cases", "limit"), [(1_000, 500_000), (10_000, 3_000_000)])
def test_many_cases_of_six_implementations_stay_small_and_fast(cases: int, limit: int) -> None:
    large = sample.scaled(cases)
    begin = time.perf_counter()
    page = html(large)
    seconds = time.perf_counter() - begin
    assert len(large.cases) == 6 * cases
    assert len(page.encode()) < limit
    assert seconds < 60
