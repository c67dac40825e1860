"""What an implementation claims, and configurations that keep to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from conformance.generate.bits import Stream
from conformance.generate.covering import Row
from conformance.spec import Dialect, Value

Claims = Mapping[str, Sequence[Value]]
"""What an implementation supports: option name (and `layer`) -> values."""


def claimed(name: str, values: Sequence[Value], claims: Claims) -> tuple[Value, ...]:
    """The values that are claimed; all of them where no valid value is; True is not 1."""
    known = {(type(value), value) for value in claims.get(name, ())}
    return tuple(value for value in values if (type(value), value) in known) or tuple(values)


def further_rows(dialect: Dialect, rows: Sequence[Row], claims: Claims) -> list[Row]:
    """Rows beside those of a covering array, so that the claimed values have all their combinations among themselves.

    These are the array's own rows, with what is not claimed replaced by something that is.
    """
    kept = {_spelled(row): row for row in (kept_to(dialect, row, claims) for row in rows)}
    return [row for spelled, row in kept.items() if spelled not in {_spelled(row) for row in rows}]


def kept_to(dialect: Dialect, row: Row, claims: Claims) -> Row:
    """A row with claimed values only; what replaces another leaves as many of the row's options as it can."""
    order = Stream("claimed", *_spelled(row))
    chosen: dict[str, Value] = {}

    def choose(name: str, values: Sequence[Value]) -> None:
        if name in row and _among(row[name], values):
            chosen[name] = row[name]
            return
        left = {value: _options_left(dialect, row, {**chosen, name: value}) for value in values}
        best = [value for value in values if left[value] == max(left.values())]
        chosen[name] = best[order.integer(0, len(best) - 1)]

    choose("layer", claimed("layer", tuple(dialect.layers), claims))
    for option in dialect.options.values():
        if option.exists(str(chosen["layer"]), chosen):
            choose(option.name, claimed(option.name, option.ordinary, claims))
    return chosen


def _options_left(dialect: Dialect, row: Row, chosen: Row) -> int:
    """How many options of a row there are with what was chosen in the place of its own values."""
    options = {**row, **chosen}
    return sum(dialect.options[name].exists(str(options["layer"]), options) for name in row if name != "layer")


def _among(value: Value, values: Sequence[Value]) -> bool:
    return any(value == other and type(value) is type(other) for other in values)


def _spelled(row: Row) -> tuple[str, ...]:
    return tuple(f"{name}={value}" for name, value in row.items())
