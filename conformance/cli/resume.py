"""`rnn-conformance run --resume`: what of an earlier run is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from conformance.engine.run import RunOptions
from conformance.errors import ResultsError
from conformance.results import Results, read_results
from conformance.spec import SPEC_VERSION


def cut_off_in(file: Path) -> Results | None:
    """The run that stands in a file; None if there is none, or it had not begun.

    Raises:
        ResultsError: the file is damaged; it is left as it is.
    """
    return read_results(file) if file.exists() and file.stat().st_size else None


def going_on(options: RunOptions, earlier: Results | None, file: Path) -> RunOptions:
    """Options that go on with an earlier run.

    Raises:
        ResultsError: it was started otherwise.
    """
    if earlier is None:
        return options
    header = earlier.header
    wanted = {
        "specification": (header.spec, SPEC_VERSION),
        "profile": (header.profile, options.profile.name),
        "phases": (",".join(header.phases), ",".join(options.phases)),
        "seed": (str(header.seed), str(options.seed)),
        "shard": (header.shard or "none", str(options.shard or "none")),
        "implementations": (
            " ".join(header.implementations),
            " ".join(launch.name for launch in options.launches),
        ),
    }
    for name, (was, is_) in wanted.items():
        if was != is_:
            raise ResultsError(
                f"--resume: the run in {file} has {name} {was}, this one {is_}; give the same, or another --out"
            )
    return replace(options, earlier=(header, *earlier.implementations, *earlier.cases))


def finished(earlier: Results | None) -> bool:
    """Whether there is nothing left to do."""
    return earlier is not None and earlier.footer is not None and earlier.footer.complete
