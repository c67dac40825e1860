"""The examples in other languages: right as they are, and found out, with the right explanation, when they are not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from conformance.cli import main
from conformance.engine.events import DEVIATIONS, CaseJudged, Event, GroupFound, RunFinished
from conformance.engine.implementations import resolve
from conformance.engine.run import RunOptions, run
from conformance.engine.worker import Limits
from conformance.generate.phases import DEMO, PROFILES, Profile

EXAMPLES = Path(__file__).parents[2] / "examples"
LANGUAGES = ["c", "javascript", "python_harness"]


@pytest.fixture(scope="module", params=LANGUAGES)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """How a user names an example; its compiler or interpreter must be there."""
    if request.param == "python_harness":
        return f"cmd:{sys.executable} {EXAMPLES / 'python_harness' / 'harness.py'}"
    if request.param == "javascript":
        if shutil.which("node") is None:
            pytest.skip("there is no node here")
        return f"cmd:node {EXAMPLES / 'javascript' / 'lstm.mjs'}"
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler (cc) here")
    built = tmp_path_factory.mktemp("c") / "lstm"
    flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    subprocess.run(["cc", *flags, "-o", str(built), str(EXAMPLES / "c" / "lstm.c"), "-lm"], check=True)
    return f"cmd:{built}"


def events(command: str, profile: Profile) -> list[Event]:
    options = RunOptions((resolve(command),), profile, 1, only={"layer": "lstm"}, limits=Limits(seconds=20))
    found = list(run(options))
    assert isinstance(found[-1], RunFinished)
    assert found[-1].complete, found[-1].reason
    return found


def test_the_doctor_finds_it_healthy(program: str) -> None:
    examined = CliRunner().invoke(main, ["doctor", program])
    assert examined.exit_code == 0, examined.output
    assert "default options pass" in examined.output


def test_it_conforms_in_all_that_it_claims(program: str) -> None:
    cases = [event for event in events(program, PROFILES["quick"]) if isinstance(event, CaseJudged)]
    outcomes = Counter(verdict.outcome for case in cases for verdict in case.outcomes.values())
    assert not outcomes.keys() & set(DEVIATIONS), outcomes
    assert outcomes["pass"] > 4000
    assert outcomes["unsupported"] > 0  # it is honest about what it does not do
    assert any(case.phase == "covering" and case.outcomes.get("rejection") is not None for case in cases)


def test_its_planted_mistake_is_found_and_named(program: str) -> None:
    groups = [event for event in events(f"{program} --fault swap-gates", DEMO) if isinstance(event, GroupFound)]
    assert [group.check for group in groups] == ["values"]
    assert groups[0].looks_like == "the gate blocks i, f, g, o are read as i, f, o, g"


def test_an_unknown_request_is_answered_with_an_error(program: str) -> None:
    command = resolve(program).command
    lines = b'{"id":7,"op":"dance"}\n{"id":8,"op":"call","handle":3,"mode":"eager"}\n{"id":9,"op":"quit"}\n'
    done = subprocess.run(command, input=lines, capture_output=True, timeout=20, check=False)
    assert done.returncode == 0
    first, second = done.stdout.splitlines()
    assert first.startswith((b'{"id":7,"ok":false', b'{"id": 7, "ok": false'))
    assert second.startswith((b'{"id":8,"ok":false', b'{"id": 8, "ok": false'))


def test_the_python_harness_uses_nothing_of_ours() -> None:
    text = (EXAMPLES / "python_harness" / "harness.py").read_text()
    imports = {line.split()[1].partition(".")[0] for line in text.splitlines() if line.startswith(("import", "from"))}
    assert imports <= {"__future__", "json", "os", "sys", "typing", "numpy"}
