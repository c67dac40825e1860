"""The clauses: every statement can be cited, and everything that cites one cites one that exists."""

import re
import tomllib
from collections import Counter

import pytest

from conformance.spec import Clause, dialect_names, load_clauses, load_dialect, specs_path

CLAUSES = tuple(load_clauses().values())
every_clause = pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: clause.id)

FAMILIES = {
    "all": {"ACCEPT", "ALIVE", "REPEAT", "PURE", "ROWS", "CAUSE", "NAN", "LIFE", "MEM", "OPT", "GRAD"},
    "keras": {"EQ", "W", "OUT", "BI", "MASK", "STATE", "EXEC", "DTYPE", "REJ", "OPEN", "DROP", "DECL", "REG"},
    "keras2": {"EQ", "OUT", "TIME", "REJ", "OPEN"},
    "torch": {"EQ", "W", "OUT", "STACK", "PACK", "STATE", "DTYPE", "REJ", "OPEN", "DROP", "DECL"},
}
PREFIX = {"all": "GEN", "keras": "KERAS", "keras2": "KERAS2", "torch": "TORCH"}


def test_no_id_is_used_twice() -> None:
    entries = tomllib.loads((specs_path() / "clauses.toml").read_text(encoding="utf-8"))["clauses"]
    assert [key for key, count in Counter(entry["id"] for entry in entries).items() if count > 1] == []
    assert len(entries) == len(CLAUSES)


@every_clause
def test_the_id_names_dialect_and_family(clause: Clause) -> None:
    match = re.fullmatch(r"(GEN|KERAS2?|TORCH)-([A-Z]+)-([1-9][0-9]*)", clause.id)
    assert match is not None
    assert match[1] == PREFIX[clause.dialect]
    assert match[2] in FAMILIES[clause.dialect]


def test_families_are_numbered_without_gaps() -> None:
    families: dict[str, list[int]] = {}
    for clause in CLAUSES:
        family, number = clause.id.rsplit("-", 1)
        families.setdefault(family, []).append(int(number))
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in families.values()), families


@every_clause
def test_the_status_is_known_and_open_points_are_unspecified(clause: Clause) -> None:
    assert clause.status in {"required", "unspecified"}
    if "-OPEN-" in clause.id:
        assert clause.status == "unspecified"
    if "-REJ-" in clause.id:
        assert clause.status == "required"


@every_clause
def test_the_text_is_one_sentence_with_a_source(clause: Clause) -> None:
    assert clause.text.endswith(".")
    assert "\n" not in clause.text
    assert clause.text == clause.text.strip()
    assert clause.source.strip()


def test_texts_differ_within_a_dialect() -> None:
    assert max(Counter((clause.dialect, clause.text) for clause in CLAUSES).values()) == 1


@pytest.mark.parametrize("dialect", dialect_names())
def test_every_rejection_cites_a_required_clause_of_its_dialect(dialect: str) -> None:
    clauses = load_clauses()
    for rejection in load_dialect(dialect).rejections.values():
        assert clauses[rejection.clause].dialect in load_dialect(dialect).lineage, rejection.id
        assert clauses[rejection.clause].status == "required", rejection.id


@pytest.mark.parametrize("dialect", dialect_names())
def test_every_rejection_clause_has_a_rejection(dialect: str) -> None:
    rules = load_dialect(dialect)
    stated = {clause.id for clause in CLAUSES if clause.dialect in rules.lineage and "-REJ-" in clause.id}
    stated -= set(rules.withdrawn)
    assert stated == {rejection.clause for rejection in load_dialect(dialect).rejections.values()}


@pytest.mark.parametrize("dialect", dialect_names())
def test_every_error_that_a_clause_names_is_the_one_that_is_checked(dialect: str) -> None:
    clauses = load_clauses()
    for rejection in load_dialect(dialect).rejections.values():
        named = set(re.findall(r"\w+Error", clauses[rejection.clause].text))
        assert named == set(rejection.errors) - {"Exception"}, rejection.id
