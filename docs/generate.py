"""Fill in what the pages generate: clauses, planted faults and failures as the suite prints them.

    python docs/generate.py          run the planted faults that are new or were changed, then rewrite the pages
    python docs/generate.py --all    run every planted fault again (a few minutes)
    python docs/generate.py --check  change nothing; exit code 1 if a page is not what it would become

What a run of the faults found is kept in `mutants.json`, so that pages can be rewritten without running anything.
A page says where with `<!-- generated: NAME ARGUMENT -->`; the text up to `<!-- end -->` is replaced.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "engine"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "mutants"))
import running
import test_mutants
import worker  # noqa: F401 - registers the faults
from catalogue import MUTANTS, Mutant
from numpy_layers import FAULTS

from conformance.checks import CHECKS
from conformance.engine.events import DEVIATIONS, Event, GroupFound
from conformance.laws import LAWS
from conformance.report import block, view
from conformance.results import Results
from conformance.spec import Clause, load_clauses

Record = dict[str, Any]
"""What a run found of one planted fault, as `mutants.json` has it."""

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
STORED = DOCS / "mutants.json"
TABLE = DOCS / "mutants.md"
PAGES = DOCS / "checks"

FEW = 3
"""A fault that at most so many checks find is named on their pages."""

SHOWN = 12
"""So many faults are named on a page; the table has all."""

DIALECTS = {"all": "Every dialect", "keras": "Keras", "keras2": "Keras 2", "torch": "PyTorch"}

CRASH = "dies on one case"
"""A worker that is no planted fault of the catalogue: it ends itself on one case of many."""


# ---------------------------------------------------------------- running the planted faults


def refresh(everything: bool) -> None:
    """Run the planted faults that are missing or stale, and keep what each gave at once."""
    known = {} if everything else {record["id"]: record for record in stored()}
    fresh = {mutant.id: known[mutant.id] for mutant in MUTANTS if _is_fresh(known.get(mutant.id), mutant)}
    due = [mutant for mutant in MUTANTS if mutant.id not in fresh]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, (mutant, record) in enumerate(zip(due, pool.map(examined, due), strict=True), start=1):
            print(f"{number} of {len(due)}: {mutant.id}", flush=True)
            fresh[mutant.id] = record
            store([fresh[it.id] for it in MUTANTS if it.id in fresh], crashed())
    store([fresh[mutant.id] for mutant in MUTANTS], crash())


def _is_fresh(record: Record | None, mutant: Mutant) -> bool:
    return record is not None and record["fingerprint"] == fingerprint(mutant)


def stored() -> list[Record]:
    """The records as they stand in `mutants.json`."""
    return list(json.loads(STORED.read_text(encoding="utf-8"))["mutants"]) if STORED.exists() else []


def crashed() -> str:
    """The failure of the worker that dies, as it stands in `mutants.json`."""
    return str(json.loads(STORED.read_text(encoding="utf-8"))[CRASH]) if STORED.exists() else ""


def examined(mutant: Mutant) -> Record:
    """Run one planted fault, as its test does."""
    results = Results.of(test_mutants.events(mutant))
    told = told_of(mutant, results)
    return {
        "id": mutant.id,
        "does": does(mutant),
        "dialect": mutant.dialect,
        "profile": results.header.profile,
        "seed": results.header.seed,
        "phases": list(results.header.phases),
        "only": dict(mutant.only),
        "cases": len(results.cases),
        "check": mutant.check,
        "kills": kills(results),
        "when": list(told.when) if told else [],
        "looks_like": told.looks_like if told else None,
        "failures": failures(results),
        "fingerprint": fingerprint(mutant),
    }


def told_of(mutant: Mutant, results: Results) -> GroupFound | None:
    """What was said of it: the group that its entry in the catalogue asks for, or else any of that check."""

    def fits(group: GroupFound) -> tuple[bool, bool]:
        return set(mutant.when) <= set(group.when), group.looks_like == mutant.looks_like

    return max((group for group in results.groups if group.check == mutant.check), key=fits, default=None)


def kills(results: Results) -> dict[str, int]:
    """Check -> number of cases that it failed, in the order of the registry."""
    failed = Counter(
        check for case in results.cases for check, verdict in case.outcomes.items() if verdict.outcome in DEVIATIONS
    )
    return {check: failed[check] for check in CHECKS if failed[check]}


def failures(results: Results) -> dict[str, str]:
    """Check -> its first failure, as the suite prints it."""
    printed: dict[str, str] = {}
    for group in view(results, "reports/latest/results.jsonl").groups:
        printed.setdefault(group.check, block(group))
    return printed


def does(mutant: Mutant) -> str:
    """What a planted fault does, in one line: its docstring, what it looks like, or its name in words."""
    plant = FAULTS[mutant.fault]
    said = None if isinstance(plant, partial) else inspect.getdoc(plant)
    words = (said or "").partition("\n\n")[0] or mutant.looks_like or re.sub(r"(?<![hc])_|_(?!n)", " ", mutant.fault)
    return " ".join(words.split()).rstrip(".")


def fingerprint(mutant: Mutant) -> str:
    """Changes when the fault, its entry in the catalogue or its profile does; white space does not matter."""
    profile = {name: value for name, value in vars(mutant.profile).items() if name != "meaning"}
    entry = json.dumps(vars(mutant) | {"profile": profile}, sort_keys=True)
    return hashlib.sha256("".join((entry + _source(FAULTS[mutant.fault])).split()).encode()).hexdigest()[:12]


def _source(plant: Any) -> str:
    """The text of a function, and of what it was given if it is a partial one."""
    if isinstance(plant, partial):
        return "".join(map(_source, (plant.func, *plant.args, *plant.keywords.values())))
    return inspect.getsource(plant) if callable(plant) else repr(plant)


def crash() -> str:
    """The failure of a worker that dies on one case."""
    case = running.planned(running.SMALL)[0]
    launch = running.launch(running.TARGETED, "crashes_on", TARGET=running.target(case))
    events: Sequence[Event] = running.small_run(launch)
    return failures(Results.of(events))["survival"]


def store(found: Sequence[Record], failure: str) -> None:
    """Write `mutants.json`."""
    text = json.dumps({CRASH: failure, "mutants": found}, indent=1, ensure_ascii=False)
    STORED.write_text(text + "\n", encoding="utf-8")


# ---------------------------------------------------------------- what stands between the markers


def clauses(check: str) -> Iterator[str]:
    """The clauses that a check tests, by dialect."""
    tested = [clause for clause in load_clauses().values() if check in clause.checks]
    for dialect, title in DIALECTS.items():
        if chosen := [clause for clause in tested if clause.dialect == dialect]:
            yield from ("", f"**{title}**", "", "| clause | what must hold | source |", "| --- | --- | --- |")
            yield from (f"| {clause.id} | {_cell(_statement(clause))} | {_cell(clause.source)} |" for clause in chosen)
    if not tested:
        yield "No clause cites it."


def _statement(clause: Clause) -> str:
    return clause.text + (" *(recorded, never failed)*" if clause.status == "unspecified" else "")


def faults(check: str) -> Iterator[str]:
    """The planted faults that a check finds and few others do."""
    found = stored()
    finders = [record for record in found if check in record["kills"]]
    if not finders:
        yield f"None of the {len(found)} [planted faults](../mutants.md) is found by it."
        return
    alone = sum(len(record["kills"]) == 1 for record in finders)
    yield f"It finds {len(finders)} of the {len(found)} [planted faults](../mutants.md), {alone or 'none'} of them"
    yield "alone."
    few = sorted((record for record in finders if len(record["kills"]) <= FEW), key=lambda one: len(one["kills"]))
    if few:
        yield from ("", "| planted fault | what it does | found also by |", "| --- | --- | --- |")
    step = max(1, -(-len(few) // SHOWN))
    for record in few[::step]:
        others = ", ".join(_link(name) for name in record["kills"] if name != check)
        yield f"| {_to_table(record)} | {_cell(record['does'])} | {others or '–'} |"
    if step > 1:
        yield from ("", f"These are some of {len(few)}; all stand in the table.")


def failure(name: str) -> Iterator[str]:
    """A failure as the suite printed it: of `CHECK FAULT`, or of the fault that shows `CHECK` best."""
    check, _, fault = name.partition(" ")
    shown = [record for record in stored() if check in record["failures"] and fault in ("", record["id"])]
    best = min(shown, key=lambda record: (record["check"] != check, len(record["kills"])), default=None)
    if best is not None:
        yield from (f"Planted: {_to_table(best)} ({_cell(best['does'])}).", "", "```", best["failures"][check], "```")
    elif check == "survival":
        yield "A worker that [ends itself](../../tests/engine/targeted.py) by a memory fault, on one case of many."
        yield from ("", "```", crashed(), "```")
    else:
        yield "No planted fault shows one."


def index(family: str) -> Iterator[str]:
    """The checks, or those of them that are laws, with what they test and how many planted faults they find."""
    found = stored()
    yield from ("| check | what it tests | planted faults found | alone |", "| --- | --- | ---: | ---: |")
    for check in CHECKS.values():
        if (check.name in LAWS) == (family == "laws"):
            finders = [record for record in found if check.name in record["kills"]]
            alone = sum(len(record["kills"]) == 1 for record in finders)
            yield f"| [{check.name}]({check.name}.md) | {_cell(check.meaning)} | {len(finders)} | {alone} |"


def mutants(dialect: str) -> Iterator[str]:
    """Planted faults of a dialect by the checks that find them."""
    yield "| planted fault | what it does | found by | when | looks like | run |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for record in stored():
        if record["dialect"] == dialect:
            yield "| " + " | ".join(_row(record)) + " |"


def _row(record: Record) -> Iterator[str]:
    fault = record["id"].partition("-")[2]
    yield f'<a id="{record["id"]}"></a>`{fault}`'
    yield _cell(record["does"])
    yield ", ".join(_found_by(record, check) for check in record["kills"]) or "**not found**"
    yield _cell(" and ".join(record["when"]) or "always")
    yield _cell(record["looks_like"] or "–")
    only = " ".join(f"{name}={value}" for name, value in record["only"].items()) or "everything"
    phases = ", ".join(record["phases"])
    yield _cell(f"{record['profile']}, seed {record['seed']}; {phases}; {only}")


def _found_by(record: Record, check: str) -> str:
    link = f"[{check}](checks/{check}.md)"
    return f"**{link}**" if check == record["check"] else link


def summary(_argument: str) -> Iterator[str]:
    """The sizes of the table."""
    found = stored()
    named = sum(record["looks_like"] is not None for record in found)
    alone = sum(len(record["kills"]) == 1 for record in found)
    by_dialect = Counter(record["dialect"] for record in found)
    told = ", ".join(f"{by_dialect[name]} in the dialect of {DIALECTS[name]}" for name in sorted(by_dialect))
    lost = sum(record["check"] not in record["kills"] for record in found)
    yield f"{len(found)} planted faults: {told}. Found by the check that is meant to: {len(found) - lost}; by one check"
    yield f"alone: {alone}. {named} of them are called by name (*looks like*)."


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _link(check: str) -> str:
    return f"[{check}]({check}.md)"


def _to_table(record: Record) -> str:
    return f"[`{record['id']}`](../mutants.md#{record['id']})"


SECTIONS: Mapping[str, Callable[[str], Iterator[str]]] = {
    "clauses": clauses,
    "faults": faults,
    "failure": failure,
    "index": index,
    "mutants": mutants,
    "summary": summary,
}


# ---------------------------------------------------------------- pages

MARKED = re.compile(r"(<!-- generated: (\w+) ?([^\n]*?) -->\n).*?(<!-- end -->)", re.DOTALL)


def pages() -> tuple[Path, ...]:
    """All files with generated text."""
    return (TABLE, *sorted(PAGES.glob("*.md")))


def rewritten(text: str) -> str:
    """A page with its generated text as it must be now."""

    def fill(match: re.Match[str]) -> str:
        opening, section, argument, closing = match.groups()
        body = "\n".join(SECTIONS[section](argument)).strip("\n")
        return f"{opening}\n{body}\n\n{closing}"

    return MARKED.sub(fill, text)


def stale() -> list[Path]:
    """The pages that are not what they would become."""
    return [page for page in pages() if (text := page.read_text(encoding="utf-8")) != rewritten(text)]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="run every planted fault again")
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 if something is stale")
    options = parser.parse_args()
    if not options.check:
        refresh(options.all)
    old = stale()
    for page in old:
        print(("stale: " if options.check else "rewritten: ") + str(page.relative_to(ROOT)))
        if not options.check:
            page.write_text(rewritten(page.read_text(encoding="utf-8")), encoding="utf-8")
    return 1 if options.check and old else 0


if __name__ == "__main__":
    sys.exit(main())
