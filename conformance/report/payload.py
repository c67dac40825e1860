"""All verdicts of a run, small enough to travel in its page: tables without repetition, packed where they are large.

The page's script decodes it when somebody filters or opens cases (`templates/cases.js`); nothing else needs it.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from conformance.engine.events import CaseJudged
from conformance.report.coverage import known_dialect
from conformance.report.groups import Group
from conformance.report.select import frameworks
from conformance.report.text import safe
from conformance.report.vocabulary import OUTCOMES
from conformance.results import Results

PLAIN = 100_000
"""Payloads of so many characters travel as JSON; longer ones are packed."""

MESSAGES = 400_000
"""So many characters of messages are kept word for word; in what is beyond, numbers are left out, so that equal ones
are one."""

_NUMBERS = re.compile(r"[-+]?\d[\d.e+-]*")


@dataclass(frozen=True)
class Payload:
    """Text for a block of data within a page; `packed`: base64 of gzip, else JSON."""

    packed: bool
    text: Markup

    @classmethod
    def of(cls, tables: Mapping[str, Any]) -> Payload:
        """The payload of some tables; the same tables give the same bytes."""
        plain = json.dumps(tables, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
        if len(plain) > PLAIN:
            return cls(True, Markup(base64.b64encode(gzip.compress(plain.encode(), 9, mtime=0)).decode()))  # noqa: S704
        harmless = plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
        return cls(False, Markup(harmless))  # noqa: S704 - no character of markup is left


class _Table:
    """Different values in the order in which they came, and their places."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self._places: dict[Hashable, int] = {}

    def place(self, row: Any, key: Hashable = None) -> int:
        """The place of a row; `key` stands for it where it cannot be hashed."""
        key = row if key is None else key
        found = self._places.get(key)
        if found is None:
            found = self._places[key] = len(self.rows)
            self.rows.append(row)
        return found


def tables(results: Results, groups: Sequence[Group], labels: Mapping[str, str]) -> dict[str, Any]:
    """The verdicts of a run as tables.

    Args:
        results: the run.
        groups: the failures of the report.
        labels: implementation -> name with version, in the order of the report.

    Returns:
        Texts: `impls`, `labels`, `outcomes`, `checks`, `phases`, `modes`, `kinds`, `rejections`, `values`, `messages`.
        `shapes`: dialect, options, sizes, defaults. `configs`: shape, then the place of each value.
        `cases`: columns `id`, `config`, `kind`, `seed`, `phase`, `rejection`.
        `signatures`: check, outcome, has a ratio, for every verdict of a record, flat.
        `records`: columns `case`, `impl`, `mode`, `signature`. `ratios`: of all verdicts that have one, in order.
        `said`: record, verdict, message, flat. `groups`: number, impl, check, cases, and the checks that
        fail as a consequence. `frameworks`: lists of impls.
    """
    impls = list(labels)
    places = {name: place for place, name in enumerate(impls)}
    cases, case_at = _cases(results.cases)
    rest = _records(results.cases, places, case_at)
    checks = {name: place for place, name in enumerate(rest["checks"])}
    found = [
        [
            group.number,
            places[group.implementation],
            checks[group.check],
            sorted({case_at[case] for case in group.ids if case in case_at}),
            [checks[check] for check in group.also if check in checks],
        ]
        for group in groups
        if group.check in checks
    ]
    families = [sorted(places[name] for name in family) for family in frameworks(results.implementations)]
    return {
        "impls": [safe(name) for name in impls],
        "labels": [safe(label) for label in labels.values()],
        "outcomes": list(OUTCOMES),
        **cases,
        **rest,
        "checks": [safe(name) for name in rest["checks"]],
        "groups": found,
        "frameworks": sorted(families),
    }


def _cases(records: Iterable[CaseJudged]) -> tuple[dict[str, Any], dict[str, int]]:
    """The cases, each once, and their places."""
    shapes, values, configs = _Table(), _Table(), _Table()
    kinds, phases, rejections = _Table(), _Table(), _Table()
    columns: dict[str, list[Any]] = {name: [] for name in ("id", "config", "kind", "seed", "phase", "rejection")}
    places: dict[str, int] = {}
    for record in records:
        if record.id in places:
            continue
        places[record.id] = len(places)
        config, data = record.case["config"], record.case.get("data", {})
        names = (config["dialect"], tuple(config["options"]), tuple(config["sizes"]))
        chosen = [config["layer"], *config["options"].values(), *config["sizes"].values()]
        row = (
            shapes.place(
                [safe(names[0]), [*map(safe, names[1])], [*map(safe, names[2])], _defaults(*names[:2])], names
            ),
            *(values.place(_harmless(value), (type(value), str(value))) for value in chosen),
        )
        columns["id"].append(safe(record.id))
        columns["config"].append(configs.place(row))
        columns["kind"].append(kinds.place(safe(str(data.get("kind", "")))))
        columns["seed"].append(safe(str(data.get("seed", ""))))
        columns["phase"].append(phases.place(safe(record.phase)))
        columns["rejection"].append(rejections.place(safe(record.case.get("rejection") or "")))
    texts = {"kinds": kinds.rows, "phases": phases.rows, "rejections": rejections.rows}
    return {
        **texts,
        "shapes": shapes.rows,
        "values": values.rows,
        "configs": configs.rows,
        "cases": columns,
    }, places


def _defaults(dialect: str, names: Iterable[str]) -> list[str | None]:
    """The default of every option, as text; None where this version of the specification does not know it."""
    rules = known_dialect(dialect)
    known = rules.options if rules is not None else {}
    return [str(known[name].default) if name in known else None for name in names]


def _harmless(value: Any) -> Any:
    return value if isinstance(value, bool | int) else safe(str(value))


def _records(
    records: Sequence[CaseJudged], impls: Mapping[str, int], case_at: Mapping[str, int]
) -> dict[str, list[Any]]:
    """The records: which verdicts on which case; and the table of signatures."""
    checks, modes, signatures, messages = _Table(), _Table(), _Table(), _Table()
    columns: dict[str, list[int]] = {name: [] for name in ("case", "impl", "mode", "signature")}
    ratios: list[float] = []
    said: list[int] = []
    length = 0
    order = list(OUTCOMES)
    for number, record in enumerate(records):
        signature: list[int] = []
        for place, (check, verdict) in enumerate(record.outcomes.items()):
            has = verdict.ratio is not None
            signature += (checks.place(check), order.index(verdict.outcome), int(has))
            if verdict.ratio is not None:
                ratios.append(_short(verdict.ratio))
            if verdict.message:
                text = safe(verdict.told[:400])
                text = text if length < MESSAGES else _NUMBERS.sub("#", text)
                length += len(text)
                said += (number, place, messages.place(text))
        columns["case"].append(case_at[record.id])
        columns["impl"].append(impls[record.implementation])
        columns["mode"].append(modes.place(safe(record.mode)))
        columns["signature"].append(signatures.place(signature, tuple(signature)))
    texts = {"checks": checks.rows, "modes": modes.rows, "messages": messages.rows}
    return {**texts, "signatures": signatures.rows, "records": columns, "ratios": ratios, "said": said}  # type: ignore[dict-item]


def _short(ratio: float) -> float:
    """A ratio in three digits; -1 stands for what is no finite number (it is above every limit)."""
    return float(f"{ratio:.3g}") if abs(ratio) < 1e300 else -1
