"""Reading results: strict about what is there, patient with a file that was cut off."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conformance import __version__
from conformance.engine.events import (
    BehaviourSeen,
    CaseJudged,
    Event,
    GroupFound,
    ImplementationStarted,
    KnownSeen,
    MorePlanned,
    RunFinished,
    RunStarted,
)
from conformance.errors import ResultsError
from conformance.results.codec import decode
from conformance.spec import identity

FORMAT = 1
"""The version of the file format that this code reads and writes."""


@dataclass(frozen=True)
class Results:
    """All records of one run.

    Attributes:
        header: how the run was started.
        implementations: what each implementation said of itself, with all cases that were planned at some time.
        cases: every case on every implementation, in the order of the run.
        groups: failures with one cause.
        known: what the run says of declared deviations.
        behaviours: answers to open questions.
        footer: how the run ended; None if the file was cut off.
    """

    header: RunStarted
    implementations: tuple[ImplementationStarted, ...] = ()
    cases: tuple[CaseJudged, ...] = ()
    groups: tuple[GroupFound, ...] = ()
    footer: RunFinished | None = None
    known: tuple[KnownSeen, ...] = ()
    behaviours: tuple[BehaviourSeen, ...] = ()

    @classmethod
    def of(cls, events: Iterable[Event]) -> Results:
        """The results that a run's events make up.

        Raises:
            ValueError: if the first is no header, a later one is, or something follows the footer.
        """
        rest = iter(events)
        header = next(rest, None)
        if not isinstance(header, RunStarted):
            raise ValueError("there is no header")  # noqa: TRY004 - an order of events, not a type in the program
        kinds = (ImplementationStarted, CaseJudged, GroupFound, KnownSeen, BehaviourSeen)
        found: dict[type, list[Any]] = {kind: [] for kind in kinds}
        footer = None
        more: Counter[str] = Counter()
        for event in rest:
            if footer is not None:
                raise ValueError("a record follows the footer")
            if isinstance(event, RunStarted):
                raise ValueError("a second header")  # noqa: TRY004
            if isinstance(event, RunFinished):
                footer = event
            elif isinstance(event, MorePlanned):
                more[event.implementation] += event.cases
            else:
                found[type(event)].append(event)
        implementations, cases, groups, known, behaviours = (tuple(records) for records in found.values())
        implementations = tuple(replace(it, planned=it.planned + more[it.name]) for it in implementations)
        return cls(header, implementations, cases, groups, footer, known, behaviours)

    @property
    def names(self) -> tuple[str, ...]:
        """All implementations that the results speak of, in the order of the header."""
        named = (
            self.header.implementations,
            (started.name for started in self.implementations),
            (record.implementation for record in self.cases),
            (group.implementation for group in self.groups),
        )
        return tuple(dict.fromkeys(name for names in named for name in names))

    @property
    def truncated(self) -> bool:
        """Whether the end is missing: the run was killed, or is still going on."""
        return self.footer is None

    def events(self) -> Iterator[Event]:
        """All records: header, implementations, cases, groups, declared deviations, answers, footer."""
        yield self.header
        yield from self.implementations
        yield from self.cases
        yield from self.groups
        yield from self.known
        yield from self.behaviours
        if self.footer is not None:
            yield self.footer


def read_results(path: Path | str) -> Results:
    """Read a results file.

    The file may be compressed by gzip. A last line that was cut off is left out, and the results are `truncated`.

    Raises:
        ResultsError: if the file cannot be read or is not a results file; names file and line, and how to mend it.
    """
    try:
        lines = _plain(Path(path).read_bytes()).split(b"\n")
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise ResultsError(f"{path} is compressed and damaged; get it again") from None
    except OSError as error:
        raise ResultsError(f"cannot read results from {path}: {error.strerror or error}; check the path") from None
    last = lines.pop()  # what follows the last end of line: nothing, unless the file was cut off
    reader = _Reader(path)
    events = [reader.event(line) for line in lines]
    events += reader.rest(last)
    if not events:
        raise ResultsError(f"{path} holds no results: the run stopped before it began; run it again")
    return Results.of(events)


def _plain(data: bytes) -> bytes:
    """The contents of a file that may be compressed."""
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


class _Reader:
    """Reads line after line and knows where it is."""

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._line = 0
        self._finished = False
        self._suite = __version__
        self._cases: dict[str, Mapping[str, Any]] = {}

    def event(self, line: bytes) -> Event:
        """The record of a line, or ResultsError."""
        self._line += 1
        try:
            text = line.decode("utf-8")
            if self._line == 1:
                self._check_format(text)
            event = decode(text)
            self._check_place(event)
            return self._checked(event)
        except ValueError as error:
            problem = "not a text file" if isinstance(error, UnicodeDecodeError) else str(error)
            raise ResultsError(f"{self._path}, line {self._line}: {problem}; {self._remedy()}") from None

    def rest(self, line: bytes) -> list[Event]:
        """The record of a last line that has no end of line; none if the line was cut off."""
        cut = self._line > 0 and not _is_json(line)
        return [] if not line or cut else [self.event(line)]

    def _remedy(self) -> str:
        if self._line == 1:
            return "this is not a results file; name one that `rnn-conformance run` wrote"
        other = f" (rnn-conformance {self._suite} wrote the file, this is {__version__})"
        return "remove that line to read the others, or run again" + (other if self._suite != __version__ else "")

    def _check_format(self, line: str) -> None:
        """Whether this version knows the format; before anything else, as a later one may have other fields."""
        try:
            header = json.loads(line)
        except (ValueError, RecursionError):
            return  # `decode` says what is wrong
        found = header.get("format", FORMAT) if isinstance(header, dict) else FORMAT
        if type(found) is int and found != FORMAT:
            raise ResultsError(
                f"{self._path}, line 1: format {found} is unknown (this version reads format {FORMAT}); "
                "upgrade rnn-conformance"
            )

    def _check_place(self, event: Event) -> None:
        """The header comes first and only first; nothing follows the footer."""
        if isinstance(event, RunStarted) != (self._line == 1):
            raise ValueError("the header is missing" if self._line == 1 else "a second header")
        if isinstance(event, RunStarted):
            self._suite = event.suite
        if self._finished:
            raise ValueError("a record follows the footer")
        self._finished = isinstance(event, RunFinished)

    def _checked(self, event: Event) -> Event:
        """The event, if the cases in it are what their ids say."""
        if isinstance(event, CaseJudged):
            return self._shared(event)
        if isinstance(event, GroupFound):
            _check_case(event.smallest, "smallest", event.smallest_id)
            if event.evidence is not None:
                _check_case(event.evidence.case, "evidence.case")
        return event

    def _shared(self, event: CaseJudged) -> CaseJudged:
        """The event, holding the same mapping as earlier events of the same case (thousands are alike)."""
        known = self._cases.get(event.id)
        if known == event.case:
            object.__setattr__(event, "case", known)
        else:
            _check_case(event.case, "case", event.id)
            self._cases[event.id] = event.case
        return event


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _check_case(case: Mapping[str, Any], name: str, known_as: str | None = None) -> None:
    """What reports read of a case must be there; whether it is valid is for the specification to say.

    Args:
        case: the canonical form.
        name: of the field, for messages.
        known_as: its id, which is a hash of the case: an edited one has another.

    Raises:
        ValueError: something is missing, of the wrong kind, or not as it was written.
    """
    config, data = case.get("config"), case.get("data")
    if not isinstance(config, dict) or not isinstance(data, dict):
        raise ValueError(f"{name}: should have a config and data")  # noqa: TRY004
    for key, kind in {"dialect": str, "layer": str, "options": dict, "sizes": dict}.items():
        if not isinstance(config.get(key), kind):
            raise ValueError(f"{name}.config.{key}: missing or of the wrong kind")  # noqa: TRY004
    if not all(isinstance(value, bool | int | str) for value in config["options"].values()):
        raise ValueError(f"{name}.config.options: values should be true, false, whole numbers or text")
    if not all(type(size) is int for size in config["sizes"].values()):
        raise ValueError(f"{name}.config.sizes: should be whole numbers")
    if known_as is not None and identity(case) != known_as:
        raise ValueError(f"{name}: is not the one with the id '{known_as}': the line was edited")
