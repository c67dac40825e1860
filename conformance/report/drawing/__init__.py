"""Pictures as inline SVG: how a layer is wired, what a failure looks like. Pure functions from data to text.

A picture is first a `Drawing` (boxes, wires, texts with places), which tests can measure, and then SVG. Colours are
classes of `templates/pictures.css` and `failures.css`; no identifiers, scripts or style attributes, so that any number
of pictures can stand in one page under a strict content security policy.
"""

from __future__ import annotations

from conformance.report.drawing.canvas import Drawing, svg
from conformance.report.drawing.failure import draw_failure
from conformance.report.drawing.layer import draw_layer
from conformance.report.drawing.nesting import draw_returned
from conformance.report.drawing.spread import draw_spread
from conformance.report.drawing.standalone import standalone

__all__ = ["Drawing", "draw_failure", "draw_layer", "draw_returned", "draw_spread", "standalone", "svg"]
