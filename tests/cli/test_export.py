"""Exported scripts: they need the framework alone, and say of it what the suite says."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from driving import framework

from conformance.cli import main
from conformance.cli.accept import known_of
from conformance.engine.events import CaseJudged, ImplementationStarted, RunFinished, RunStarted, Verdict
from conformance.engine.implementations import ADAPTERS, export_of
from conformance.generate.phases import rejections
from conformance.generate.vectors import vector_cases
from conformance.reference import precision
from conformance.report.script import literal, script
from conformance.results import Writer
from conformance.spec import Case, DataSpec, LayerConfig, Sizes, load_dialect

DRIVER = """
import contextlib, io, runpy, sys
for path in sys.argv[1:]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        runpy.run_path(path)
    print(path.rpartition("/")[2], said.getvalue().splitlines()[-1])
"""
"""Runs many scripts in one process and prints the last line of each: importing a framework takes long."""


def text_of(case: Case, name: str, mode: str = "eager") -> str:
    how = export_of(name)
    held_to = precision(case.config.dtype)
    return script(case, how.template, how.arguments, mode, held_to, title="a case", messages=[], needs=how.needs)


def cases(dialect: str) -> Iterator[Case]:
    """One draw for every pair of option values, and all rejections."""
    rules = load_dialect(dialect)
    yield from {case.config: case for case, _ in vector_cases(rules)}.values()
    yield from (batch.cases[0] for batch in rejections(rules))


def half_cases(dialect: str) -> Iterator[Case]:
    """Cases in types of 16 bits."""
    for dtype, layer in itertools.product(("float16", "bfloat16"), load_dialect(dialect).layers):
        yield Case(LayerConfig.of(dialect, layer, {"dtype": dtype}, Sizes(2, 3, 4, 5)), DataSpec("generic", 1))


def said(python: str, directory: Path, texts: dict[str, str]) -> dict[str, str]:
    """The last line that each script prints."""
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")
    (directory / "all.driver").write_text(DRIVER)
    command = [python, str(directory / "all.driver"), *(str(directory / name) for name in texts)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


# ---------------------------------------------------------------- scripts


@pytest.mark.parametrize("name", ["keras:tensorflow", "keras:torch", "keras:jax", "torch"])
@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_every_case_becomes_a_script_without_us(name: str, mode: str) -> None:
    for case in cases(export_of(name).dialect):
        text = text_of(case, name, mode)
        compile(text, case.id, "exec")
        assert not [line for line in text.splitlines() if line.startswith(("import conf", "from conf"))]


@pytest.mark.parametrize("name", ["keras:tensorflow", "torch"])
def test_a_small_case_is_a_short_script(name: str) -> None:
    config = LayerConfig.of(export_of(name).dialect, "lstm", {}, Sizes(1, 1, 1, 1))
    assert len(text_of(Case(config, DataSpec("lattice", 1)), name).splitlines()) <= 38


def test_scripts_agree_with_an_honest_fake_and_with_a_faulty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keras.py").write_text((Path(__file__).parent / "fake_keras.py").read_text())
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1] / "workers/fakes"), str(ADAPTERS)])
    )
    every = {case.id: case for case in cases("keras")}
    texts = {f"{name}.py": text_of(case, "keras:torch") for name, case in every.items()}
    honest = said(sys.executable, tmp_path, texts)
    assert honest == dict.fromkeys(texts, "conforms")
    monkeypatch.setenv("SHIFTED", "1")
    faulty = said(sys.executable, tmp_path, texts)
    for name, case in every.items():
        if "np.inf" not in texts[f"{name}.py"]:  # everything is promised
            assert faulty[f"{name}.py"] == ("conforms" if case.rejection else "deviates"), case


@pytest.mark.framework
@pytest.mark.parametrize("name", ["torch", "keras:tensorflow"])
def test_scripts_agree_with_the_framework(name: str, tmp_path: Path) -> None:
    witnesses = [it.witness for it in known_of(()) if it.witness is not None and it.witness.rejection]
    known = {(it.config.dialect, it.config.layer, it.rejection) for it in witnesses}  # accepted, and should not be
    chosen = [
        case
        for case in cases(export_of(name).dialect)
        if case.config.get("go_backwards") is not True
        and (case.config.dialect, case.config.layer, case.rejection) not in known
    ]
    texts = {f"{case.id}.py": text_of(case, name) for case in (*chosen, *half_cases(export_of(name).dialect))}
    shown = next(case for case in chosen if case.rejection is None and case.config.layer == "lstm")
    texts["changed.py"] = text_of(shown, name).replace("layer(x", "layer(2 * x")
    texts["graph.py"] = text_of(shown, name, "graph")
    verdicts = said(framework(name).command[0], tmp_path, texts)
    assert verdicts.pop("changed.py") == "deviates"
    assert verdicts == dict.fromkeys(verdicts, "conforms")
    assert len(verdicts) > 25


def test_numbers_are_short_and_exact() -> None:
    assert literal(np.array([[0.1, -0.0], [np.inf, 3]], np.float32)) == "[[0.1, -0.0], [np.inf, 3.0]]"
    assert literal(np.array([1e-300 / 3])) == f"[{1e-300 / 3!r}]"


# ---------------------------------------------------------------- the command


def results_with(tmp_path: Path, case: Case, name: str, **outcomes: Verdict) -> str:
    """A results file in which one case was judged so."""
    started = RunStarted("1", "1.0", 0, "quick", ("random",), "", "2026-01-01T00:00:00+00:00", {}, (name,))
    with Writer(tmp_path / "results.jsonl") as writer:
        writer(started)
        writer(ImplementationStarted(name, "ready", dialect=case.config.dialect))
        writer(CaseJudged(name, case.id, case.canonical(), "random", "eager", outcomes, 0.0))
        writer(RunFinished(True, "finished", "2026-01-01T00:00:01+00:00", 1.0, {}))
    return str(tmp_path / "results.jsonl")


def export(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["export", *arguments])


def test_a_failing_case_is_exported_for_the_framework_where_it_failed(tmp_path: Path) -> None:
    case = next(iter(cases("torch")))
    message = "ends here\nimport os; os.remove('x')"
    file = results_with(tmp_path, case, "torch", values=Verdict("fail", message))
    shown = export(case.id[:8], "--results", file)
    assert shown.exit_code == 0, shown.output
    compile(shown.output, "case", "exec")
    assert "# On torch: ends here import os" in shown.output  # foreign text stays in its comment
    assert "torch.nn." in shown.output


@pytest.mark.parametrize(
    ("check", "arguments", "message"),
    [
        ("determinism", (), "which one call does not show"),
        ("values", ("--on", "keras:torch"), "follows the dialect keras"),
        ("values", ("--on", "cmd:./mine"), "no script can be written for 'cmd:./mine'"),
    ],
)
def test_what_cannot_be_shown_is_one_line(check: str, arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    case = next(iter(cases("torch")))
    file = results_with(tmp_path, case, "torch", **{check: Verdict("fail", "wrong")})
    shown = export(case.id, "--results", file, *arguments)
    assert shown.exit_code == 2
    assert message in shown.output
    assert "Traceback" not in shown.output
