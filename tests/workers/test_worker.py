"""Whatever a worker does, the engine learns what happened, can go on, and leaves no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from driving import FAKES, QUICK, arrays, ask, build, call, config, fake, faulty, results, some_tensors

from conformance.adapters import wire
from conformance.engine.implementations import Launch
from conformance.engine.worker import Limits, Worker, WorkerDied, WorkerLost, WorkerNonsense, WorkerTimeout
from conformance.errors import BrokenImplementationError
from conformance.spec import Array

PLAIN = config(return_sequences=True)
TENSORS = some_tensors(PLAIN)
SHORT = Limits(seconds=0.5, start_seconds=20)


def calls(worker: Worker, count: int = 1) -> list[list[Array]]:
    """Build a layer and call it some times."""
    worker.start()
    assert ask(worker, build(1, PLAIN)).header["ok"]
    return [results(ask(worker, call(1), arrays(TENSORS))) for _ in range(count)]


@pytest.fixture
def honest() -> list[Array]:
    with Worker(fake("numpy_layers.py", "keras"), QUICK) as worker:
        return calls(worker)[0]


def processes_of(worker: Worker) -> list[psutil.Process]:
    assert worker._process is not None
    leader = psutil.Process(worker._process.popen.pid)
    return [leader, *leader.children(recursive=True)]


def assert_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=5)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


# ---------------------------------------------------------------- losses


def test_a_crash_tells_signal_and_last_words() -> None:
    with faulty("crashes") as worker:
        with pytest.raises(WorkerDied, match="SIGSEGV: the last words") as caught:
            calls(worker, 5)
        assert caught.value.signal == "SIGSEGV"
        assert caught.value.exit_code == -signal.SIGSEGV
        assert not worker.alive


def test_an_exit_tells_its_status() -> None:
    with faulty("exits") as worker, pytest.raises(WorkerDied, match="exit status 7") as caught:
        calls(worker)
    assert (caught.value.signal, caught.value.exit_code) == (None, 7)


def test_a_hang_is_ended() -> None:
    with faulty("hangs", SHORT) as worker:
        calls(worker)
        started = processes_of(worker)
        worker.send(call(1), arrays(TENSORS))
        with pytest.raises(WorkerTimeout, match=r"no answer within 0\.5 s"):
            worker.receive()
        assert_gone(started)


def test_a_hang_with_a_full_pipe_is_ended() -> None:
    with Worker(fake("raw.py", "never_reads"), SHORT) as worker:
        worker.start()
        worker.send(call(1), {"x": np.zeros(1 << 20)})
        with pytest.raises(WorkerTimeout):
            worker.receive()


def test_processes_that_a_worker_started_are_ended_too() -> None:
    with faulty("leaves_a_child", SHORT) as worker:
        worker.start()
        ask(worker, build(1, PLAIN))
        worker.send(call(1), arrays(TENSORS))
        while len(started := processes_of(worker)) < 2:
            time.sleep(0.01)
        with pytest.raises(WorkerTimeout):
            worker.receive()
        assert_gone(started)


def test_closing_the_output_counts_as_dying() -> None:
    with Worker(fake("raw.py", "closes_its_output"), QUICK) as worker, pytest.raises(WorkerDied):
        calls(worker)


@pytest.mark.parametrize("name", ["eats_memory", "eats_memory_in_a_call"])
def test_too_much_memory_is_ended(name: str) -> None:
    limits = Limits(seconds=20, start_seconds=20, memory=200 << 20)
    with faulty(name, limits) as worker, pytest.raises(WorkerDied, match="more than 200 MiB"):
        calls(worker, 500)


def test_a_short_array_is_nonsense() -> None:
    with Worker(fake("raw.py", "short_array"), QUICK) as worker, pytest.raises(WorkerNonsense, match="ends inside"):
        calls(worker)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("garbage", "not JSON: b'Epoch 1/1"),
        ("not_utf8", "not JSON"),
        ("not_an_object", "not a JSON object"),
        ("nan_in_json", "not JSON"),
        ("endless_line", "a line of more than"),
        ("deep_json", "not JSON"),
        ("huge_number", "not JSON"),
        ("wrong_id", "an answer with id 10 where 3 was due"),
        ("text_id", "an answer with id '3' where 3 was due"),
        ("no_ok", "an answer without ok"),
        ("no_structure", "refers to no output"),
        ("no_stage", "a failure without error"),
        ("structure_without_outputs", "refers to no output"),
        ("deep_structure", "nested deeper"),
        ("unknown_type", "cannot be sent"),
        ("absurd_size", "at most"),
        ("negative_size", "not a list of sizes"),
        ("bytes_that_do_not_fit", "does not fit"),
        ("too_many_axes", "not a list of sizes"),
    ],
)
def test_nonsense_is_told_apart(name: str, complaint: str) -> None:
    with Worker(fake("raw.py", name), QUICK) as worker, pytest.raises(WorkerNonsense) as caught:
        calls(worker)
    assert complaint in str(caught.value)
    assert str(caught.value).isprintable()


# ---------------------------------------------------------------- going on


def test_a_restarted_worker_goes_on(honest: list[Array]) -> None:
    with faulty("crashes") as worker:
        with pytest.raises(WorkerDied):
            calls(worker, 5)
        worker.restart()
        with pytest.raises(RuntimeError, match="no request"):
            worker.receive()
        ask(worker, build(1, PLAIN))
        np.testing.assert_array_equal(results(ask(worker, call(1), arrays(TENSORS)))[0], honest[0])


def test_requests_may_be_sent_ahead(honest: list[Array]) -> None:
    with Worker(fake("numpy_layers.py", "keras"), QUICK) as worker:
        worker.start()
        worker.send(build(1, PLAIN))
        for _ in range(200):
            worker.send(call(1), arrays(TENSORS))
        assert worker.receive().header["ok"]
        for _ in range(200):
            np.testing.assert_array_equal(results(worker.receive())[0], honest[0])
        assert worker.pending == 0


def test_slow_is_not_a_hang(honest: list[Array]) -> None:
    with faulty("slow") as worker:
        np.testing.assert_array_equal(calls(worker)[0][0], honest[0])


def test_stray_prints_do_no_harm(honest: list[Array]) -> None:
    with faulty("prints") as worker:
        np.testing.assert_array_equal(calls(worker, 2)[1][0], honest[0])


def test_sending_to_a_dead_worker_says_so() -> None:
    with faulty("exits") as worker:
        with pytest.raises(WorkerLost):
            calls(worker)
        with pytest.raises(RuntimeError, match="restart"):
            worker.send(call(1))


# ---------------------------------------------------------------- what implementations do wrong, as it comes through


def test_an_error_is_told_with_stage_type_and_message() -> None:
    with faulty("lies") as worker:
        worker.start()
        ask(worker, build(1, PLAIN))
        header = ask(worker, call(1), arrays(TENSORS)).header
    assert (header["ok"], header["stage"]) == (False, "call")
    assert header["error"]["bases"] == ["NotImplementedError", "RuntimeError", "Exception", "BaseException"]
    assert header["error"]["message"] == "not really \\u202eimplemented", "no colours, nothing that turns text"


def test_an_error_without_a_message_is_told() -> None:
    with faulty("raises_in_message") as worker:
        worker.start()
        ask(worker, build(1, PLAIN))
        assert ask(worker, call(1), arrays(TENSORS)).header["error"]["type"] == "MuteError"


@pytest.mark.parametrize(
    ("name", "structure", "forms"),
    [
        ("returns_nan", 0, [((2, 4, 5), "float32")]),
        ("returns_one_too_many", {"tuple": [0, 1]}, [((2, 4, 5), "float32"), ((3,), "float64")]),
        ("returns_none", {"other": "NoneType"}, []),
        ("returns_dict", {"dict": {"output": {"list": [0, {"other": "str"}]}}}, [((2, 4, 5), "float32")]),
        ("wrong_dtype", 0, [((2, 4, 5), "float64")]),
        ("unsendable_dtype", {"other": "ndarray of object"}, []),
        ("wrong_shape", 0, [((1, 2, 4, 5), "float32")]),
    ],
)
def test_nothing_is_mended_on_the_way(name: str, structure: object, forms: list[object]) -> None:
    with faulty(name) as worker:
        worker.start()
        ask(worker, build(1, PLAIN))
        answer = ask(worker, call(1), arrays(TENSORS))
    assert answer.header["structure"] == structure
    assert [(array.shape, array.dtype.name) for array in results(answer)] == forms
    assert name != "returns_nan" or np.isnan(results(answer)[0]).all()


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("mutates_inputs", {"x"}),
        ("mutates_weights", {"weights.0"}),
        ("overwrites_results", {"outputs.0"}),
    ],
)
def test_recall_shows_what_was_changed_since(name: str, changed: set[str]) -> None:
    other = {name: array for name, array in arrays(some_tensors(PLAIN, seed=1)).items() if name == "x"}
    with faulty(name) as worker:
        before = arrays(TENSORS) | {"outputs.0": calls(worker)[0][0]}
        assert ask(worker, call(1, keep=True), arrays(TENSORS)).header["ok"]
        assert ask(worker, call(1), other).header["ok"]
        now = ask(worker, {"op": "recall", "handle": 1}).arrays
    assert {key for key, array in now.items() if not np.array_equal(array, before[key])} == changed


def test_recall_of_an_honest_layer_shows_no_change() -> None:
    wanted = config(mask="right", initial_state=True, return_state=True)
    given = arrays(some_tensors(wanted))
    with Worker(fake("numpy_layers.py", "keras"), QUICK) as worker:
        worker.start()
        ask(worker, build(1, wanted))
        first = ask(worker, call(1, keep=True), given)
        ask(worker, call(1), arrays(some_tensors(wanted, seed=1)) | {n: a for n, a in given.items() if "weights" in n})
        now = ask(worker, {"op": "recall", "handle": 1}).arrays
    assert set(now) == set(given) | set(first.arrays)
    for name, array in (given | dict(first.arrays)).items():
        np.testing.assert_array_equal(now[name], array)


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        ({"op": "dance"}, "unknown op 'dance'"),
        ({"op": ["x"]}, "unknown op ['x']"),
        ({"op": "build"}, "handle"),
        ({"op": "call", "handle": 9}, "handle 9 was never built"),
        ({"op": "recall", "handle": 1}, "no call with keep=true"),
    ],
)
def test_a_malformed_request_is_answered(request_: dict[str, object], complaint: str) -> None:
    with Worker(fake("numpy_layers.py", "keras"), QUICK) as worker:
        worker.start()
        ask(worker, build(1, PLAIN))
        worker._pending.append((99, "none"))  # by hand: `send` wants an op
        assert worker._process is not None
        from conformance.adapters import wire

        worker._process.outgoing.put(wire.encode({"id": 99, **request_}))
        header = worker.receive().header
        assert header["stage"] == "adapter"
        assert complaint in header["error"]["message"]


def test_a_released_layer_is_gone() -> None:
    with Worker(fake("numpy_layers.py", "keras"), QUICK) as worker:
        calls(worker)
        assert ask(worker, {"op": "release", "handle": 1}).header["ok"]
        assert "released" in ask(worker, call(1), arrays(TENSORS)).header["error"]["message"]


# ---------------------------------------------------------------- what cannot be used at all


@pytest.mark.parametrize(
    ("launch", "complaint"),
    [
        (fake("faults.py", "keras", "--fault", "dies_at_import"), "exit status 1: OSError: libwanted.so: cannot open"),
        (fake("faults.py", "keras", "--fault", "lacks_its_framework"), "ModuleNotFoundError: No module named 'wanted'"),
        (fake("no_such_script.py"), "No such file"),
        (fake("raw.py", "other_protocol"), "protocol 2; this program speaks 1"),
        (fake("raw.py", "other_dialect"), "dialect 'klingon'; the specification has keras, keras2, torch"),
        (fake("raw.py", "no_capabilities"), "capabilities without"),
        (Launch("echo", ("/bin/echo", "hello")), "not JSON: b'hello"),
        (Launch("nothing", ("/bin/true",)), "exit status 0"),
        (Launch("missing", ("/no/such/program",)), "cannot start /no/such/program: No such file or directory"),
        (Launch("not a program", (str(FAKES),)), "Permission denied"),
    ],
    ids=lambda value: None if isinstance(value, Launch) else value[:20],
)
def test_a_broken_implementation_is_one_clear_line(launch: Launch, complaint: str) -> None:
    with Worker(launch, QUICK) as worker, pytest.raises(BrokenImplementationError) as caught:
        worker.start()
    message = str(caught.value)
    assert message.startswith(launch.name + ": ")
    assert complaint in message
    assert message.isprintable()


def test_a_missing_framework_says_how_to_install_it() -> None:
    launch = fake("faults.py", "keras", "--fault", "lacks_its_framework")
    hinted = Launch(launch.name, launch.command, {}, install="install it: pip install wanted")
    with Worker(hinted, QUICK) as worker, pytest.raises(BrokenImplementationError, match="pip install wanted"):
        worker.start()


def test_a_silent_program_is_broken() -> None:
    limits = Limits(start_seconds=0.3)
    with (
        Worker(fake("raw.py", "silent"), limits) as worker,
        pytest.raises(BrokenImplementationError, match=r"no answer within 0\.3 s"),
    ):
        worker.start()


# ---------------------------------------------------------------- leaving nothing behind


def test_close_ends_the_process_and_can_be_repeated() -> None:
    worker = Worker(fake("numpy_layers.py", "keras"), QUICK)
    worker.close()
    worker.start()
    started = processes_of(worker)
    worker.close()
    worker.close()
    assert_gone(started)


def test_close_does_not_wait_for_requests_under_way() -> None:
    with faulty("hangs") as worker:
        calls(worker)
        started = processes_of(worker)
        worker.send(call(1), arrays(TENSORS))
        begun = time.monotonic()
    assert time.monotonic() - begun < 2
    assert_gone(started)


@pytest.mark.parametrize("ending", ["raise KeyboardInterrupt", "os.kill(os.getpid(), signal.SIGINT)", "sys.exit()"])
def test_nothing_is_left_when_the_engine_ends(ending: str, tmp_path: Path) -> None:
    """Even when nobody closes the worker: no process, no directory."""
    script = tmp_path / "engine.py"
    script.write_text(
        textwrap.dedent(f"""
        import os, signal, sys
        from driving import *
        worker = faulty("hangs")
        worker.start()
        ask(worker, build(1, config()))
        ask(worker, call(1), arrays(some_tensors(config())))
        worker.send(call(1), arrays(some_tensors(config())))
        print(worker._process.popen.pid, flush=True)
        {ending}
        """)
    )
    path = os.pathsep.join([str(FAKES.parent), str(FAKES.parents[2])])
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    pid = int(done.stdout)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert [*tmp_path.iterdir()] == [script]


def scratch_of(worker: Worker) -> Path:
    """The directory of a worker's process, with a file in it."""
    folder = Path(processes_of(worker)[0].environ()[wire.SCRATCH])
    (folder / "something").touch()
    return folder


def test_every_process_has_an_empty_directory_that_goes_with_it() -> None:
    with faulty("hangs", SHORT) as worker:
        calls(worker)
        first = scratch_of(worker)
        worker.send(call(1), arrays(TENSORS))
        with pytest.raises(WorkerTimeout):
            worker.receive()
        assert not first.exists()
        worker.restart()
        second = scratch_of(worker)
        assert [it.name for it in second.iterdir()] == ["something"]
    assert not second.exists()


def test_a_worker_removes_its_directory_if_the_engine_cannot(tmp_path: Path) -> None:
    launch = fake("numpy_layers.py", "keras")
    folder = tmp_path / "scratch"
    folder.mkdir()
    subprocess.run(launch.command, env={**os.environ, wire.SCRATCH: str(folder)}, input=b"", check=True)
    assert not folder.exists()


def test_cpu_time_is_counted_across_restarts() -> None:
    with Worker(fake("numpy_layers.py", "keras"), QUICK) as worker:
        worker.start()
        first = worker.cpu_seconds
        worker.restart()
        assert worker.cpu_seconds > first > 0
        worker.close()
        assert worker.cpu_seconds > first
