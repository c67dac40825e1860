"""One self-contained HTML page: no network, complete without scripts, everything foreign escaped."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from conformance.report import pictures, svg, text
from conformance.report.exported import scripts_of
from conformance.report.model import Report, view
from conformance.report.numerics import Spread
from conformance.report.payload import Payload, tables
from conformance.report.tally import cases_of
from conformance.report.vocabulary import OUTCOMES, css_class
from conformance.results import Results

TEMPLATES = Path(__file__).parent / "templates"


REPORT = ("where.js", "cases.js", "frame.js", "report.js")
COMPARISON = ("where.js", "frame.js", "changes.js")
TREND = ("frame.js",)
"""The scripts of each page; they are joined to one."""

STYLES = ("style.css", "pictures.css", "failures.css")
"""The style of every page."""


def html(results: Results, source: str = "results.jsonl", notes: Sequence[str] = ()) -> str:
    """The report as one HTML page.

    Args:
        results: what to show.
        source: the name of the results file, as the replay commands of the page should spell it.
        notes: what the reader must know first.
    """
    return page(results, view(results, source, notes))


def page(results: Results, report: Report) -> str:
    """The report as one HTML page.

    Args:
        results: the run.
        report: what is said of it.
    """
    return render(
        "report.html",
        REPORT,
        report=report,
        exported=scripts_of(results),
        payload=Payload.of(tables(results, report.groups, report.labels)),
        places={name: place for place, name in enumerate(report.labels)},
        chips=[*_outcome_chips(results), *((*told, "", None) for told in PRESETS)],
        KEYS=KEYS,
        TERMS=TERMS,
    )


Chip = tuple[str, str, str, str, int | None]
"""Filter, label, meaning, class in the style sheet, number of cases."""


def _outcome_chips(results: Results) -> Iterator[Chip]:
    """One for each outcome that occurs, with the number of cases (each once for every implementation)."""
    counts = Counter(
        outcome for found in cases_of(results).values() for case in found for outcome in set(case.outcomes.values())
    )
    for outcome, word in OUTCOMES.items():
        if counts[outcome]:
            term = f"outcome:{outcome.replace(' ', '-')}"
            yield term, f"{word.glyph} {outcome}", word.meaning, css_class(outcome), counts[outcome]


PRESETS = (
    ("fails:one", "only one fails", "one of several implementations deviates"),
    ("fails:all", "all fail", "all implementations deviate: suspect the specification or the reference"),
    ("fails:backends", "backends disagree", "some backends of one framework deviate, and others do not"),
    ("ratio:>=0.5", "near the limit", "the error is above half of what is allowed"),
)
"""Filters that many want: filter, label, meaning."""

KEYS: Mapping[str, str] = {
    "/": "write a filter",
    "j, k": "next, previous failure",
    "Enter": "open or close it",
    "?": "this help",
    "Esc": "close, or clear the filter",
}
"""Keys of the keyboard and what they do."""

TERMS: Mapping[str, str] = {
    "check:values": "this check",
    "impl:mine*": "this implementation",
    "outcome:fail,error": "one of these outcomes; deviation: fail, error, crash or timeout",
    "option:mask!=none": "cases with such a value; also =, and <, <=, >, >= for sizes",
    "phase:random": "cases of this phase; also mode: and data:",
    "id:f3a9": "cases whose id begins so",
    "ratio:>0.5": "error ÷ allowed",
    "fails:one": "one, all, or only some backends of a framework deviate",
    "changed:regressed": "in comparisons: what became of it",
    "group:3": "cases of this failure",
    "words": "free text in names, options and messages",
}
"""Terms of filters and what they hold for."""


def render(template: str, scripts: Sequence[str], **values: Any) -> str:
    """A page of a template; every value is escaped, and only our own style and script may run."""
    return _environment().get_template(template).render(**values, **_assets(scripts))


def _assets(scripts: Sequence[str]) -> Mapping[str, Any]:
    """Style and script, with the only hashes that the page's content security policy lets through."""
    style = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in STYLES)
    script = "\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in scripts)
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )
    return {"style": Markup(style), "script": Markup(script), "policy": Markup(policy)}  # noqa: S704 - our own files


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.globals |= {
        "OUTCOMES": OUTCOMES,
        "css_class": css_class,
        "bar": svg.bar,
        "histogram": svg.histogram,
        "failure_picture": pictures.failure_picture,
        "layer_picture": pictures.layer_picture,
        "returned_picture": pictures.returned_picture,
        "spread_picture": pictures.spread_picture,
        "scale": svg.scale,
        "replay_template": replay_template,
        "reproduce": reproduce,
        "share": text.share,
        "spreads_by_check": spreads_by_check,
    }
    environment.filters |= {
        "coded": coded,
        "count": text.count,
        "exact": text.exact,
        "lines": lines,
        "number": text.number,
        "ratio": text.ratio,
        "seconds": text.seconds,
        "slug": slug,
        "short": text.short,
        "soft": soft,
    }
    return environment


def _visible(value: Any) -> Any:
    """What every expression of the templates passes through: foreign text loses its control characters."""
    return text.safe(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def spreads_by_check(spreads: Sequence[Spread]) -> list[tuple[str, list[Spread]]]:
    """Spreads, each check with all its implementations, in their order."""
    return [(check, list(some)) for check, some in groupby(spreads, key=lambda one: one.whole.check)]


def soft(name: str) -> Markup:
    """A name that may be broken after its underscores where there is little room."""
    return escape(text.safe(text.short(name))).replace("_", Markup("_<wbr>"))


def coded(prose: str) -> Markup:
    """Prose whose parts in backquotes are code."""
    parts = [escape(text.safe(part)) for part in prose.split("`")]
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if odd % 2 else part for odd, part in enumerate(parts)
    )


def lines(foreign: str) -> Markup:
    """Text of several lines that stay lines."""
    return Markup("\n").join(escape(text.safe(line)) for line in foreign.split("\n"))


def slug(name: str) -> str:
    """A name as a part of an identifier."""
    return re.sub(r"[^\w.]+", "-", name)


def replay_template(source: str) -> str:
    """The command that runs a case again, with `{id}` for its identity."""
    return f"rnn-conformance replay {{id}} --results {shlex.quote(source)}"


def reproduce(report: Report) -> str:
    """The command of the run with its seed, so that it gives the same cases again."""
    command, seed = report.header.command, report.header.seed
    return command if "--seed" in command else f"{command} --seed {seed}"
