"""What the pages show: code blocks, commands, and the output that is told of them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
PROGRAM = "rnn-conformance"


@dataclass(frozen=True)
class Command:
    """A command as a page shows it.

    Attributes:
        page: file name.
        text: what stands after the prompt.
        shown: the lines of output that are shown; `...` stands for lines left out.
    """

    page: str
    text: str
    shown: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """As a shell would read it, without a comment, and without where its output goes."""
        return shlex.split(self.text.partition(" > ")[0], comments=True)


def page(name: str) -> str:
    """The text of a page."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of a language in a page; an empty one for blocks that name none."""
    found: list[str] = []
    fence: str | None = None
    for line in text.splitlines():
        if not line.startswith("```"):
            if fence == language:
                found[-1] += line + "\n"
        elif fence is None:
            fence = line[3:].strip()
            found += [""] if fence == language else []
        else:
            fence = None
    return found


def commands() -> Iterator[Command]:
    """Every command of this program that some page shows after a prompt, or alone in a block without a language."""
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for block in blocks(text, "console"):
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                first, *shown = part.splitlines()
                if first.startswith(PROGRAM):
                    yield Command(path.name, first, tuple(shown))
        for block in blocks(text, ""):
            for line in block.splitlines():
                if line.startswith(PROGRAM + " "):
                    yield Command(path.name, line, ())


def run(folder: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command of this program (or `python`) as a user would, in a folder."""
    program = [sys.executable, "-m", "conformance"] if words[0] == PROGRAM else [sys.executable]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "NO_COLOR": "1",
        "COLUMNS": "120",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    return subprocess.run(
        [*program, *words[1:]], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def assert_shown(output: str, shown: tuple[str, ...]) -> None:
    """The lines that are shown come in the output, in this order; `...` within a line stands for anything."""
    place = 0
    for line in shown:
        if line.strip() in ("", "..."):
            continue
        pattern = "".join(
            ".*" if part == "..." or part == "…" else re.escape(part) for part in re.split(r"(\.\.\.|…)", line.rstrip())
        )
        found = re.compile(pattern).search(output, place)
        assert found, f"{line!r} is not in what follows:\n{output[place:]}"
        place = found.end()
