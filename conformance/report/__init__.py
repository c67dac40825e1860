"""Reports: pure functions from results to HTML, Markdown and JUnit. The same results give the same bytes."""

from conformance.report.block import block
from conformance.report.files import write
from conformance.report.groups import Group
from conformance.report.html import html
from conformance.report.junit import junit
from conformance.report.markdown import markdown
from conformance.report.model import Report, view

__all__ = ["Group", "Report", "block", "html", "junit", "markdown", "view", "write"]
