"""A comparison as one HTML page, in the style of the report: no network, complete without scripts, all escaped."""

from __future__ import annotations

from conformance.report.comparison.view import SIGNS, View, quartiles, speed
from conformance.report.html import render
from conformance.results import KINDS


def html(view: View) -> str:
    """The page."""
    return render("comparison.html", view=view, SIGNS=SIGNS, KINDS=KINDS, speed=speed, quartiles=quartiles)
