"""Small runs to compare: real cases, verdicts as a test wants them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from conformance.engine.events import (
    DEVIATIONS,
    CaseJudged,
    GroupFound,
    ImplementationStarted,
    RunFinished,
    RunStarted,
    Verdict,
)
from conformance.results import Results
from conformance.spec import Case, DataSpec, LayerConfig, Sizes

HEADER = RunStarted("0.1", "1.0", 1, "quick", ("covering",), "run torch", "2026-01-01T00:00:00Z", {}, ("torch",))
FOOTER = RunFinished(True, "finished", "2026-01-01T00:00:09Z", 9.0)

PASS = Verdict("pass")
WRONG = Verdict("fail", "output[batch 0] is 0.5, expected 0.25", 9.0, cause="wrong values")

CASES = tuple(
    Case(LayerConfig.of("keras", layer, {"return_state": state, "use_bias": bias}, Sizes(2, 3, 4, 5)), DataSpec("g", n))
    for layer in ("lstm", "gru")
    for state in (True, False)
    for bias in (True, False)
    for n in (1, 2)
)
"""Sixteen cases: two layers, two options, two draws of data."""

Judge = Callable[[Case], Mapping[str, Verdict]]


def verdict(ratio: float) -> Verdict:
    """A passing one."""
    return Verdict("pass", ratio=ratio, bound="step")


def is_lstm(case: Case) -> bool:
    return case.config.layer == "lstm"


def run(
    judge: Judge | None = None,
    *,
    name: str = "torch",
    version: str = "2.12.0",
    seconds: Callable[[Case], float] | None = None,
    cases: tuple[Case, ...] = CASES,
) -> Results:
    """The results of a run in which every check has the verdict that `judge` gives; `values` passes without one."""
    judge = judge or (lambda case: {"values": PASS})
    judged = tuple(
        CaseJudged(
            name,
            case.id,
            case.canonical(),
            "covering",
            "eager",
            judge(case),
            None if seconds is None else seconds(case),
        )
        for case in cases
    )
    started = ImplementationStarted(name, "ready", "keras", {name: version}, planned=len(cases))
    header = replace(HEADER, implementations=(name,), command=f"run {name}=={version}")
    return Results(header, (started,), judged, (), FOOTER)


def grouped(
    results: Results, *when: str, check: str = "values", looks_like: str | None = None, exact: bool = True
) -> Results:
    """The same with all failures of a check in one group."""
    failing = [record for record in results.cases if record.outcomes[check].outcome in DEVIATIONS]
    worst = failing[0]
    group = GroupFound(
        number=1,
        implementation=worst.implementation,
        check=check,
        clauses=(),
        outcome=worst.outcomes[check].outcome,
        when=when,
        exact=exact,
        cases=tuple(record.id for record in failing),
        judged=len(results.cases),
        smallest=worst.case,
        smallest_id=worst.id,
        message="wrong",
        looks_like=looks_like,
    )
    return replace(results, groups=(group,))
