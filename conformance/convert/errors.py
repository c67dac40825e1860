"""The one error of the converters."""

from __future__ import annotations

from conformance.errors import ConformanceError


class ConvertError(ConformanceError):
    """Weights or options that cannot be converted; one line that says why."""
