"""Writing results while a run goes on, or goes on again."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from conformance.engine.events import CaseJudged, Event
from conformance.errors import ResultsError
from conformance.results.codec import encode


class Writer:
    """An event consumer that appends every record to a new file, at once.

    The file can be read at any moment: after Ctrl-C or a crash at most its last line is cut, and the footer missing.

        with Writer(path) as writer:
            for event in run(plan):
                writer(event)

    Args:
        path: the file; its folder is made if it does not exist.
        kept: so many cases of a file that is there come first, in the new one, too. Only when they are all written
            does the new file take the place of the old one, at once; a run that ends before leaves the old one alone.

    Raises:
        ResultsError: if the file cannot be written.
    """

    def __init__(self, path: Path | str, kept: int = 0) -> None:
        self.path = Path(path)
        self._awaited = kept
        self._written = self.path.with_name(f"{self.path.name}.resumed") if kept else self.path
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._written.open("w", encoding="ascii", newline="\n")
        except OSError as error:
            raise self._failed(error) from None

    def __call__(self, event: Event) -> None:
        """Append one record and hand it to the operating system."""
        line = encode(event) + "\n"
        try:
            self._file.write(line)
            self._file.flush()
            if self._awaited and isinstance(event, CaseJudged):
                self._keep()
        except OSError as error:
            raise self._failed(error) from None

    def _keep(self) -> None:
        """One more case of the old file is in the new one; with the last, the new one takes its place."""
        self._awaited -= 1
        if not self._awaited:
            os.fsync(self._file.fileno())
            self._written.replace(self.path)

    @property
    def in_place(self) -> bool:
        """Whether the file at `path` is the one that is being written."""
        return not self._awaited

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        try:
            self._file.close()
            if self._awaited:
                self._written.unlink(missing_ok=True)
        except OSError as error:
            raise self._failed(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _failed(self, error: OSError) -> ResultsError:
        folder = self.path.parent
        why = f"{folder} is not a folder" if isinstance(error, FileExistsError) else error.strerror or str(error)
        return ResultsError(f"cannot write results to {self.path}: {why}; choose another place with --out")
