"""A picture as a file of its own, with the colours that the page would have given it."""

from __future__ import annotations

import re
from pathlib import Path

from markupsafe import Markup

from conformance.report.drawing.canvas import Drawing, svg

_TEMPLATES = Path(__file__).parents[1] / "templates"
_TOKEN = re.compile(r"(--[\w-]+): light-dark\((#\w+), (#\w+)\)")


def standalone(drawing: Drawing) -> str:
    """The drawing as an SVG file, light or dark as the reader's system is."""
    style = (_TEMPLATES / "pictures.css").read_text(encoding="utf-8")
    used = [found for found in _tokens() if f"var({found[0]})" in style]
    light = "".join(f"{name}:{value};" for name, value, _ in used)
    dark = "".join(f"{name}:{value};" for name, _, value in used)
    tokens = f".drawing{{{light}background:var(--ground)}}@media (prefers-color-scheme:dark){{.drawing{{{dark}}}}}"
    fonts = ".drawing{--sans:Helvetica,Arial,sans-serif;--mono:ui-monospace,Menlo,Consolas,monospace}"
    return str(svg(drawing, Markup(tokens + fonts + _compact(style)))) + "\n"  # noqa: S704 - our own files


def _tokens() -> list[tuple[str, str, str]]:
    """Name, light and dark value of every colour of the page."""
    return _TOKEN.findall((_TEMPLATES / "style.css").read_text(encoding="utf-8"))


def _compact(style: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/", "", style, flags=re.S)).strip()
