"""`python -m conformance` is `rnn-conformance`."""

from conformance.cli import main

main(prog_name="rnn-conformance")
