"""Compares loops with the reference, on the machine that runs them, before they are used."""

from typing import Any

import numpy as np

from xprnn import recurrence
from xprnn._typing import Array, Namespace
from xprnn.cells import Cell
from xprnn.recurrence import REFERENCE, Unroll

__all__ = ["TOLERANCES", "difference"]

TOLERANCES = {"float32": 1e-3, "float64": 1e-9}
"""By which a result may differ from the reference's, of its norm; what is wrong differs by more."""

STEPS = 3


def difference(
    unroll: Unroll, cell: Cell, size: int, batch: int, dtype: Any, *, xp: Namespace
) -> float:
    """Return by how much the results of a loop differ from the reference's, of their norm.

    Three steps, forward and backward, with a mask and dropout on the state; the largest of all
    results counts, and it is infinite where a number is none.

    Parameters
    ----------
    unroll : Unroll
    cell : Cell
    size, batch : int
        H and B.
    dtype : dtype
    xp : namespace
        Reads the arrays of NumPy with ``asarray``.
    """
    rng = np.random.default_rng(0)

    def drawn(*shape: int, scale: float = 1.0) -> Array:
        return xp.asarray((scale * rng.standard_normal(shape)).astype(dtype))

    columns = cell.gates * size
    rows = [batch] * cell.states + [1] * getattr(cell, "weights", 0)
    params = {"W": drawn(1, columns), "U": drawn(size, columns, scale=size**-0.5)}
    params["b"] = drawn(1, columns)
    x, dy = drawn(STEPS, batch, 1), drawn(STEPS, batch, size)
    state, dstate = (tuple(drawn(n, size) for n in rows) for _ in range(2))
    mask = xp.asarray(rng.random((STEPS, batch, 1)) < 0.8)
    keep = xp.asarray(((rng.random((batch, size)) < 0.8) / 0.8).astype(dtype))

    def results(loop: Unroll) -> list[Array]:
        y, end, cache = recurrence.forward(
            cell, params, x, state, mask, keep=keep, unroll=loop, xp=xp
        )
        grads, dx, start = recurrence.backward(cell, params, dy, dstate, cache, xp=xp)
        return [y, *end, *grads.values(), dx, *start]

    def norm(a: Array) -> float:
        return float(xp.sqrt(xp.sum(a * a)))

    pairs = zip(results(unroll), results(REFERENCE), strict=True)
    found = [norm(own - right) / (norm(right) or 1.0) for own, right in pairs]
    return max(d if np.isfinite(d) else np.inf for d in found)
