"""rnn-conformance: what must a recurrent layer return, and does this implementation return it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.authors import DeviationError, check_layer, parametrize_with_checks

__version__ = "0.1.0"

__all__ = ["DeviationError", "__version__", "check_layer", "parametrize_with_checks"]


def __getattr__(name: str) -> Any:
    """The names above, imported when they are first asked for: `import conformance` alone loads nothing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from conformance import authors

    return getattr(authors, name)
