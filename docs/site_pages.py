"""Pages that are made from the specification when the documentation is built, so that they cannot be stale.

A page says where with a line `<!-- made: NAME -->`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from conformance.engine.events import BehaviourSeen
from conformance.report.model import label
from conformance.results import read_results
from conformance.spec import Clause, Option, dialect_names, load_clauses, load_dialect, specs_path
from conformance.spec.behaviours import Behaviour, load_behaviours

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent

ASKED = ("keras3.15-jax0.10", "keras3.15-tf2.21", "keras3.15-torch2.13", "tfkeras2.21-tf2.21", "torch2.13")
"""The published results whose answers to open questions are told."""

PLACE = re.compile(r"^<!-- made: (\w+) -->$", re.MULTILINE)


PAGES = {"../ARCHITECTURE.md": "architecture.md", "../benchmarks/README.md": "benchmarks.md"}
"""Files outside the documentation that have a page in it."""

ELSEWHERE = re.compile(r"\[([^\]]+)\]\((?!docs/|\.\./|https?:|#)[^)]+\)")
"""A link of a page outside the documentation to a place outside it."""

FOLDER = re.compile(r"\[([^\]]+)\]\((?:\.\./)+[\w/]+\)")
"""A link to a folder outside the documentation: only its text is left."""

ANCHOR = re.compile(r'<a id="([^"]+)"></a>')


def is_made(page: Path) -> bool:
    """Whether anything in a page is made from data."""
    return PLACE.search(page.read_text(encoding="utf-8")) is not None


def filled(text: str) -> str:
    """A page with everything in it that is made from data, links that lead somewhere, and anchors as MyST spells them.

    Raises:
        KeyError: for a name that nothing makes.
    """
    text = PLACE.sub(lambda place: MADE[place[1]](), text)
    for path, page in PAGES.items():
        text = text.replace(f"]({path}", f"]({page}")
    return ANCHOR.sub(r"[]{#\1}", FOLDER.sub(r"\1", text))


def clauses() -> str:
    """Every clause with its text, status, source and checks."""
    parts = []
    titles = {"all": "Every dialect", **{name: load_dialect(name).title for name in dialect_names()}}
    for dialect, title in titles.items():
        parts.append(f"## {title}\n")
        parts += [_clause(clause) for clause in load_clauses().values() if clause.dialect == dialect]
    return "\n".join(parts)


def _clause(clause: Clause) -> str:
    checks = ", ".join(f"[{check}](../checks/{check}.md)" for check in clause.checks)
    status = "*Open.* " if clause.status == "unspecified" else ""
    tested = f" Tested by {checks}." if checks else ""
    return f"### {clause.id}\n\n{status}{plain(clause.text)}\n\nSource: {plain(clause.source)}.{tested}\n"


def options() -> str:
    """Every option of every dialect with its values."""
    parts = []
    for dialect in map(load_dialect, dialect_names()):
        layers = ", ".join(f"`{layer.class_name}`" for layer in dialect.layers.values())
        parts.append(f"## {dialect.title}\n\nLayers: {layers}.\n")
        parts.append("| option | values | default | layers | what it does |\n| --- | --- | --- | --- | --- |")
        parts += [_option(option, len(dialect.layers)) for option in dialect.options.values()]
        parts.append("")
    return "\n".join(parts)


def _option(option: Option, layers: int) -> str:
    values = ", ".join(f"`{value}`" for value in option.values)
    named = "all" if len(option.layers) == layers else ", ".join(option.layers)
    return f"| `{option.name}` | {values} | `{option.default}` | {plain(named)} | {plain(option.meaning)} |"


def results() -> str:
    """The fields of the lines of a results file, from its JSON Schema."""
    schema = json.loads((specs_path() / "schemas" / "results.schema.json").read_text(encoding="utf-8"))
    parts = [f"{plain(schema['description'])}\n"]
    for name, kind in schema["$defs"].items():
        if "properties" in kind:
            parts.append(f"## {name}\n\n{plain(kind.get('description', ''))}\n")
            parts.append("| field | type | meaning |\n| --- | --- | --- |")
            needed = kind.get("required", [])
            parts += [_field(field, said, field in needed) for field, said in kind["properties"].items()]
            parts.append("")
    return "\n".join(parts)


def _field(name: str, said: Mapping[str, Any], needed: bool) -> str:
    kind = said.get("type") or said.get("$ref", "").rpartition("/")[2]
    kind = " or ".join(kind) if isinstance(kind, list) else kind
    values = [*said.get("enum", ()), *([said["const"]] if "const" in said else ())]
    spelled = ", ".join(f"`{value}`" for value in values)
    told = plain(said.get("description", "")) + ("" if needed else " *(may be missing)*")
    return f"| `{name}` | {f'{plain(kind)} {spelled}'.strip()} | {told.strip()} |"


def behaviours() -> str:
    """Every open question, with the answers of current releases, as they stand in the published results."""
    runs = [read_results(ROOT / "reports" / "results" / f"{name}.jsonl.gz") for name in ASKED]
    seen = [(label(it.name, it), run.behaviours) for run in runs for it in run.implementations]
    return "\n".join(_question(behaviour, seen) for behaviour in load_behaviours().values())


def _question(behaviour: Behaviour, seen: Iterable[tuple[str, Iterable[BehaviourSeen]]]) -> str:
    rows = [
        f"| {plain(name)} | {plain(behaviour.answers[it.answer])} | {plain(it.detail)} |"
        for name, answers in seen
        for it in answers
        if it.behaviour == behaviour.id
    ]
    table = (
        "\n".join(["| implementation | answer | detail |", "| --- | --- | --- |", *rows]) if rows else "Not asked yet."
    )
    clause = f"[{behaviour.clause}](reference/clauses.md#{behaviour.clause.lower()})"
    return f"## {behaviour.id}\n\n{plain(behaviour.question)} Left open by {clause}.\n\n{table}\n"


def plain(text: str) -> str:
    """Text in which Markdown and HTML find nothing of their own."""
    return re.sub(r"([\\*_`|\[\]])", r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;"))


def beside(name: str) -> Callable[[], str]:
    """A page that stands outside the documentation; its links into it become links between pages.

    Of links to other places only the text is left.
    """

    def read() -> str:
        text = (ROOT / name).read_text(encoding="utf-8")
        return ELSEWHERE.sub(r"\1", text).replace("](docs/", "](")

    return read


MADE: Mapping[str, Callable[[], str]] = {
    "behaviours": behaviours,
    "clauses": clauses,
    "options": options,
    "results": results,
    "architecture": beside("ARCHITECTURE.md"),
    "benchmarks": beside("benchmarks/README.md"),
    "changelog": beside("CHANGELOG.md"),
}
"""Name in a page -> what makes it."""
