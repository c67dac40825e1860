"""JUnit XML: one test case for each check and implementation, not for each generated case."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from conformance.report.groups import Group
from conformance.report.matrix import Cell
from conformance.report.model import Report, Standing, view
from conformance.report.text import count, exact, safe, short
from conformance.results import Results


def junit(results: Results, source: str = "results.jsonl") -> str:
    """The outcome of every check on every implementation.

    A deviation is a failure; crash, timeout and error are errors; what was not judged is skipped. A broken
    implementation and a run that is not complete are errors, so that neither looks like success.
    """
    return suites(view(results, source))


def suites(report: Report) -> str:
    """The outcome of every check on every implementation."""
    root = ET.Element("testsuites", name="rnn-conformance")
    for column, standing in enumerate(report.standings):
        _suite(root, report, standing, column)
    if report.partial:
        suite = ET.SubElement(root, "testsuite", name="run")
        case = ET.SubElement(suite, "testcase", classname="run", name="complete")
        ET.SubElement(case, "error", message=short(safe(report.warnings[0])))
    for element in (*root, root):
        _count(element)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, report: Report, standing: Standing, column: int) -> None:
    suite = ET.SubElement(root, "testsuite", name=safe(standing.label))
    for row in report.checks.sections[0].rows:
        if row.cells[column].tally.total:
            _case(suite, report, standing.name, row.name, row.cells[column])
    if standing.status in ("broken", "not run"):
        case = ET.SubElement(suite, "testcase", classname=safe(standing.name), name="tested")
        ET.SubElement(case, "error", message=short(safe(standing.verdict)))


def _case(suite: ET.Element, report: Report, name: str, check: str, cell: Cell) -> None:
    case = ET.SubElement(suite, "testcase", classname=safe(name), name=safe(check))
    outcome = cell.tally.outcome
    if cell.tally.deviating:
        groups = [
            group for group in report.groups if group.implementation == name and check in (group.check, *group.also)
        ]
        element = ET.SubElement(
            case,
            "failure" if outcome == "fail" else "error",
            type=str(outcome),
            message=f"{cell.tally.deviating:,} of {count(cell.tally.judged, 'judged case')} deviate",
        )
        element.text = "\n\n".join(_group(group) for group in groups)
    elif outcome in ("known", "unsupported", "unspecified", "not run") and not cell.tally.counts.get("pass"):
        ET.SubElement(case, "skipped", message=cell.tally.words)


def _group(group: Group) -> str:
    lines = [f"{group.number}. {group.outcome}, {group.cases:,} of {count(group.judged, 'judged case')}"]
    if group.when:
        lines.append(("only" if group.exact else "mostly") + " when " + " and ".join(group.when))
    lines.append(short(group.message))
    if group.worst is not None:
        worst = group.worst
        place = ", ".join(f"{axis} {index}" for axis, index in worst.index)
        lines.append(f"{worst.output} at {place}: got {exact(worst.got)}, expected {exact(worst.expected)}")
    if group.looks_like:
        lines.append(f"looks like: {group.looks_like}")
    return "\n".join(safe(line) for line in [*lines, group.replay] if line)


def _count(element: ET.Element) -> None:
    """The totals that readers of JUnit files expect."""
    element.set("tests", str(len(element.findall(".//testcase"))))
    element.set("failures", str(len(element.findall(".//failure"))))
    element.set("errors", str(len(element.findall(".//error"))))
    element.set("skipped", str(len(element.findall(".//skipped"))))
