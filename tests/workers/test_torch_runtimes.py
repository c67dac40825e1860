"""Layers of PyTorch exported and run by ONNX Runtime, where there is one; and what is said where there is none."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from driving import config, framework

from conformance.checks import judge
from conformance.engine.implementations import resolve
from conformance.engine.requests import Hello
from conformance.engine.session import Session
from conformance.engine.worker import Limits
from conformance.generate.phases import Batch
from conformance.reference import precision
from conformance.spec import Case, DataSpec, LayerConfig, Sizes, specs_path

pytestmark = pytest.mark.framework

FEW = Sizes(batch=3, timesteps=4, features=2, units=4)
ONE = Sizes(batch=1, timesteps=3, features=2, units=4)
CONFIGS = [
    config("torch", "simple_rnn", FEW, nonlinearity="relu", num_layers=2, batch_first=True),
    config("torch", "simple_rnn", ONE, hx=True, bias=False),
    config("torch", "gru", FEW, bidirectional=True, hx=True, bias=False),
    config("torch", "gru", ONE, input="unbatched", batch_first=True, num_layers=2),
    config("torch", "lstm", FEW, bidirectional=True, num_layers=2, hx=True),
    config("torch", "lstm", ONE, input="unbatched", hx=True),
]
LACKING = """
import runpy, sys
sys.modules["onnxruntime"] = None
sys.path.insert(0, {folder!r})
runpy.run_path({worker!r}, run_name="__main__")
"""


@pytest.fixture(scope="module")
def python() -> str:
    """An interpreter with torch, onnx, onnxscript and onnxruntime; else the test is skipped."""
    named = os.environ.get("RNN_CONFORMANCE_TEST_PYTHON_ONNX")
    path = named or framework("torch").command[0]
    wanted = "import torch, onnx, onnxscript, onnxruntime"
    if subprocess.run([path, "-c", wanted], capture_output=True, timeout=120).returncode:
        whose = "RNN_CONFORMANCE_TEST_PYTHON_ONNX" if named else "the interpreter of torch"
        pytest.skip(f"{whose} does not have torch, onnx, onnxscript and onnxruntime")
    return path


@pytest.fixture(scope="module")
def session(python: str) -> Iterator[Session]:
    with closing(Session(resolve("torch", {"torch": python}), Limits(seconds=120))) as running:
        yield running


@pytest.fixture(scope="module")
def hello(session: Session) -> Hello:
    return session.start()


def outcome(session: Session, wanted: LayerConfig, way: str) -> str:
    """What the check says of one way on one case."""
    case = Case(wanted, DataSpec("generic", 1))
    batch, held_to = Batch("pinned", case.config, (case,)), {"float32": precision("float32")}
    (seen,) = session.observe_batch(batch, held_to, "eager", laws=(f"runtimes/{way}",))
    verdict = judge(seen)["runtimes"]
    return verdict.outcome if verdict.message is None else f"{verdict.outcome}: {verdict.message}"


def test_both_exporters_are_offered_with_the_versions_of_all_packages(hello: Hello) -> None:
    assert {"onnx", "onnx_dynamic"} <= set(hello.ways["runtimes"])
    assert {"onnx", "onnxscript", "onnxruntime"} <= set(hello.versions)


@pytest.mark.parametrize("wanted", CONFIGS, ids=lambda wanted: wanted.id)
def test_every_runtime_gives_what_a_plain_call_gives(wanted: LayerConfig, session: Session, hello: Hello) -> None:
    found = {it.name: outcome(session, wanted, it.name) for it in hello.ways_for("runtimes", wanted)}
    assert found == dict.fromkeys(hello.ways["runtimes"], "pass")


@pytest.mark.usefixtures("hello")
def test_a_projection_fails_where_the_standalone_script_shows_it(python: str, session: Session) -> None:
    script = str(specs_path() / "deviations" / "torch_onnx_projection.py")
    said = subprocess.run([python, script], capture_output=True, text=True, timeout=120, check=True).stdout
    assert ("deviates" in said) != ("conforms" in said), said
    found = outcome(session, config("torch", "lstm", FEW, proj_size=2), "onnx")
    assert (found == "pass") == ("conforms" in said), found


def test_where_a_package_is_missing_it_is_unsupported_with_its_name() -> None:
    honest = framework("torch")
    worker = Path(honest.command[-1])
    script = LACKING.format(folder=str(worker.parent), worker=str(worker))
    launch = replace(honest, command=(honest.command[0], "-c", script))
    with closing(Session(launch, Limits(seconds=120))) as running:
        said = running.start()
        assert not said.ways["runtimes"]
        assert said.environment["onnx"].startswith("without onnx")
        assert outcome(running, CONFIGS[0], "onnx").startswith("unsupported")
