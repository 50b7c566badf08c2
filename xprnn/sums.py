"""Sums of many numbers that stay exact to a few roundings.

Libraries add up the rows of an array one after the other. In float32 a row then counts less
the more rows came before it: the mean of ten million numbers around 285 comes out as 266.
Here a sum is a tree: the rows are cut into 8 equal parts, which are added to one another row by
row, and again until few rows are left.
"""

from xprnn._typing import Array, Namespace

__all__ = ["total"]

PARTS = 8
"""How many rows become one in each round."""

FEW = 16
"""How many rows the library adds up by itself."""


def total(a: Array, axis: int | tuple[int, ...], *, keepdims: bool = False, xp: Namespace) -> Array:
    """Return the sum over one axis, or over several that follow on one another.

    In float32, its error is below 1e-6 of the sum of the magnitudes of ten million terms.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.sums import total
    >>> terms = np.full((1_000_000, 2), 0.1, dtype="float32")
    >>> total(terms, axis=0, xp=np).round().tolist(), np.sum(terms, axis=0).round().tolist()
    ([100000.0, 100000.0], [100958.0, 100958.0])
    """
    axes = sorted(i % a.ndim for i in ((axis,) if isinstance(axis, int) else axis))
    before, after = a.shape[: axes[0]], a.shape[axes[-1] + 1 :]
    rows = xp.reshape(a, (*before, -1, *after)) if len(axes) > 1 else a
    first = axes[0]
    while rows.shape[first] > FEW:
        rows = _fewer(rows, first, xp)
    found = xp.sum(rows, axis=first)
    return xp.reshape(found, (*before, *(1 for _ in axes), *after)) if keepdims else found


def _fewer(rows: Array, axis: int, xp: Namespace) -> Array:
    """Add 8 equal parts of the rows to one another, and keep the rows that are left over."""
    count, ahead = rows.shape[axis] // PARTS, (slice(None),) * axis
    parts = rows[(*ahead, slice(PARTS * count), ...)]
    shape = (*rows.shape[:axis], PARTS, count, *rows.shape[axis + 1 :])
    added = xp.sum(xp.reshape(parts, shape), axis=axis)
    if PARTS * count == rows.shape[axis]:
        return added
    return xp.concat([added, rows[(*ahead, slice(PARTS * count, None), ...)]], axis=axis)
