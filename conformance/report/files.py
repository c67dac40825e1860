"""The report's files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from conformance.errors import ResultsError
from conformance.report.ci import badge
from conformance.report.html import page
from conformance.report.junit import suites
from conformance.report.markdown import summary
from conformance.report.model import view
from conformance.results import Results


def write(
    results: Results, directory: Path | str, source: str = "results.jsonl", notes: Sequence[str] = ()
) -> tuple[Path, ...]:
    """Write `index.html`, `summary.md`, `junit.xml` and `badge.json`, each at once or not at all.

    Args:
        results: what to report.
        directory: where; made if it does not exist.
        source: the name of the results file, as replay commands should spell it.
        notes: what the reader must know first.

    Returns:
        The files, the page first.

    Raises:
        ResultsError: if a file cannot be written.
    """
    folder = Path(directory)
    report = view(results, source, notes)
    contents = {"index.html": page(results, report), "summary.md": summary(report), "junit.xml": suites(report)}
    contents["badge.json"] = badge(report)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tuple(replace_file(folder / name, content) for name, content in contents.items())
    except OSError as error:
        why = error.strerror or error
        raise ResultsError(f"cannot write the report to {folder}: {why}; choose another folder with --out") from None


def save(path: Path, content: str | bytes, option: str = "--out") -> None:
    """Write a file at once or not at all, with the folders above it; `option` is what the user named it with.

    Raises:
        ResultsError: if that is impossible.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    except OSError as error:
        raise ResultsError(
            f"cannot write {path}: {error.strerror or error}; choose another place with {option}"
        ) from None


def replace_file(path: Path, content: str | bytes) -> Path:
    """Replace a file at once: a reader sees the old one or the new one; `OSError` if that is impossible.

    A pipe or device, such as /dev/stdout, is written to and stays what it is.
    """
    data = content.encode() if isinstance(content, str) else content
    if path.exists() and not path.is_file() and not path.is_dir():
        path.write_bytes(data)
        return path
    handle, temporary = tempfile.mkstemp(prefix=path.name, suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).chmod(0o644)
        return Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
