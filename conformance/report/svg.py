"""Small charts as inline SVG. The page's style sheet has the colours; every picture also says its numbers in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from conformance.report.numerics import BINS_PER_DECADE, HIGHEST, LOWEST, Distribution
from conformance.report.tally import Tally
from conformance.report.text import count, ratio, share
from conformance.report.vocabulary import css_class

BAR_WIDTH = 1000
_LEAST = 8
"""Width of the thinnest segment of a bar: one failure of ten thousand is still seen."""

BIN_WIDTH, HEIGHT, GAP = 14, 34, 12
_BINS = (HIGHEST - LOWEST) * BINS_PER_DECADE + 2
_START = BIN_WIDTH + GAP
CHART_WIDTH = _START + _BINS * BIN_WIDTH + 2


def bar(tally: Tally) -> Markup:
    """A stacked bar of the outcomes of cases, the most severe first."""
    widths = _widths(list(tally.counts.values()))
    places = [sum(widths[:index]) for index in range(len(widths))]
    parts = (
        _rect(x, 0, width, 8, css_class(outcome))
        for outcome, x, width in zip(tally.counts, places, widths, strict=True)
    )
    return _picture(BAR_WIDTH, 8, "bar", f"{count(tally.total, 'case')}: {tally.words}", parts, stretch=True)


def _widths(numbers: Sequence[int]) -> list[int]:
    """Widths in proportion, none thinner than can be seen; the widest gives way."""
    total = sum(numbers) or 1
    widths = [max(_LEAST, BAR_WIDTH * number // total) for number in numbers]
    if widths:
        widths[widths.index(max(widths))] += BAR_WIDTH - sum(widths)
    return widths


def histogram(found: Distribution) -> Markup:
    """Error ÷ allowed on a log scale with a line at 1; cases of exactly 0 stand apart on the left."""
    words = (
        f"{count(found.number, 'case')}: {share(found.zero, found.number)} exactly 0, median {ratio(found.median)}, "
        f"99 % at most {ratio(found.p99)}, largest {ratio(found.largest)}, {found.above:,} above 1"
    )
    return _picture(CHART_WIDTH, HEIGHT, "histogram", words, _histogram(found))


def _histogram(found: Distribution) -> Iterator[Markup]:
    tallest = max(*found.bins, found.zero, 1)
    yield _line(_START, HEIGHT - 0.5, CHART_WIDTH, HEIGHT - 0.5, "axis")
    yield _line(0, HEIGHT - 0.5, BIN_WIDTH, HEIGHT - 0.5, "axis")
    yield from _column(0, found.zero, tallest, "zero")
    for index, bin_count in enumerate(found.bins):
        beyond = index > -LOWEST * BINS_PER_DECADE
        yield from _column(_START + index * BIN_WIDTH, bin_count, tallest, "beyond" if beyond else "within")
    yield _line(_place(0), 0, _place(0), HEIGHT, "limit")


def _column(x: float, bin_count: int, tallest: int, name: str) -> Iterator[Markup]:
    if bin_count:
        height = max(2.0, round((HEIGHT - 4) * bin_count / tallest, 1))
        yield _rect(x + 1, round(HEIGHT - 1 - height, 1), BIN_WIDTH - 2, height, name)


def scale() -> Markup:
    """The axis of the histograms: 0, powers of ten, and the line at 1."""
    return _picture(CHART_WIDTH, 14, "histogram scale", "scale: 0, then 0.0001 to 100 in powers of ten", _scale())


def _scale() -> Iterator[Markup]:
    yield _text(BIN_WIDTH / 2, "0", "middle")
    for decade in range(LOWEST, HIGHEST + 1):
        yield _text(_place(decade), f"{10.0**decade:g}", "middle")


def _place(decade: int) -> float:
    """The place of a power of ten."""
    return _START + BIN_WIDTH * (1 + (decade - LOWEST) * BINS_PER_DECADE)


def _picture(
    width: float, height: float, name: str, words: str, parts: Iterator[Markup], stretch: bool = False
) -> Markup:
    ratio = Markup(' preserveAspectRatio="none"') if stretch else Markup("")
    return Markup(
        '<svg class="{}" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}"{}><title>{}</title>{}</svg>'
    ).format(name, width, height, words, ratio, words, Markup("").join(parts))


def _rect(x: float, y: float, width: float, height: float, name: str) -> Markup:
    return Markup('<rect class="{}" x="{:g}" y="{:g}" width="{:g}" height="{:g}"/>').format(name, x, y, width, height)


def _line(x1: float, y1: float, x2: float, y2: float, name: str) -> Markup:
    return Markup('<line class="{}" x1="{:g}" y1="{:g}" x2="{:g}" y2="{:g}"/>').format(name, x1, y1, x2, y2)


def _text(x: float, words: str, anchor: str) -> Markup:
    return Markup('<text x="{:g}" y="11" text-anchor="{}">{}</text>').format(x, anchor, words)
