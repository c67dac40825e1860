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
    kept = {_spelled(row): row for row in (_kept(dialect, row, claims) for row in rows)}
    return [row for spelled, row in kept.items() if spelled not in {_spelled(row) for row in rows}]


def _kept(dialect: Dialect, row: Row, claims: Claims) -> Row:
    """A row with claimed values only."""
    order = Stream("claimed", *_spelled(row))
    layers: Sequence[Value] = tuple(dialect.layers)
    layer = _kept_value(order, row.get("layer"), claimed("layer", layers, claims))
    chosen: dict[str, Value] = {"layer": layer}
    for option in dialect.options.values():
        if option.exists(str(layer), chosen):
            values = claimed(option.name, option.ordinary, claims)
            chosen[option.name] = _kept_value(order, row.get(option.name), values)
    return chosen


def _kept_value(order: Stream, value: Value | None, values: Sequence[Value]) -> Value:
    """The value if it is among those, or else one of them."""
    if any(value == other and type(value) is type(other) for other in values):
        return next(other for other in values if value == other)
    return values[order.integer(0, len(values) - 1)]


def _spelled(row: Row) -> tuple[str, ...]:
    return tuple(f"{name}={value}" for name, value in row.items())
