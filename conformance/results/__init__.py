"""The results of a run: its records as JSON Lines, written as they come and read back strictly."""

from conformance.results.codec import decode, encode
from conformance.results.read import Results, read_results
from conformance.results.write import Writer

__all__ = ["Results", "Writer", "decode", "encode", "read_results"]
