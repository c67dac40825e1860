"""Frozen vectors: cases with their tensors, expected values and allowed errors, for those who cannot run us.

The stored ones are in `specs/vectors/`; `rnn-conformance vectors DIR` writes them anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conformance.generate import covering
from conformance.generate.bits import derive
from conformance.generate.phases import worked_examples
from conformance.generate.tensors import WORKED_EXAMPLE, kinds_for, tensors
from conformance.reference import Expected, evaluate, precision
from conformance.spec import (
    SPEC_VERSION,
    Array,
    Case,
    DataSpec,
    Dialect,
    LayerConfig,
    Sizes,
    Value,
    dialect_names,
    initial_states,
    load_dialect,
    outputs,
    structure,
    weights,
)

FORMAT = 1
DRAWS = 3
"""Draws of data for each configuration."""

_SIZES = Sizes(batch=2, timesteps=4, features=3, units=2)
"""Small, so that a vector can be read; other sizes where an option needs them."""


def vector_cases(dialect: Dialect) -> Iterator[tuple[Case, str]]:
    """The cases of a dialect's vectors with a note on each.

    The worked example; default options and one option at a time, where partial implementations find what they support;
    every pair of option values.
    """
    for config in worked_examples(dialect):
        yield Case(config, DataSpec(WORKED_EXAMPLE, 0)), "the worked example"
    for layer in dialect.layers:
        for options in _one_at_a_time(dialect, layer):
            config = LayerConfig.fitting(dialect.name, layer, options, _SIZES)
            note = ", ".join(f"{name}={value}" for name, value in options.items()) or "default options"
            yield Case(config, DataSpec("generic", derive("vector", config.id, "plain"))), note
    for row in covering.load(dialect.name, 2):
        options = {name: value for name, value in row.items() if name != "layer"}
        config = LayerConfig.fitting(dialect.name, str(row["layer"]), options, _SIZES)
        for index, kind in enumerate(kinds_for(config, DRAWS)):
            yield Case(config, DataSpec(kind, derive("vector", config.id, index))), f"{kind} data"


def _one_at_a_time(dialect: Dialect, layer: str) -> Iterator[dict[str, Value]]:
    """No option, then every value that is not default, with what it requires."""
    yield {}
    for option in dialect.options_of(layer):
        needed = {name: values[0] for name, values in option.requires.items()}
        yield from (needed | {option.name: value} for value in option.ordinary if value != option.default)


def vectors(dialect: Dialect) -> dict[str, Any]:
    """All vectors of a dialect as JSON-ready data; the form is `specs/schemas/vectors.schema.json`."""
    return {
        "format": FORMAT,
        "spec": SPEC_VERSION,
        "dialect": dialect.name,
        "vectors": [_vector(case, note) for case, note in vector_cases(dialect)],
    }


def write_vectors(directory: Path) -> list[Path]:
    """Write one file a dialect, one vector a line; the paths written."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name in dialect_names():
        data = vectors(load_dialect(name))
        head = json.dumps({key: value for key, value in data.items() if key != "vectors"})[:-1]
        lines = ",\n".join(json.dumps(vector) for vector in data["vectors"])
        path = directory / f"{name}.json"
        path.write_text(f'{head}, "vectors": [\n{lines}\n]}}\n', encoding="utf-8")
        written.append(path)
    return written


def _vector(case: Case, note: str) -> dict[str, Any]:
    config, drawn = case.config, tensors(case)
    lengths = None if drawn.lengths is None else [int(length) for length in drawn.lengths]
    due = evaluate(config, [drawn], precision(config.dtype), "signed")[0]
    states = zip(initial_states(config), drawn.initial_state or (), strict=False)
    given: dict[str, Any] = {
        "weights": [
            {"name": contract.name} | _array(array)
            for contract, array in zip(weights(config), drawn.weights, strict=True)
        ],
        "x": _array(drawn.x),
    }
    if drawn.mask is not None:
        given["mask"] = _array(drawn.mask)
    if lengths is not None:
        given["lengths"] = lengths
    if drawn.initial_state is not None:
        given["initial_state"] = [{"name": contract.name} | _array(array) for contract, array in states]
    return {
        "id": case.id,
        "note": note,
        **case.canonical(),
        "given": given,
        "expected": {
            "structure": structure(config),
            "outputs": [
                {"name": contract.name, "dtype": contract.dtype, "shape": list(contract.shape)} | _values(output)
                for contract, output in zip(outputs(config, lengths), due, strict=True)
            ],
        },
    }


def _array(array: Array) -> dict[str, Any]:
    return {"shape": list(array.shape), "values": array.reshape(-1).tolist()}


def _values(due: Expected) -> dict[str, Any]:
    """Values with allowed errors; null where nothing is promised: an open element, or one that may overflow."""
    if due.value is None:
        return {}
    silent = (due.allowed == float("inf")) | (False if due.specified is None else ~due.specified)
    pairs = zip(due.value.reshape(-1), due.allowed.reshape(-1), silent.reshape(-1), strict=True)
    rows = [(None, None) if skipped else (float(value), float(allowed)) for value, allowed, skipped in pairs]
    return {"values": [value for value, _ in rows], "allowed": [allowed for _, allowed in rows]}
