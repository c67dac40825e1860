"""What the page's templates call to draw; results of other versions of the specification have no picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from conformance.engine.events import Evidence, Returned
from conformance.errors import SpecError
from conformance.report.drawing import draw_failure, draw_layer, draw_returned, draw_spread, svg
from conformance.report.numerics import Spread
from conformance.spec import Case


def layer_picture(case: Mapping[str, Any]) -> Markup | None:
    """How the layer of a case (its canonical form) is wired; None for a case that must be refused or is not known."""
    try:
        known = Case.from_canonical(case)
    except SpecError:
        return None
    return None if known.rejection is not None else svg(draw_layer(known.config))


def failure_picture(found: Evidence | None) -> Markup | None:
    """What came beside what should come; None where the results have no numbers for it."""
    drawing = None if found is None else draw_failure(found)
    return None if drawing is None else svg(drawing)


def returned_picture(found: Returned | None) -> Markup | None:
    """What should have been returned beside what came; None where the results do not have it."""
    drawing = None if found is None else draw_returned(found)
    return None if drawing is None else svg(drawing)


def spread_picture(found: Spread) -> Markup:
    """Error ÷ allowed against type and number of time steps."""
    return svg(draw_spread(found))
