"""The results of runs: records as JSON Lines, written as they come, read back strictly, compared and merged."""

from conformance.results.changes import Change, Explanation
from conformance.results.codec import decode, encode
from conformance.results.compare import Compared, Comparison, compare
from conformance.results.kinds import KINDS, Kind, Thresholds
from conformance.results.merge import merge
from conformance.results.read import Results, read_results
from conformance.results.speed import Quartiles, Speed
from conformance.results.write import Writer

__all__ = [
    "KINDS",
    "Change",
    "Compared",
    "Comparison",
    "Explanation",
    "Kind",
    "Quartiles",
    "Results",
    "Speed",
    "Thresholds",
    "Writer",
    "compare",
    "decode",
    "encode",
    "merge",
    "read_results",
]
