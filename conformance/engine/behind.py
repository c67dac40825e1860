"""What lies behind configurations that cannot be called: the same ones with the option at fault at its default.

Where one value of an option is refused, every combination of the other options that was planned together with it would
go untested, and one broken option would hide the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from conformance.engine.causes import Record
from conformance.engine.uncalled import Uncalled, options_of
from conformance.generate.bits import derive
from conformance.generate.covering import promised
from conformance.generate.phases import Batch, Instead, batch
from conformance.laws.law import Can
from conformance.spec import LayerConfig

ROUNDS = 3
"""So many options may be at fault one behind the other."""

DRAWS = 4
"""Draws of data for each configuration."""


def behind(records: Sequence[Record], planned: Sequence[LayerConfig], strength: int, can: Can) -> list[Batch]:
    """What to run in the place of configurations none of whose cases can be called.

    Which option is at fault is told from the records alone, so a run that goes on with an earlier one finds the same.

    Args:
        records: all that was judged so far. Pinned cases, and such as must be rejected, are left as they are.
        planned: what is run, other shards included: what no rule says to be lost need not be made up for.
        strength: of the covering array: what is made up for are the combinations that it is to have.
        can: whether a configuration may be run.
    """
    uncalled = Uncalled.of((record.case, record.judged) for record in records)
    if not uncalled.lost:
        return []
    first = {record.case.config: record.case.id for record in reversed(records)}
    dialect = uncalled.lost[0].rules
    had = promised(dialect, [options_of(it) for it in planned if not uncalled.explains(it)], strength)
    found: list[Batch] = []
    for config in uncalled.lost:
        name, other = next((one for one in uncalled.others(config) if can(one[1])), ("", config))
        if more := promised(dialect, [options_of(other)], strength) - had if name else None:
            here = Instead(first[config], f"{name}={config.get(name)}", f"{name}={other.get(name)}")
            found.append(replace(batch("behind", other, DRAWS, derive("behind", config.id)), instead=here))
            had |= more
    return found
