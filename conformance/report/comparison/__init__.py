"""A comparison of two runs as text, Markdown, JSON and HTML: pure functions, the same bytes every time."""

from conformance.report.comparison.html import html
from conformance.report.comparison.json import json
from conformance.report.comparison.markdown import markdown
from conformance.report.comparison.text import text
from conformance.report.comparison.view import View, view

__all__ = ["View", "html", "json", "markdown", "text", "view"]
