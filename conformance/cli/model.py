"""`rnn-conformance run --model`: the recurrent layers of somebody's model are what is run."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import click

from conformance.adapters import __path__ as adapters
from conformance.convert.models import OF_FACTORIES, PROBE, Found, described, read_file, variants
from conformance.engine.implementations import Launch, dialect_of
from conformance.errors import ConformanceError
from conformance.report.text import safe, short
from conformance.spec import LayerConfig

SECONDS = 300
"""Longest time that somebody's module may take to be made."""


def layers_of(model: str | None, launches: Sequence[Launch]) -> tuple[LayerConfig, ...]:
    """The configurations to run for a model; says which layers it has, and what of them is not tested.

    Args:
        model: a model file, or package.module:factory of a module; None: no model.
        launches: the implementations; a factory is called by the interpreter of the first one that follows its API.

    Raises:
        ConformanceError: it cannot be read, has no recurrent layer that can be tested, or nobody here follows its API.
    """
    if model is None:
        return ()
    found = _read(model, launches)
    for one in found:
        click.echo(f"model: {short(safe(one.line))}", err=True)
    configs = list(dict.fromkeys(one.config for one in found if one.config is not None))
    if not configs:
        raise ConformanceError(f"--model {model}: no recurrent layer in it can be tested")
    known = {dialect_of(launch.name) for launch in launches}
    if None not in known and not known & {config.dialect for config in configs}:
        raise ConformanceError(f"--model {model}: no implementation of this run follows the API of its layers")
    return tuple(dict.fromkeys(variant for config in configs for variant in variants(config)))


def _read(model: str, launches: Sequence[Launch]) -> list[Found]:
    path = Path(model)
    if path.suffix in (".pt", ".pth", ".pkl"):
        raise ConformanceError(f"--model {model}: nothing is unpickled; name what makes it, package.module:factory")
    source, colon, name = model.rpartition(":")
    if path.exists() or not (colon and source and name.isidentifier()):
        return read_file(path)
    able = next((launch for launch in launches if dialect_of(launch.name) == OF_FACTORIES), None)
    if able is None:
        raise ConformanceError(f"--model {model}: a factory of a module needs the implementation {OF_FACTORIES}")
    return described(_told(model, able.command[0]), model)


def _told(place: str, interpreter: str) -> list[dict[str, object]]:
    """What a module has, from a process of its own."""
    command = [interpreter, str(Path(next(iter(adapters)), PROBE)), place]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603
        told: list[dict[str, object]] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise ConformanceError(f"--model {place}: was not made within {SECONDS} s") from None
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        raise ConformanceError(f"--model {place}: {short(safe(last))}") from None
    return told
