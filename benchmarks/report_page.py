"""How fast the report is in a browser: bytes, seconds until it can be used, milliseconds of a filter.

    python benchmarks/report_page.py --cases 10000

The results are made up (tests/report/sample.py): six implementations of two dialects, every outcome. Needs Chromium.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "report"))
import sample
from chromium import BROWSER, Chromium

from conformance.report import html

QUERIES = (
    "outcome:fail",
    "check:values impl:torch*",
    "option:layer=lstm option:mask!=none",
    "ratio:>=0.5",
    "fails:backends -phase:random",
    "sigsegv",
    "check:values option:layer=gru -phase:pinned output",
)
"""One filter of each kind."""

SET = """(() => {{ delete document.documentElement.dataset.filtered; const field = document.querySelector('#query');
field.value = {}; field.dispatchEvent(new Event('input')); }})()"""


def milliseconds(browser: Chromium, query: str) -> float:
    """Time from the end of typing until matrix, failures and counts are those of the filter; painting is left out."""
    browser.ask(SET.format(json.dumps(query)))
    return float(browser.until("document.documentElement.dataset.filtered", seconds=120))


def measured(browser: Chromium, page: Path, repeat: int) -> tuple[float, float, Sequence[tuple[str, float, float]]]:
    """Seconds until the page can be used, milliseconds of the first filter, and of each query: median and longest."""
    browser.open(page)
    ready = float(browser.ask("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")) / 1000
    begin = browser.ask("performance.now()")
    milliseconds(browser, "outcome:deviation")
    first = float(browser.ask("performance.now()")) - float(begin)
    times = {query: [milliseconds(browser, query) for _ in range(repeat)] for query in QUERIES}
    return ready, first, [(query, statistics.median(some), max(some)) for query, some in times.items()]


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--cases", type=click.IntRange(1), default=10_000, show_default=True, help="Of each implementation.")
@click.option("--repeat", type=click.IntRange(1), default=5, show_default=True, help="Times that a filter is applied.")
def main(cases: int, repeat: int) -> None:
    """Prints what it measured."""
    if BROWSER is None:
        raise click.ClickException("no Chromium on this machine; install chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page = Path(folder) / "index.html"
        page.write_text(html(sample.scaled(cases)), encoding="utf-8")
        with Chromium(Path(folder) / "profile") as browser:
            ready, first, filters = measured(browser, page, repeat)
        click.echo(f"{cases:,} cases on 6 implementations: {page.stat().st_size / 1000:,.0f} kB")
    click.echo(f"usable after {ready:.2f} s; first filter, with decoding and 120 ms of waiting: {first:.0f} ms")
    for query, middle, longest in filters:
        click.echo(f"{middle:6.1f} ms (at most {longest:.1f})  {query}")


if __name__ == "__main__":
    main()
