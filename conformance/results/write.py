"""Writing results while a run goes on."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from conformance.engine.events import Event
from conformance.errors import ResultsError
from conformance.results.codec import encode


class Writer:
    """An event consumer that appends every record to a new file, at once.

    The file can be read at any moment: after Ctrl-C or a crash at most its last line is cut, and the footer missing.

        with Writer(path) as writer:
            for event in run(plan):
                writer(event)

    Raises:
        ResultsError: if the file cannot be written.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="ascii", newline="\n")
        except OSError as error:
            raise self._failed(error) from None

    def __call__(self, event: Event) -> None:
        """Append one record and hand it to the operating system."""
        line = encode(event) + "\n"
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        try:
            self._file.close()
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
