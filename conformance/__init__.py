"""rnn-conformance: what must a recurrent layer return, and does this implementation return it?"""

__version__ = "0.1.0"
