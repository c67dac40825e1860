"""`rnn-conformance vectors`: cases with expected values, for those who cannot run us."""

from __future__ import annotations

from pathlib import Path

import click

from conformance.errors import ConformanceError
from conformance.generate.vectors import write_vectors


@click.command(epilog="\b\nExample:\n  rnn-conformance vectors my-project/tests/vectors\n")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def vectors(directory: Path) -> None:
    """Write frozen vectors to DIRECTORY: one JSON file a dialect, with tensors, expected values and allowed errors.

    The form is described by specs/schemas/vectors.schema.json.
    """
    try:
        written = write_vectors(directory)
    except OSError as error:
        raise ConformanceError(
            f"cannot write vectors to {directory}: {error.strerror}; choose another directory"
        ) from None
    for path in written:
        click.echo(str(path))
