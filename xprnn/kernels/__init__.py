"""The seam for faster loops.

A kernel is a twin of `recurrence.unroll` and `recurrence.unroll_backward`, and
of nothing else: it takes (..., T, B, G·H) and gives (..., T, B, H). All the
products outside the loop stay with `recurrence.forward` and `backward`. Every
entry of `TWINS` is held to the reference's values and gradients by one
parametrised test.
"""

from collections.abc import Callable

from xprnn._typing import Namespace
from xprnn.cells import Cell
from xprnn.recurrence import REFERENCE, Unroll

__all__ = ["TWINS", "lookup"]

Supports = Callable[[Cell, Namespace, dict[str, tuple[int, ...]], object], bool]

TWINS: dict[str, tuple[Supports, Unroll]] = {
    "reference": (lambda cell, xp, shapes, dtype: True, REFERENCE),
}
"""By name, in order of preference: which cases a twin supports, and the twin."""


def lookup(cell: Cell, xp: Namespace, shapes: dict[str, tuple[int, ...]], dtype: object) -> Unroll:
    """Return the first loop that supports the case; the reference supports every one.

    Parameters
    ----------
    cell : Cell
    xp : namespace
    shapes : dict
        The shapes of ``"x"`` (..., T, B, F) and ``"U"`` (..., H, G·H).
    dtype : dtype

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import cells, kernels, recurrence
    >>> shapes = {"x": (200, 1, 1), "U": (64, 64)}
    >>> kernels.lookup(cells.Elman(), np, shapes, np.float64) is recurrence.REFERENCE
    True
    """
    return next(twin for supports, twin in TWINS.values() if supports(cell, xp, shapes, dtype))
