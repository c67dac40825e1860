"""The page in a real browser: opens from disk, in both themes, wide and narrow, with and without scripts."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import sample

from conformance.report import html, write

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine; install chromium to run this"),
]

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
]

Browse = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    def run(page: Path | str, *flags: str) -> subprocess.CompletedProcess[str]:
        address = page.as_uri() if isinstance(page, Path) else page
        command = [str(BROWSER), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *flags, address]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)

    return run


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(sample.results(), tmp_path_factory.mktemp("report"))[0]


def console(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What the page said on the console, complaints of the content security policy included."""
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_it_opens_from_disk_without_a_word_on_the_console(page: Path, browse: Browse) -> None:
    done = browse(page, "--dump-dom")
    assert console(done) == []
    assert "2 deviations in 2 of 9 checks" in done.stdout
    assert done.stdout.count('class="copy"') == len(sample.results().groups) * 2 + 1


def test_a_broken_policy_would_be_heard(tmp_path: Path, browse: Browse) -> None:
    broken = tmp_path / "broken.html"
    broken.write_text(html(sample.results()).replace('"use strict";', '"use loose";'), encoding="utf-8")
    assert any("Content Security Policy" in line for line in console(browse(broken, "--dump-dom")))


@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_painted_in_both_themes_wide_and_narrow(
    page: Path, tmp_path: Path, browse: Browse, width: int, theme: str
) -> None:
    chosen = tmp_path / "chosen.html"
    text = page.read_text(encoding="utf-8").replace('id="theme-auto" checked', 'id="theme-auto"')
    chosen.write_text(text.replace(f'id="theme-{theme}"', f'id="theme-{theme}" checked'), encoding="utf-8")
    picture = tmp_path / "picture.png"
    done = browse(chosen, f"--window-size={width},900", f"--screenshot={picture}")
    assert console(done) == []
    assert picture.stat().st_size > 10_000


MEASURE = """<!doctype html><title>measure</title><iframe src="index.html" width="{width}" height="800"></iframe>
<script>document.querySelector("iframe").onload = event => {{
  const page = event.target.contentDocument.documentElement;
  document.title = page.scrollWidth + " " + getComputedStyle(page.querySelector("body")).backgroundColor;
}}</script>"""


@pytest.mark.parametrize("width", [1400, 900, 390])
def test_nothing_runs_off_the_side(page: Path, browse: Browse, width: int) -> None:
    frame = page.parent / f"frame-{width}.html"
    frame.write_text(MEASURE.format(width=width), encoding="utf-8")
    done = browse(frame, "--dump-dom", "--allow-file-access-from-files", "--window-size=1500,900")
    title = done.stdout.split("<title>")[1].split("</title>")[0]
    assert title.split(" ", 1)[0] == str(width)


def test_without_scripts_the_page_is_the_same_but_for_copy_buttons(page: Path, tmp_path: Path, browse: Browse) -> None:
    text = page.read_text(encoding="utf-8")
    bare = tmp_path / "bare.html"
    bare.write_text(text[: text.index("<script>")] + "</body></html>", encoding="utf-8")
    scripted = browse(page, "--dump-dom").stdout
    plain = browse(bare, "--dump-dom").stdout
    for part in ("<article", "<tr>", "<svg", "<details"):
        assert plain.count(part) == scripted.count(part)
    assert 'class="copy"' not in plain


def test_it_can_be_printed(page: Path, tmp_path: Path, browse: Browse) -> None:
    paper = tmp_path / "report.pdf"
    assert console(browse(page, f"--print-to-pdf={paper}")) == []
    assert paper.read_bytes().startswith(b"%PDF")
