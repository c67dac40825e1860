"""`rnn-conformance publish`: a report for each of several results, and a page with all versions beside each other."""

from __future__ import annotations

import gzip
from pathlib import Path

import click

from conformance.errors import ConformanceError
from conformance.report import html
from conformance.report.explanations import read_explanations
from conformance.report.files import save
from conformance.report.text import safe, short
from conformance.report.trend import html as trend_page
from conformance.report.trend import trend, unexplained
from conformance.results import Results, encode, read_results

ENDINGS = (".jsonl", ".jsonl.gz")


@click.command(epilog="\b\nExample:\n  rnn-conformance publish reports/results --out reports\n")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE_OR_FOLDER...")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="Directory for index.html, a page for each file, and results/ with the compressed files.",
)
@click.option("--command", "commands", multiple=True, help="A command to show on the page; repeatable.")
@click.option(
    "--explanations",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="TOML with [[explanation]] tables (implementation, check, message with * for any text, text, and perhaps "
    "versions such as { package = '<3.15' }) that say why versions deviate; causes without one are told.",
)
def publish(files: tuple[Path, ...], out: Path, commands: tuple[str, ...], explanations: Path | None) -> None:
    """Write a page with checks by version, a report for each results file, and the results compressed.

    Versions of one implementation stand beside each other, the oldest first. A file of results may be compressed
    already; of a folder all are taken, the uncompressed one if there are two of a name.
    """
    said = () if explanations is None else read_explanations(explanations)
    found: dict[str, Results] = {}
    for file in (one for given in files for one in _files(given)):
        name = _name(file)
        if name in found:
            raise ConformanceError(f"{file}: there are two results named {name}; every file needs a name of its own")
        found[name] = read_results(file)
    for name, results in found.items():
        stored = out / "results" / f"{name}.jsonl.gz"
        save(out / f"{name}.html", html(results, str(stored)))
        lines = "".join(f"{encode(event)}\n" for event in results.events())
        save(stored, gzip.compress(lines.encode(), mtime=0))  # no time is stored: the same text gives the same bytes
        click.echo(f"report   {out / name}.html")
    families = trend(((results, f"{name}.html") for name, results in found.items()), said)
    save(out / "index.html", trend_page(families, commands))
    click.echo(f"trend    {out / 'index.html'}")
    for line in unexplained(families) if explanations else ():
        click.echo(f"not explained  {short(safe(line))}")


def _files(given: Path) -> list[Path]:
    """The file, or those of a folder."""
    if not given.is_dir():
        return [given]
    by_name = {_name(file): file for ending in reversed(ENDINGS) for file in sorted(given.glob(f"*{ending}"))}
    if not by_name:
        raise ConformanceError(f"there are no results in {given}; run `tox -m matrix` first")
    return sorted(by_name.values())


def _name(file: Path) -> str:
    for ending in ENDINGS:
        if file.name.endswith(ending) and file.name != ending:
            return file.name.removesuffix(ending)
    raise ConformanceError(f"{file}: name results files with the ending .jsonl or .jsonl.gz")
