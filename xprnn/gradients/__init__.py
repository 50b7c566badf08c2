"""Gradients: the proof that they are right, and a look at how they go through time.

`check` proves a network's gradients (or those of a cell of one's own in a
`Recurrent` layer) by finite differences, `compare` those of any function.
`through_time` says how much of a loss reaches the state at each step.
"""

from xprnn.gradients.differences import Report, Row, check, compare
from xprnn.gradients.flow import through_time

__all__ = ["Report", "Row", "check", "compare", "through_time"]
