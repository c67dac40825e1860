"""What is printed on a terminal: folded to its width, verdicts in colour; elsewhere plain and unfolded."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.cli.terminal import COLOURS, coloured, folded

BLOCK = """\
keras:tensorflow (keras 3.15.1): 2 deviations in 2 of 34 checks; 1,259 of 1,641 applicable cases pass.

1  fail  values  keras:tensorflow
   when           bidirectional=True and return_sequences=True and unroll=True and mask!=none
   message        output[batch 0, timesteps 0, merged 1] is 0.0931856632, expected 0, off by 0.093, allowed 0
   looks like     the backward half is zeroed by the mask in time order before it is re-aligned
   replay         rnn-conformance replay d289fc4033d9 --results a/folder/with/a/rather/long/name/results.jsonl
"""

FOLDED = """\
keras:tensorflow (keras 3.15.1): 2 deviations in 2 of 34 checks; 1,259 of 1,641
  applicable cases pass.

1  fail  values  keras:tensorflow
   when           bidirectional=True and return_sequences=True and unroll=True
                  and mask!=none
   message        output[batch 0, timesteps 0, merged 1] is 0.0931856632,
                  expected 0, off by 0.093, allowed 0
   looks like     the backward half is zeroed by the mask in time order before
                  it is re-aligned
   replay         rnn-conformance replay d289fc4033d9 --results a/folder/with/a/rather/long/name/results.jsonl
"""


def test_a_block_on_a_terminal_of_80_columns() -> None:
    assert folded(BLOCK, 80) == FOLDED


def test_what_fits_is_left_alone() -> None:
    assert folded(BLOCK, 200) == BLOCK


@given(st.text(st.characters(codec="ascii", exclude_characters="\t\x0b\x0c\r\x1c\x1d\x1e\x1f"), max_size=300))
def test_folding_loses_no_word(text: str) -> None:
    assert "".join(folded(text, 60).split()) == "".join(text.split())


def test_colour_never_stands_alone() -> None:
    painted = coloured(BLOCK)
    assert click.unstyle(painted) == BLOCK
    assert click.style("fail", fg="red", bold=True) in painted
    assert click.style("2 deviations", fg="red", bold=True) in painted


@pytest.mark.parametrize("word", COLOURS)
def test_a_word_within_a_message_is_not_a_verdict(word: str) -> None:
    line = f"   message        it says {word} here"
    assert coloured(line) == line


def on_a_terminal(folder: Path, *words: str, **environment: str) -> str:
    """What a command prints on a terminal of 80 columns."""
    program = (
        "import pty, sys, os\n"
        "os.environ['COLUMNS'] = '80'\n"
        "sys.exit(os.waitstatus_to_exitcode(pty.spawn([sys.executable, '-m', 'conformance', *sys.argv[1:]])))"
    )
    given = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    root = str(Path(__file__).parents[2])
    said = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        check=False,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        env={**given, "PYTHONPATH": root, "TERM": "xterm", **environment},
    )
    return said.stdout.decode().replace("\r\n", "\n")


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal of POSIX")
def test_the_demo_on_a_terminal(tmp_path: Path) -> None:
    shown = on_a_terminal(tmp_path, "demo", "--out", "out")
    assert click.style("fail", fg="red", bold=True) in shown
    plain = click.unstyle(shown)
    said = plain[plain.index("demo 1: ") :] if "demo 1: " in plain else plain
    assert re.search(r"^   looks like     the gate blocks", said, re.MULTILINE)
    for line in said.splitlines():
        assert len(line) <= 80 or line.lstrip().startswith(("replay", "report")), line
    assert said.rstrip().splitlines()[-1].startswith("in all: 0 of 1 implementation conforms; 1 deviation; ")


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal of POSIX")
def test_no_color(tmp_path: Path) -> None:
    shown = on_a_terminal(tmp_path, "demo", "--out", "out", NO_COLOR="1")
    said = shown[shown.rindex("deviation in") :]
    assert "\x1b[3" not in said


def test_a_console_without_the_glyphs_does_not_end_the_program(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    said = subprocess.run(
        [sys.executable, "-m", "conformance", "demo", "--out", "out"],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root, "PYTHONIOENCODING": "cp437", "PYTHONUTF8": "0"},
    )
    assert said.returncode == 0, said.stderr
    assert b"looks like" in said.stdout
