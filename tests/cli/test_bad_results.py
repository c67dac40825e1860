"""Whatever is wrong with a file or a place: one line that says what, where and how to mend it, and nothing is lost."""

from __future__ import annotations

import gzip
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner, Result
from small_runs import CASES, grouped, results, written

from conformance.cli import main
from conformance.results import Results, read_results

FAKES = Path(__file__).parents[1] / "workers" / "fakes"
HONEST = f"cmd:{sys.executable} {FAKES / 'numpy_layers.py'} torch"
HANGS = f"cmd:{sys.executable} {FAKES / 'faults.py'} torch --fault hangs"

FAILING = grouped(results(["lstm"], started="2026-02-01T00:00:00Z"))
SEED = ("--profile", "quick", "--seed", "1")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def one_line(result: Result, code: int = 2) -> str:
    """The only line that says what is wrong."""
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code
    assert "Traceback" not in result.output
    (line,) = [line for line in result.output.splitlines() if line.startswith("rnn-conformance: ")]
    return line


def everything(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---------------------------------------------------------------- files


def edited(kind: str, old: str, new: str) -> Callable[[bytes], bytes]:
    """A file of which one word was changed by hand, in the first record of a kind."""

    def change(content: bytes) -> bytes:
        lines = content.decode().splitlines(keepends=True)
        at = next(number for number, line in enumerate(lines) if line.startswith(f'{{"type":"{kind}"'))
        assert old in lines[at]
        lines[at] = lines[at].replace(old, new)
        return "".join(lines).encode()

    return change


BAD: Mapping[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "holds no results: the run stopped before it began; run it again"),
    "compressed and cut": (lambda it: gzip.compress(it)[:-20], "is compressed and damaged; get it again"),
    "foreign": (lambda _: b"import os\n", "line 1: not JSON; this is not a results file; name one that"),
    "foreign JSON": (lambda _: b'{"a": 1}\n', "line 1: unknown type of record None; this is not a results file"),
    "not text": (lambda _: b"\x89PNG\r\n\x1a\n", "line 1: not a text file; this is not a results file"),
    "newer": (
        edited("header", '"format":1', '"format":2,"unheard":"of"'),
        "line 1: format 2 is unknown (this version reads format 1); upgrade rnn-conformance",
    ),
    "newer record": (
        edited("implementation", '"name":', '"unheard":1,"name":'),
        "line 2: unheard: no such field; remove that line to read the others, or run again (rnn-conformance 0.1 wrote",
    ),
    "edited verdict": (edited("result", '"fail"', '"failed"'), "line 3: outcomes: values: outcome: should be one of"),
    "edited case": (edited("result", '"units":5', '"units":6'), "line 3: case: is not the one with the id"),
    "edited group": (edited("group", '"units":5', '"units":"5"'), "line 11: smallest.config.sizes: should be whole"),
    "edited witness": (edited("group", '"units":5', '"units":6'), "line 11: smallest: is not the one with the id"),
    "two runs in one": (lambda it: it + it, "line 13: a second header; remove that line"),
}

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "report": ("report", "{bad}", "--out", "{out}"),
    "compare, before": ("compare", "{bad}", "{good}"),
    "compare, after": ("compare", "{good}", "{bad}", "--format", "html", "--out", "{out}/changes.html"),
    "merge": ("merge", "{bad}", "--out", "{out}/merged.jsonl"),
    "accept": ("accept", "{bad}", "--out", "{out}/known.toml"),
    "publish": ("publish", "{good}", "{bad}", "--out", "{out}"),
    "replay": ("replay", CASES[0].id, "--results", "{bad}"),
    "export": ("export", CASES[0].id, "--results", "{bad}"),
    "run --pin": ("run", HONEST, "--pin", "{bad}", "--out", "{out}"),
    "run --baseline": ("run", HONEST, "--baseline", "{bad}", "--out", "{out}"),
    "run --resume": ("run", HONEST, *SEED, "--resume", "--out", "{home}"),
}


BEGINS = ("empty", "run --resume")
"""A run that had not begun is begun; see test_resume."""


@pytest.mark.parametrize(
    ("kind", "command"), [(kind, command) for kind in BAD for command in COMMANDS if (kind, command) != BEGINS]
)
def test_a_file_that_is_no_results_is_one_line_and_nothing_is_written(kind: str, command: str, tmp_path: Path) -> None:
    damage, message = BAD[kind]
    (tmp_path / "home").mkdir()
    places = {"bad": tmp_path / "home" / "results.jsonl", "out": tmp_path / "out", "home": tmp_path / "home"}
    good = written(tmp_path / "good.jsonl", results())
    places["bad"].write_bytes(damage(Path(written(tmp_path / "whole.jsonl", FAILING)).read_bytes()))
    before = everything(tmp_path)
    line = one_line(invoke(*(word.format(good=good, **places) for word in COMMANDS[command])))
    assert message in line
    assert str(places["bad"]) in line
    assert everything(tmp_path) == before
    assert not places["out"].exists()


def cut(path: Path, run: Results) -> str:
    """A file that ends in the middle of its sixth line."""
    whole = Path(written(path, run)).read_bytes()
    path.write_bytes(whole[: sum(map(len, whole.splitlines(keepends=True)[:5])) + 40])
    return str(path)


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (("report", "{cut}", "--out", "{out}"), 0, "The results are cut off: the run was ended from outside"),
        (("compare", "{good}", "{cut}"), 1, "The file after is cut off; it is compared as far as it goes."),
        (("compare", "{cut}", "{good}"), 0, "The file before is cut off; it is compared as far as it goes."),
        (("merge", "{cut}"), 2, "cut.jsonl is cut off; go on with it by --resume, or run it again, before merging"),
        (("accept", "{cut}"), 2, "is cut off before its failure groups; go on with `rnn-conformance run --resume`"),
        (("publish", "{cut}", "--out", "{out}"), 0, "torch 2.13.0 is a part of a run: it was cut off."),
    ],
)
def test_of_a_file_that_was_cut_off_what_is_there_is_used_and_said(
    command: tuple[str, ...], code: int, message: str, tmp_path: Path
) -> None:
    good, bad, out = written(tmp_path / "good.jsonl", results()), tmp_path / "cut.jsonl", tmp_path / "out"
    content = Path(cut(bad, replace(FAILING, header=replace(FAILING.header, seed=2)))).read_bytes()
    result = invoke(*(word.format(cut=bad, good=good, out=out) for word in command))
    assert result.exit_code == code, result.output
    page = (out / "index.html").read_text(encoding="utf-8") if out.exists() else ""
    assert message in result.output + page
    assert bad.read_bytes() == content


def test_runs_of_different_specifications_are_told_apart(tmp_path: Path) -> None:
    newer = replace(FAILING, header=replace(FAILING.header, spec="7.0"), cases=FAILING.cases[:6])
    one, other = written(tmp_path / "one.jsonl", results()), written(tmp_path / "other.jsonl", newer)
    merged = one_line(invoke("merge", one, other, "--out", str(tmp_path / "merged.jsonl")))
    assert "do not belong together: spec is 1.0 and 7.0; run them alike" in merged
    assert not (tmp_path / "merged.jsonl").exists()
    compared = " ".join(invoke("compare", one, other).output.split())
    assert "! The runs follow different specifications (1.0, 7.0): only cases that both have are compared" in compared
    assert "6 cases compared" in compared
    assert invoke("publish", one, other, "--out", str(tmp_path / "out")).exit_code == 0
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "The runs follow versions 1.0, 7.0 of the specification: only the 6 cases that all of them have" in page


def shard(path: Path, text: str) -> str:
    """A part of a run, with cases of its own."""
    number = int(text[0])
    whole = results()
    return written(path, replace(whole, header=replace(whole.header, shard=text), cases=whole.cases[number::4]))


def test_shards_that_are_missing_or_there_twice_are_named(tmp_path: Path) -> None:
    one, three = shard(tmp_path / "1.jsonl", "1/3"), shard(tmp_path / "3.jsonl", "3/3")
    before = everything(tmp_path)
    out = ("--out", str(tmp_path / "merged.jsonl"))
    assert "shard 2/3 of torch is missing; name its file too" in one_line(invoke("merge", one, three, *out))
    assert "shard 1/3 of torch is in " in one_line(invoke("merge", one, three, one, *out))
    other = shard(tmp_path / "2.jsonl", "2/2")
    assert "both must be parts of one run" in one_line(invoke("merge", one, other, *out))
    assert everything(tmp_path) == before | {"2.jsonl": Path(other).read_bytes()}


# ---------------------------------------------------------------- clocks


def test_a_clock_that_was_set_is_told_and_changes_no_verdict(tmp_path: Path) -> None:
    future = results(started="2031-01-01T00:00:00Z")
    assert future.footer is not None
    skewed = replace(future, footer=replace(future.footer, finished="2026-01-01T00:00:00Z"))
    file, good = written(tmp_path / "skewed.jsonl", skewed), written(tmp_path / "good.jsonl", results())
    told = invoke("report", file, "--out", str(tmp_path / "out"))
    assert told.exit_code == 0
    assert "The run began at 2031-01-01T00:00:00Z and ended at 2026-01-01T00:00:00Z: a clock was set" in told.output
    assert 'errors="0"' in (tmp_path / "out" / "junit.xml").read_text(encoding="utf-8")
    compared = invoke("compare", file, good)
    assert compared.exit_code == 0
    assert "perhaps the files are exchanged, or a clock was wrong." in " ".join(compared.output.split())


# ---------------------------------------------------------------- interpreters and declarations


def test_an_interpreter_without_the_framework_is_broken_and_says_what_to_install(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    bare.chmod(bare.stat().st_mode | stat.S_IXUSR)
    result = invoke("run", "torch", *SEED, "--python", f"torch={bare}", "--out", str(tmp_path / "out"))
    assert result.exit_code == 3
    assert f"(in {bare}); install it: {bare} -m pip install" in result.output
    assert read_results(tmp_path / "out" / "results.jsonl").implementations[0].state == "broken"


def test_a_wrong_declaration_is_found_before_anything_is_run(tmp_path: Path) -> None:
    known = tmp_path / "known.toml"
    known.write_text(
        '[[deviation]]\nid = "a"\nimplementation = "torch"\ncheck = "values"\n'
        'when = ["layer=lstm", "colour=red"]\nreason = "x"\n'
    )
    line = one_line(invoke("run", HONEST, "--known", str(known), "--out", str(tmp_path / "out")))
    assert "known.toml, line 5, column 24: deviation a: 'colour=red': no dialect has an option 'colour'" in line
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------- places that take nothing, or no more


WRITING: Mapping[str, tuple[str, ...]] = {
    "report": ("report", "{bad}", "--out", "{out}"),
    "compare": ("compare", "{good}", "{bad}", "--format", "html", "--out", "{out}/changes.html"),
    "merge": ("merge", "{bad}", "--out", "{out}/merged.jsonl"),
    "accept": ("accept", "{bad}", "--out", "{out}/known.toml"),
    "publish": ("publish", "{bad}", "--out", "{out}"),
}


@pytest.mark.parametrize("command", WRITING)
def test_a_folder_that_cannot_be_made_is_one_line(command: str, tmp_path: Path) -> None:
    good, bad = written(tmp_path / "good.jsonl", results()), written(tmp_path / "bad.jsonl", FAILING)
    before = everything(tmp_path)
    words = (word.format(good=good, bad=bad, out=f"{good}/inside") for word in WRITING[command])
    assert "cannot write " in one_line(invoke(*words))
    assert everything(tmp_path) == before


def program(*arguments: str, most: int | None = None, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
    """The command line in a process of its own, in which no file may have more than so many bytes."""

    def limit() -> None:
        if most is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    return subprocess.Popen(
        [sys.executable, "-m", "conformance", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    """The exit code and the lines of standard error."""
    _, said = process.communicate(timeout=120)
    return process.returncode, said.splitlines()


@pytest.mark.parametrize("command", WRITING)
def test_where_there_is_no_room_nothing_is_left_half_written(command: str, tmp_path: Path) -> None:
    good, bad = written(tmp_path / "good.jsonl", results()), written(tmp_path / "bad.jsonl", FAILING)
    before = everything(tmp_path)
    words = (word.format(good=good, bad=bad, out=tmp_path / "out") for word in WRITING[command])
    code, lines = ended(program(*words, most=100))
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith(
        f"rnn-conformance: cannot write {'the report to ' if command == 'report' else ''}{tmp_path}"
    )
    assert "choose another" in lines[0]
    assert everything(tmp_path) == before


FEW = ("--phases", "covering", "--only", "layer=gru bidirectional=true", *SEED)


def test_a_run_without_room_keeps_what_it_found_and_goes_on_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    code, lines = ended(program("run", HONEST, *FEW, "--out", str(tmp_path), most=9000))
    assert code == 2
    assert lines[-1].startswith(f"rnn-conformance: cannot write results to {file}: ")
    assert "Traceback" not in "".join(lines)
    kept = read_results(file)
    assert kept.truncated
    assert kept.cases
    assert invoke("run", HONEST, *FEW, "--out", str(tmp_path), "--resume").exit_code == 0
    whole = read_results(file)
    assert whole.footer is not None
    assert whole.footer.complete
    assert whole.cases[: len(kept.cases)] == kept.cases


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs /dev/full to play a full disk")
@pytest.mark.parametrize("arguments", [("list", "checks"), ("--help",)])
def test_output_that_cannot_be_written_is_one_line(arguments: tuple[str, ...]) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    code, lines = ended(program(*arguments, stdout=full))
    os.close(full)
    assert (code, lines) == (2, ["rnn-conformance: cannot write the output: No space left on device; make room"])


def test_a_device_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    good, bad = written(tmp_path / "good.jsonl", results()), written(tmp_path / "bad.jsonl", FAILING)
    assert invoke("compare", good, bad, "--format", "json", "--out", str(pipe)).exit_code == 1
    assert json.loads(os.read(reader, 1 << 16))["counts"]["regressed"] == 1
    os.close(reader)
    assert pipe.is_fifo()


# ---------------------------------------------------------------- Ctrl-C


def await_(true: Callable[[], bool]) -> None:
    """Until something is true."""
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.02)


def holds(file: Path, text: bytes) -> bool:
    """Whether a file is there and has that text."""
    return file.exists() and text in file.read_bytes()


def test_a_run_that_is_interrupted_ends_in_order_and_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    process = program("run", HONEST, *SEED, "--phases", "covering", "--out", str(tmp_path))
    await_(lambda: holds(file, b'"type":"result"'))
    process.send_signal(signal.SIGINT)
    code, lines = ended(process)
    assert code == 130, lines
    assert "stopping: finishing what is under way; press Ctrl-C again to stop at once" in lines
    kept = read_results(file)
    assert kept.footer is not None
    assert kept.footer.reason == "interrupted"
    assert kept.cases
    assert "The run was interrupted" in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert invoke("run", HONEST, *SEED, "--phases", "covering", "--resume", "--out", str(tmp_path)).exit_code == 0
    assert read_results(file).cases[: len(kept.cases)] == kept.cases


def test_a_second_interrupt_stops_at_once_and_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    process = program("run", HANGS, *SEED, "--phases", "covering", "--timeout", "600", "--out", str(tmp_path))
    await_(lambda: holds(file, b"\n") and bool(psutil.Process(process.pid).children()))
    workers = psutil.Process(process.pid).children()
    time.sleep(1)  # into the call that hangs
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    code, lines = ended(process)
    assert not any(worker.is_running() for worker in workers)
    assert code == 130
    assert lines[-1] == "rnn-conformance: stopped at once; what a run found is kept, and --resume goes on"
    assert "Traceback" not in "".join(lines)
    assert read_results(file).truncated
