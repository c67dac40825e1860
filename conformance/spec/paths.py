"""Where the specification's data lie: inside the wheel, or beside the package in a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from conformance.errors import SpecError

SPEC_VERSION = "1.1"
"""Version of the statements in `specs/`; results of different versions are compared with care."""


@cache
def specs_path() -> Path:
    """The directory of the specification's data."""
    package = Path(__file__).resolve().parent.parent
    for candidate in (package / "_specs", package.parent / "specs"):
        if (candidate / "clauses.toml").is_file():
            return candidate
    raise SpecError(f"the specification is missing: no specs/clauses.toml beside {package}; reinstall the package")
