"""`rnn-conformance demo`: the planted mistake is found and named, quickly; without it the demo conforms."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from conformance.cli import main
from conformance.engine.events import DEVIATIONS, CaseJudged, RunFinished
from conformance.engine.implementations import ADAPTERS, implementation_names, resolve
from conformance.engine.run import RunOptions, run
from conformance.generate.phases import DEMO

MISTAKE = "i, f, o, g = np.split"
RIGHT = "i, f, g, o = np.split"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """The report's directory, and what the command printed."""
    out = tmp_path_factory.mktemp("demo")
    return out, CliRunner().invoke(main, ["demo", "--out", str(out)])


def test_the_mistake_is_found_and_named(shown: tuple[Path, Result]) -> None:
    out, result = shown
    assert result.exit_code == 0, result.output
    assert "looks like     the gate blocks i, f, g, o are read as i, f, o, g" in result.output
    for line in ("when", "smallest case", "worst element", f"report   {out / 'index.html'}"):
        assert line in result.output
    assert (out / "index.html").stat().st_size > 0


def test_its_failures_can_be_replayed(shown: tuple[Path, Result]) -> None:
    command = next(line for line in shown[1].output.splitlines() if "rnn-conformance replay" in line)
    again = CliRunner().invoke(main, shlex.split(command)[2:])
    assert again.exit_code == 1, again.output
    assert "fail         values" in again.output


def test_without_the_mistake_the_demo_conforms(tmp_path: Path) -> None:
    for name in ("serve.py", "terms.py", "manners.py", "wire.py", "demo_layers.py"):
        shutil.copy(ADAPTERS / name, tmp_path / name)
    script = tmp_path / "demo_layers.py"
    text = script.read_text()
    assert text.count(MISTAKE) == 1
    script.write_text(text.replace(MISTAKE, RIGHT))
    repaired = resolve(f"cmd:{sys.executable} {script}")
    events = list(run(RunOptions((repaired,), DEMO, only={"layer": "lstm"})))
    outcomes = [(name, v) for e in events if isinstance(e, CaseJudged) for name, v in e.outcomes.items()]
    assert [(name, verdict) for name, verdict in outcomes if verdict.outcome in DEVIATIONS] == []
    assert sum(verdict.outcome == "pass" for _, verdict in outcomes) > 500
    assert isinstance(events[-1], RunFinished)
    assert events[-1].complete


def test_the_demo_can_be_named_but_is_not_offered() -> None:
    assert "demo" not in implementation_names()
    assert resolve("demo").command[-1].endswith("demo_layers.py")
