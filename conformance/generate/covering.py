"""Covering arrays: few configurations in which every valid combination of any t option values appears.

The arrays are data in `specs/covering/`, so that every machine and version runs the same cases; `make` is how they
came about, and `missing` checks any array without trusting how it was made.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations, product
from typing import Any

from conformance.generate.bits import Stream
from conformance.spec import Dialect, Option, Value, dialect_names, load_dialect, specs_path
from conformance.spec.dialect import ABSENT

Row = Mapping[str, Value]
"""`{"layer": ..., option: value, ...}`; options that the layer does not have are left out."""

STRENGTHS = (2, 3)

TOGETHER = 3
"""So many values of options that decide things together appear in every array, whatever its strength."""

COMPLETIONS = 50
"""Ways to choose the other options of a row that are tried when an array is made."""


@cache
def load(dialect: str, strength: int) -> tuple[Row, ...]:
    """The stored covering array of a dialect."""
    return tuple(json.loads((specs_path() / "covering" / f"{dialect}-{strength}.json").read_text(encoding="utf-8")))


def missing_together(dialect: Dialect, rows: Sequence[Row]) -> set[frozenset[tuple[str, Value]]]:
    """The valid triples of values of `Dialect.together` that no row has; empty for a covering array."""
    return {
        those
        for those in valid_tuples(dialect, TOGETHER) - covered(rows, TOGETHER)
        if all(name in dialect.together for name, _ in those)
    }


def missing(dialect: Dialect, rows: Sequence[Row], strength: int) -> set[frozenset[tuple[str, Value]]]:
    """The valid combinations of `strength` values that no row has; empty for a covering array."""
    return valid_tuples(dialect, strength) - covered(rows, strength)


def covered(rows: Sequence[Row], strength: int) -> set[frozenset[tuple[str, Value]]]:
    """All combinations of `strength` values that some row has."""
    return {frozenset(chosen) for row in rows for chosen in combinations(row.items(), strength)}


def promised(dialect: Dialect, rows: Sequence[Row], strength: int) -> set[frozenset[tuple[str, Value]]]:
    """The combinations in rows that an array of that strength is to have: also the triples of `Dialect.together`."""
    flags = [{name: row[name] for name in dialect.together if name in row} for row in rows]
    return covered(rows, strength) | covered(flags, TOGETHER)


def valid_tuples(dialect: Dialect, strength: int) -> set[frozenset[tuple[str, Value]]]:
    """All combinations of `strength` values that some valid configuration has.

    Which options exist depends only on the layer and on the options that others require. For each choice of those, the
    other options are free, so every combination of their values is valid.
    """
    return {
        frozenset(zip(names, values, strict=True))
        for domains in _domains(dialect)
        for names in combinations(domains, strength)
        for values in product(*(domains[name] for name in names))
    }


def _domains(dialect: Dialect) -> Iterator[Mapping[str, tuple[Value, ...]]]:
    """Name -> possible values, once for every choice of the values that decide which options exist."""
    deciding = {name for option in dialect.options.values() for name in option.requires}
    for layer in dialect.layers:
        deciders = [option for option in dialect.options_of(layer) if option.name in deciding]
        for values in product(*(option.ordinary for option in deciders)):
            fixed = {option.name: (value,) for option, value in zip(deciders, values, strict=True)}
            chosen = {name: value for name, (value,) in fixed.items()}
            yield {"layer": (layer,)} | {
                option.name: fixed.get(option.name, option.ordinary)
                for option in dialect.options.values()
                if option.exists(layer, chosen)
            }


def make(dialect: Dialect, strength: int) -> list[Row]:
    """A covering array, by the library covertable (only needed to make new arrays)."""
    import covertable

    factors = {"layer": list(dialect.layers)} | {name: _levels(option) for name, option in dialect.options.items()}
    constraints = [rule for option in dialect.options.values() for rule in _existence(option)]
    rows = covertable.make(factors, strength=strength, constraints=constraints)
    return completed(
        dialect,
        [
            {"layer": row["layer"]} | {name: json.loads(row[name]) for name in dialect.options if row[name] != ABSENT}
            for row in rows
        ],
    )


def completed(dialect: Dialect, rows: Sequence[Row]) -> list[Row]:
    """The rows, and as many more as it takes to have all triples of values of `Dialect.together`.

    Greedy: of all rows that choose these options, always one with the most triples that are missing; of its
    completions the one with the most triples of any options that no row has.
    """
    complete, stream = list(rows), Stream("covering", dialect.name)
    lacking, have = missing_together(dialect, rows), covered(rows, TOGETHER)
    pools = [dialect.options[name].ordinary for name in dialect.together]
    while lacking:
        chosen = max(
            (_row(dialect, dict(zip(dialect.together, values, strict=True)), stream) for values in product(*pools)),
            key=lambda row: len(covered([row], TOGETHER) & lacking),
        )
        fixed = {name: chosen[name] for name in dialect.together if name in chosen}
        tried = [_row(dialect, fixed, stream) for _ in range(COMPLETIONS)]
        best = max(
            tried, key=lambda row: (len(covered([row], TOGETHER) & lacking), len(covered([row], TOGETHER) - have))
        )
        complete.append(best)
        lacking -= covered([best], TOGETHER)
        have |= covered([best], TOGETHER)
    return complete


def _row(dialect: Dialect, fixed: Mapping[str, Value], stream: Stream) -> Row:
    """A row with these values where the options exist, and with random ones of the others."""
    row: dict[str, Value] = {"layer": tuple(dialect.layers)[stream.integer(0, len(dialect.layers) - 1)]}
    for option in dialect.options.values():
        if option.exists(str(row["layer"]), row):
            values = option.ordinary
            row[option.name] = fixed.get(option.name, values[stream.integer(0, len(values) - 1)])
    return row


def _levels(option: Option) -> list[str]:
    return [json.dumps(value) for value in option.ordinary] + [ABSENT]


def _existence(option: Option) -> list[dict[str, Any]]:
    """An option has a value exactly where it exists."""
    here: list[dict[str, Any]] = [{"operator": "in", "left": "layer", "values": list(option.layers)}]
    here += [
        {"operator": "in", "left": name, "values": [json.dumps(value) for value in values]}
        for name, values in option.requires.items()
    ]
    exists = {"operator": "and", "conditions": here}
    absent = {"operator": "eq", "left": option.name, "value": ABSENT}
    present = {"operator": "ne", "left": option.name, "value": ABSENT}
    return [
        {"operator": "or", "conditions": [exists, absent]},
        {"operator": "or", "conditions": [{"operator": "not", "condition": exists}, present]},
    ]


def write_arrays() -> None:
    """Make and store the arrays of all dialects; `python -m conformance.generate.covering`."""
    for name in dialect_names():
        dialect = load_dialect(name)
        for strength in STRENGTHS:
            rows = make(dialect, strength)
            if missing(dialect, rows, strength):
                raise AssertionError(f"the array for {name} of strength {strength} does not cover everything")
            lines = ",\n".join(json.dumps(row) for row in rows)
            (specs_path() / "covering" / f"{name}-{strength}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
            print(f"{name}: strength {strength}, {len(rows)} rows")


if __name__ == "__main__":
    write_arrays()
