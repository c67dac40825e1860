"""`publish`: a page for every file of results, all versions beside each other, and the files compressed."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from small_runs import grouped, results, written

from conformance.cli import main
from conformance.results import Results, read_results

OLD, NEW = results(), grouped(results(["lstm"], started="2026-02-01T00:00:00Z"))


def publish(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["publish", *map(str, arguments)])


def of_version(run: Results, version: str) -> Results:
    (said,) = run.implementations
    return replace(run, implementations=(replace(said, versions={"torch": version}),))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Results of two versions, the newer ones first by name and compressed."""
    place = tmp_path / "results"
    written(place / "b-old.jsonl", of_version(OLD, "2.9.0"))
    newer = Path(written(place / "a-new.jsonl", of_version(NEW, "2.13.0")))
    newer.with_name("a-new.jsonl.gz").write_bytes(gzip.compress(newer.read_bytes()))
    newer.unlink()
    return place


def contents(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def test_every_file_has_a_page_and_the_oldest_version_comes_first(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = publish(folder, "--out", out, "--command", "tox -m matrix", "--command", "tox -e publish")
    assert result.exit_code == 0, result.output
    pages = {"index.html", "a-new.html", "b-old.html"}
    assert set(contents(out)) == {*pages, "results/a-new.jsonl.gz", "results/b-old.jsonl.gz"}
    index = (out / "index.html").read_text(encoding="utf-8")
    assert index.index("torch 2.9.0") < index.index("torch 2.13.0")
    assert 'href="a-new.html' in index
    assert 'href="b-old.html' in index
    assert "tox -m matrix" in index
    assert "tox -e publish" in index
    assert read_results(out / "results" / "a-new.jsonl.gz") == of_version(NEW, "2.13.0")


def test_the_same_results_give_the_same_bytes_also_in_their_own_place(folder: Path, tmp_path: Path) -> None:
    publish(folder, "--out", tmp_path / "one")
    publish(folder, "--out", tmp_path / "two")
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert {name: len(data) for name, data in one.items()} == {name: len(data) for name, data in two.items()}
    assert [one[name] == two[name] for name in one if name.startswith("results/")] == [True, True]
    before = {name: read_results(tmp_path / "one" / name) for name in one if name.startswith("results/")}
    assert publish(tmp_path / "one" / "results", "--out", tmp_path / "one").exit_code == 0
    assert {name: read_results(tmp_path / "one" / name) for name in before} == before


def test_of_a_file_and_its_compressed_copy_the_file_is_taken(folder: Path, tmp_path: Path) -> None:
    written(folder / "a-new.jsonl", of_version(OLD, "2.14.0"))
    assert publish(folder, "--out", tmp_path / "out").exit_code == 0
    assert "torch 2.14.0" in (tmp_path / "out" / "a-new.html").read_text(encoding="utf-8")


def test_what_cannot_be_published_is_one_line_and_nothing_is_written(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("")
    out = tmp_path / "out"
    for arguments, message in (
        ((folder / "b-old.jsonl", folder), "there are two results named b-old; every file needs a name of its own"),
        ((tmp_path / "empty",), "there are no results in "),
        ((tmp_path / "notes.txt",), "name results files with the ending .jsonl or .jsonl.gz"),
        ((tmp_path / "nowhere.jsonl",), "cannot read results from "),
    ):
        result = publish(*arguments, "--out", out)
        assert result.exit_code == 2
        assert message in result.output.splitlines()[-1]
        assert not out.exists()


WHY = "[[explanation]]\nimplementation = 'a'\ncheck = 'b'\nmessage = 'c'\ntext = 'd'\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[explanation]\n", "not TOML"),
        ("[explanations]\n", "write [[explanation]] tables and nothing else"),
        (
            '[[explanation]]\ncheck = "values"\n',
            "explanation 1: write implementation, check, message, text, each a text",
        ),
        (WHY + "versions = '<3.15'\n", "explanation 1: write versions as { package = range }"),
        (WHY + "versions = { keras = 'old' }\n", "explanation 1: versions: 'old' is no range of versions"),
    ],
)
def test_wrong_explanations_are_one_line_and_nothing_is_written(
    folder: Path, tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "why.toml"
    file.write_text(text)
    result = publish(folder, "--out", tmp_path / "out", "--explanations", file)
    assert result.exit_code == 2
    (line,) = result.output.splitlines()
    assert message in line
    assert str(file) in line
    assert not (tmp_path / "out").exists()


def test_a_cause_without_an_explanation_is_told(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "why.toml"
    file.write_text("")
    result = publish(folder, "--out", tmp_path / "out", "--explanations", file)
    causes = sum(len(run.groups) for run in (OLD, NEW))
    assert result.output.count("not explained  ") == causes
    assert causes
