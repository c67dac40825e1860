"""The reference model: what a recurrent layer returns, written out number by number.

Plain Python and its standard library, scalar loops, nothing clever: the code to read before writing a layer in any
language. Read it in this order:

1. `activations`: the functions of one number.
2. `gate`: the weighted sum that every equation is made of.
3. `simple_rnn`, `gru`, `lstm`: one time step of each cell.
4. `sequence`: a cell run through time in one direction, with masked steps.
5. `keras`, `torch`: what the two APIs make of it: weight layouts, directions, stacks, and the outputs in order.

`keras.run` and `torch.run` take nested lists and give (name, nested lists) pairs. They compute in double precision
whatever the `dtype`, and raise `ValueError` for everything that they do not implement.
"""

from typing import Final

OPEN: Final = None
"""Stands in the place of a number that the API does not promise."""
