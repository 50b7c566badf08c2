"""The seam for faster loops.

A kernel is a twin of `recurrence.unroll` and `recurrence.unroll_backward`, and
of nothing else: it takes (..., T, B, G·H) and gives (..., T, B, H). All the
products outside the loop stay with `recurrence.forward` and `backward`. Every
entry of `TWINS` is held to the reference's values and gradients by one
parametrised test.
"""

import os
from collections.abc import Callable

from xprnn._typing import Namespace
from xprnn.cells import Cell
from xprnn.kernels import compiled
from xprnn.kernels.workspace import Workspace, piece, workspace
from xprnn.recurrence import REFERENCE, Unroll

__all__ = ["TWINS", "Workspace", "lookup", "piece", "workspace"]

Supports = Callable[[Cell, Namespace, dict[str, tuple[int, ...]], object], bool]

TWINS: dict[str, tuple[Supports, Unroll]] = {
    "compiled": (compiled.supports, compiled.COMPILED),
    "reference": (lambda cell, xp, shapes, dtype: True, REFERENCE),
}
"""By name, in order of preference: which cases a twin supports, and the twin."""


def lookup(cell: Cell, xp: Namespace, shapes: dict[str, tuple[int, ...]], dtype: object) -> Unroll:
    """Return the first loop that supports the case; the reference supports every one.

    With ``XPRNN_KERNELS=reference`` in the environment it is always the reference.

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
    >>> kernels.lookup(cells.Elman("elu"), np, shapes, np.float64) is recurrence.REFERENCE
    True
    """
    if os.environ.get("XPRNN_KERNELS") == "reference":
        return REFERENCE
    return next(twin for supports, twin in TWINS.values() if supports(cell, xp, shapes, dtype))
