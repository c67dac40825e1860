"""A made-up but realistic run: real cases of both dialects, four implementations, every outcome.

good        conformant, with a known deviation
torch       deviates in two ways
acme:Fast   has every outcome of the closed set
lost        broken: nothing was tested
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from random import Random

from conformance.engine.events import (
    DEVIATIONS,
    CaseJudged,
    Elements,
    Event,
    GroupFound,
    ImplementationStarted,
    Outcome,
    RunFinished,
    RunStarted,
    Verdict,
    Worst,
)
from conformance.generate.phases import Profile, plan
from conformance.results import Results
from conformance.spec import Case, load_dialect

CHECKS = ("accepted", "structure", "shape", "dtype", "order", "values", "determinism", "inputs_unchanged")
GOOD, TORCH, FAST, LOST = "keras:tensorflow", "torch", "acme:Fast", "keras:jax"
NAMES = (GOOD, TORCH, FAST, LOST)
DIALECTS = {GOOD: "keras", TORCH: "torch", FAST: "keras", LOST: "keras"}

Fault = Callable[[Case, Random], Mapping[str, Verdict]]


@cache
def results(draws: int = 2, random: int = 12, finished: bool = True) -> Results:
    """The results of the made-up run; `draws` and `random` scale the number of cases."""
    return Results.of(events(draws, random, finished))


def events(draws: int = 2, random: int = 12, finished: bool = True) -> Iterator[Event]:
    """The events of the made-up run."""
    yield HEADER
    yield from IMPLEMENTATIONS
    found: list[CaseJudged] = []
    for name in NAMES[:3]:
        found += judged(name, Profile("sample", 2, draws, random, 0, ""))
    yield from found
    if finished:
        yield from groups(found)
        yield FOOTER


def judged(name: str, profile: Profile) -> Iterator[CaseJudged]:
    """Every case of one implementation, with its verdicts."""
    chance = Random(name)  # noqa: S311 - made-up numbers
    for batch in plan(load_dialect(DIALECTS[name]), profile, 7):
        for case in batch.cases:
            verdicts = outcomes(case, chance) | dict(FAULTS[name](case, chance))
            seconds = round(chance.uniform(0.0002, 0.004), 6)
            yield CaseJudged(name, case.id, case.canonical(), batch.phase, "eager", verdicts, seconds)


def outcomes(case: Case, chance: Random) -> dict[str, Verdict]:
    """The verdicts of a faultless implementation."""
    if case.rejection:
        return {"rejection": Verdict("pass")}
    verdicts = dict.fromkeys(CHECKS, Verdict("pass"))
    exact = case.data.kind in ("lattice", "integers") and chance.random() < 0.5
    ratio = 0.0 if exact else min(0.93, math.exp(chance.gauss(-4.0, 1.1)))
    elements = Elements(chance.randrange(6, 160), measured=chance.random() < 0.3)
    if elements.measured:
        elements = replace(elements, weak=chance.randrange(4), uninformative=chance.randrange(2))
    verdicts["values"] = Verdict("pass", ratio=ratio, bound="step", elements=elements)
    return verdicts


def _wrong_value(case: Case, cause: str, got: float, first_step: int | None = 1) -> Verdict:
    index = {"batch": 0, "timesteps": case.config.sizes.timesteps - 1, "units": 2}
    worst = Worst("output", index, got, 0.1987442, 2.4e-7, first_step)
    ratio = abs(got - worst.expected) / worst.allowed
    return Verdict("fail", "output differs", ratio, "signed", Elements(48, 0, 0, 3, 2, True), worst, cause)


def _good(case: Case, _chance: Random) -> Mapping[str, Verdict]:
    if case.rejection == "merge_mode_unknown":
        return {"rejection": Verdict("known", "declared: the wrapper accepts any merge mode before version 3.16")}
    return {}


def _torch(case: Case, _chance: Random) -> Mapping[str, Verdict]:
    if case.rejection == "dropout_bool":
        return {"rejection": Verdict("error", "accepted dropout = True", cause="accepted")}
    options = case.config.options
    if case.rejection is None and case.config.layer == "lstm" and options.get("proj_size") == 2 and options["hx"]:
        return {"values": _wrong_value(case, "c_n", 0.2431)}
    return {}


def _fast(case: Case, chance: Random) -> Mapping[str, Verdict]:
    options = case.config.options
    if case.rejection:
        return {}
    if case.config.layer == "simple_rnn":
        return dict.fromkeys(CHECKS, Verdict("unsupported", "no such layer"))
    if case.config.layer == "gru" and options["reset_after"] is False:
        return {"values": _wrong_value(case, "reset", 1.25e3 if options["use_bias"] else math.nan)}
    if options["mask"] == "full_rows":
        return {"accepted": Verdict("crash", "killed by signal 11 (SIGSEGV)", cause="SIGSEGV")} | _after("accepted")
    if options["mask"] == "gaps" and options["unroll"]:
        return {"accepted": Verdict("timeout", "no answer within 30 s", cause="30 s")} | _after("accepted")
    if options.get("merge_mode") == "ave":
        message = "ValueError: unknown merge_mode 'ave' <see docs>"
        return {"accepted": Verdict("error", message, cause="ValueError")} | _after("accepted")
    if options.get("merge_mode") == "mul":
        return {"order": Verdict("known", "declared: forward and backward states change places")}
    if options["zero_output_for_mask"]:
        return {"dtype": Verdict("fixed", "declared, but no longer fails")}
    return {"determinism": Verdict("unspecified", "differs by 1 unit of rounding")} if chance.random() < 0.1 else {}


def _after(check: str) -> dict[str, Verdict]:
    return {name: Verdict("not run", f"says nothing because {check} did not pass") for name in CHECKS[1:]}


FAULTS: Mapping[str, Fault] = {GOOD: _good, TORCH: _torch, FAST: _fast}

WHEN: Mapping[str, tuple[str, ...]] = {
    "accepted": ("rejection=dropout_bool",),
    "c_n": ("layer=lstm", "proj_size=2", "hx=True"),
    "reset": ("layer=gru", "reset_after=False"),
    "SIGSEGV": ("mask=full_rows",),
    "30 s": ("mask=gaps", "unroll=True"),
    "ValueError": ("merge_mode=ave",),
}
LOOKS_LIKE = {
    "reset": "the reset gate is applied after the recurrent product",
    "c_n": "the cell state is projected too",
}


def groups(found: list[CaseJudged]) -> Iterator[GroupFound]:
    """The failures of a list of judged cases, one group for each implementation, check and cause."""
    members: dict[tuple[str, str, str], list[CaseJudged]] = {}
    for record in found:
        for check, verdict in record.outcomes.items():
            if verdict.outcome in DEVIATIONS:
                members.setdefault((record.implementation, check, str(verdict.cause)), []).append(record)
    for number, ((name, check, cause), cases) in enumerate(members.items(), start=1):
        smallest = min(cases, key=lambda record: (sum(record.case["config"]["sizes"].values()), record.id))
        verdict = smallest.outcomes[check]
        yield GroupFound(
            number=number,
            implementation=name,
            check=check,
            clauses=CLAUSES.get(check, ()),
            outcome=verdict.outcome,
            when=WHEN[cause],
            exact=cause != "30 s",
            cases=tuple(record.id for record in cases),
            judged=sum(r.implementation == name and _is_judged(r.outcomes.get(check)) for r in found),
            smallest=smallest.case,
            smallest_id=smallest.id,
            message=str(verdict.message),
            worst=verdict.worst,
            looks_like=LOOKS_LIKE.get(cause),
        )


def _is_judged(verdict: Verdict | None) -> bool:
    applicable: tuple[Outcome, ...] = ("pass", *DEVIATIONS, "known", "fixed")
    return verdict is not None and verdict.outcome in applicable


CLAUSES = {"rejection": ("TORCH-REJ-4",), "values": ("GEN-VALUE-1", "NO-SUCH-CLAUSE"), "accepted": ("GEN-ACCEPT-1",)}

HEADER = RunStarted(
    suite="0.1.0",
    spec="1.0",
    seed=20260101,
    profile="quick",
    phases=("pinned", "covering", "random"),
    command="rnn-conformance run keras:tensorflow torch acme:Fast keras:jax --profile quick",
    started="2026-01-01T09:30:00Z",
    machine={
        "system": "Linux 6.1 x86_64",
        "python": "3.11.2",
        "processor": "Xeon",
        "cores": "2",
        "numpy": "2.4.0",
        "hypothesis": "6.150.0",
    },
    implementations=NAMES,
)


def _ready(name: str, versions: Mapping[str, str], measured: bool) -> ImplementationStarted:
    dialect = load_dialect(DIALECTS[name])
    options = {option.name: list(option.values) for option in dialect.options.values()}
    accuracy = {"tanh": [2.6, 0.0], "sigmoid": [1.9, 1.0], "measured": measured}
    return ImplementationStarted(
        name=name,
        state="ready",
        dialect=DIALECTS[name],
        versions=versions,
        environment={"python": "3.11.2", "device": "cpu", "threads": "1"},
        capabilities={"layers": list(dialect.layers), "options": options, "modes": ["eager", "graph"]},
        calibration={"float32": accuracy, "float64": accuracy | {"tanh": [2.2, 0.0]}},
    )


IMPLEMENTATIONS = (
    _ready(GOOD, {"keras": "3.15.1", "tensorflow": "2.21.0", "numpy": "2.4.0"}, True),
    _ready(TORCH, {"torch": "2.13.0", "numpy": "2.4.0"}, True),
    _ready(FAST, {"acme": "0.9.1"}, False),
    ImplementationStarted(LOST, "broken", "keras", message="no module named 'jax'; install rnn-conformance[jax]"),
)

FOOTER = RunFinished(
    complete=True,
    reason="finished",
    finished="2026-01-01T09:30:41Z",
    seconds=41.27,
    cost={
        GOOD: {"worker": 18.31, "forward": 16.9, "driver": 3.22},
        TORCH: {"worker": 4.02, "forward": 3.1, "driver": 1.05},
        FAST: {"worker": 6.6, "forward": 5.9, "driver": 2.31},
    },
)


def scaled(cases: int) -> Results:
    """A run of six implementations with so many cases each; seeds, ids and errors differ as in a real one."""
    run = results(draws=8, random=100)
    base = {name: [r for r in run.cases if r.implementation == name] for name in NAMES[:3]}
    chance = Random("scaled")  # noqa: S311 - made-up numbers
    fresh = [(f"{chance.getrandbits(48):012x}", chance.getrandbits(62)) for _ in range(cases)]
    records = []
    for copy in (1, 2):
        for name, found in base.items():
            for number, (identity, seed) in enumerate(fresh):
                record = found[number % len(found)]
                case = {**record.case, "data": {**record.case["data"], "seed": seed}}
                kind = DIALECTS[name][0]  # the same cases for all implementations of a dialect
                verdicts = {
                    check: replace(v, ratio=v.ratio * chance.uniform(0.5, 1.0)) if v.ratio else v
                    for check, v in record.outcomes.items()
                }
                records.append(
                    replace(record, implementation=f"{name}{copy}", id=kind + identity, case=case, outcomes=verdicts)
                )
    started = tuple(
        replace(one, name=f"{one.name}{copy}") for copy in (1, 2) for one in IMPLEMENTATIONS if one.state == "ready"
    )
    names = tuple(f"{name}{copy}" for copy in (1, 2) for name in base)
    return Results(replace(HEADER, implementations=names), started, tuple(records), (), FOOTER)
