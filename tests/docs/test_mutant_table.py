"""docs/mutants.md: every planted fault has a row that is as a run of it says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from conformance.checks import CHECKS

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs"))
import generate
from catalogue import MUTANTS as CATALOGUE

RECORDS = {record["id"]: record for record in generate.stored()}
MUTANTS = {mutant.id: mutant for mutant in CATALOGUE}
ADVICE = "run `python docs/generate.py`"

CHEAPEST: dict[str, str] = {}
"""Check -> the planted fault that it must find with the fewest cases."""
for record in sorted(RECORDS.values(), key=lambda record: int(record["cases"])):
    CHEAPEST.setdefault(record["check"], record["id"])
SAMPLE = sorted(set(CHEAPEST.values()) & set(MUTANTS))[::5]


def test_every_mutant_has_a_record_and_no_record_is_stale() -> None:
    fingerprints = {name: generate.fingerprint(mutant) for name, mutant in MUTANTS.items()}
    assert {name: record["fingerprint"] for name, record in RECORDS.items()} == fingerprints, ADVICE


def test_every_mutant_has_one_row() -> None:
    text = generate.TABLE.read_text(encoding="utf-8")
    assert {name: text.count(f'<a id="{name}"></a>') for name in MUTANTS} == dict.fromkeys(MUTANTS, 1), ADVICE
    assert text.count("<a id=") == len(MUTANTS), ADVICE


@pytest.mark.parametrize("name", MUTANTS)
def test_a_record_is_what_the_catalogue_demands(name: str) -> None:
    record, mutant = RECORDS[name], MUTANTS[name]
    assert mutant.check in record["kills"]
    assert set(mutant.when) <= set(record["when"])
    assert record["looks_like"] == mutant.looks_like
    assert set(record["kills"]) <= set(CHECKS)
    assert {mutant.check} <= set(record["failures"]) <= set(record["kills"])


@pytest.mark.parametrize("name", SAMPLE)
def test_a_record_is_what_a_run_says(name: str) -> None:
    now = generate.examined(MUTANTS[name])
    assert set(now["kills"]) == set(RECORDS[name]["kills"]), f"{ADVICE} --all"
    for part in ("when", "looks_like", "profile", "seed", "phases", "only", "does"):
        assert now[part] == RECORDS[name][part], f"{part}: {ADVICE} --all"


def test_a_change_of_a_fault_is_noticed() -> None:
    first, second = list(MUTANTS.values())[:2]
    assert generate.fingerprint(first) == generate.fingerprint(first)
    assert generate.fingerprint(first) != generate.fingerprint(second)
