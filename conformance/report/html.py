"""One self-contained HTML page: no network, complete without scripts, everything foreign escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from conformance.report import svg, text
from conformance.report.model import Report, view
from conformance.report.vocabulary import OUTCOMES, PHASES, css_class
from conformance.results import Results

TEMPLATES = Path(__file__).parent / "templates"


def html(results: Results, source: str = "results.jsonl") -> str:
    """The report as one HTML page.

    Args:
        results: what to show.
        source: the name of the results file, as the replay commands of the page should spell it.
    """
    return page(view(results, source))


def page(report: Report) -> str:
    """The report as one HTML page."""
    return render("report.html", report=report)


def render(template: str, **values: Any) -> str:
    """A page of a template; every value is escaped, and only our own style and script may run."""
    return _environment().get_template(template).render(**values, **_assets())


def _assets() -> Mapping[str, Any]:
    """Style and script, with the only hashes that the page's content security policy lets through."""
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    script = (TEMPLATES / "script.js").read_text(encoding="utf-8")
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
        "PHASES": PHASES,
        "css_class": css_class,
        "bar": svg.bar,
        "histogram": svg.histogram,
        "scale": svg.scale,
        "reproduce": reproduce,
        "share": text.share,
    }
    environment.filters |= {
        "count": text.count,
        "exact": text.exact,
        "number": text.number,
        "ratio": text.ratio,
        "seconds": text.seconds,
        "short": text.short,
        "soft": soft,
    }
    return environment


def _visible(value: Any) -> Any:
    """What every expression of the templates passes through: foreign text loses its control characters."""
    return text.safe(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def soft(name: str) -> Markup:
    """A name that may be broken after its underscores where there is little room."""
    return escape(text.safe(text.short(name))).replace("_", Markup("_<wbr>"))


def reproduce(report: Report) -> str:
    """The command of the run with its seed, so that it gives the same cases again."""
    command, seed = report.header.command, report.header.seed
    return command if "--seed" in command else f"{command} --seed {seed}"
