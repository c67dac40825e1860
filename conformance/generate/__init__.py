"""How cases are made: deterministic bits, tensors from seeds, covering arrays, Hypothesis strategies, phases.

Nothing here knows an implementation.
"""
