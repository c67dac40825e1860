"""Small runs that nobody ran, as files: eight cases of one check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from conformance.engine.events import (
    CaseJudged,
    GroupFound,
    ImplementationStarted,
    RunFinished,
    RunStarted,
    Verdict,
)
from conformance.results import Results, Writer
from conformance.spec import Case, DataSpec, LayerConfig, Sizes

CASES = tuple(
    Case(LayerConfig.of("keras", layer, {}, Sizes(2, 3, 4, 5)), DataSpec("generic", seed))
    for layer in ("lstm", "gru")
    for seed in range(4)
)


def results(failing: Sequence[str] = (), *, started: str = "2026-01-01T00:00:00Z", name: str = "torch") -> Results:
    """A run in which the layers named fail."""
    header = RunStarted("0.1", "1.0", 1, "quick", ("covering",), "run torch", started, {}, (name,))
    records = tuple(
        CaseJudged(name, case.id, case.canonical(), "covering", "eager", {"values": _verdict(case, failing)}, 0.001)
        for case in CASES
    )
    said = (ImplementationStarted(name, "ready", "keras", {name: "2.13.0"}),)
    return Results(header, said, records, (), RunFinished(True, "finished", started, 1.0))


def grouped(run: Results) -> Results:
    """The run with all its failures in one group."""
    bad = [record for record in run.cases if record.outcomes["values"].outcome == "fail"]
    group = GroupFound(
        number=1,
        implementation=bad[0].implementation,
        check="values",
        clauses=(),
        outcome="fail",
        when=("layer=lstm",),
        exact=True,
        cases=tuple(record.id for record in bad),
        judged=len(run.cases),
        smallest=bad[0].case,
        smallest_id=bad[0].id,
        message="wrong",
    )
    return replace(run, groups=(group,))


def _verdict(case: Case, failing: Sequence[str]) -> Verdict:
    bad = case.config.layer in failing
    return Verdict("fail", "wrong", 9.0, cause="wrong values") if bad else Verdict("pass", ratio=0.2)


def written(path: Path, run: Results) -> str:
    with Writer(path) as writer:
        for event in run.events():
            writer(event)
    return str(path)
