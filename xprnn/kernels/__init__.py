"""The seam for faster loops, and the ground on which they run.

A kernel is a twin of `recurrence.unroll` and `recurrence.unroll_backward`, and
of nothing else: the loop over time with its input product, and its transpose. All
that can be one large product afterwards, the gradients of the weights and of x, stays
with `recurrence.backward`. Every entry of `TWINS` is held to the reference's values
and gradients by one parametrised test.
"""

import os
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from xprnn._typing import Namespace
from xprnn.cells import Cell
from xprnn.kernels import compiled
from xprnn.kernels.compiled import unavailable
from xprnn.kernels.workspace import (
    Workspace,
    can_hold_blas,
    piece,
    thread_count,
    unchanged,
    workspace,
)
from xprnn.recurrence import REFERENCE, Unroll

__all__ = [
    "TWINS",
    "Workspace",
    "lookup",
    "piece",
    "status",
    "thread_count",
    "unchanged",
    "workspace",
]

MISSING = "; for more, pip install threadpoolctl"


class Twin(NamedTuple):
    """A loop, and what is to be said of it. Both get a case as `lookup` does."""

    obstacle: Callable[..., str | None]
    """Why it does not support the case; None if it does."""
    unroll: Unroll
    about: Callable[..., str]
    """How it runs."""


TWINS = {
    "compiled": Twin(compiled.obstacle, compiled.COMPILED, compiled.about),
    "reference": Twin(lambda *case: None, REFERENCE, lambda *case: "step by step in Python"),
}
"""By name, in order of preference."""


def lookup(cell: Cell, xp: Namespace, shapes: dict[str, tuple[int, ...]], dtype: object) -> Unroll:
    """Return the first loop that supports the case; the reference supports every one.

    With ``XPRNN_KERNELS=reference`` in the environment it is always the reference. A
    workspace for which the reference is returned gives its threads back to BLAS, as each
    step is then a product.

    Parameters
    ----------
    cell : Cell
    xp : namespace
    shapes : dict
        The shapes of ``"x"`` (..., T, B, F) and ``"U"`` (..., H, G·H).
    dtype : dtype
        Of all numbers together, x, weights and states.

    Raises
    ------
    ValueError
        If ``XPRNN_KERNELS`` is anything else.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import cells, kernels, recurrence
    >>> shapes = {"x": (200, 1, 1), "U": (64, 64)}
    >>> kernels.lookup(cells.Elman("elu"), np, shapes, np.float64) is recurrence.REFERENCE
    True
    """
    case = cell, xp, shapes, dtype
    fits = (twin.unroll for twin in TWINS.values() if twin.obstacle(*case) is None)
    unroll = REFERENCE if _switched_off() else next(fits)
    if unroll is REFERENCE and isinstance(xp, Workspace):
        xp.close()
    return unroll


def _switched_off() -> bool:
    """Whether the environment asks for the reference."""
    asked = os.environ.get("XPRNN_KERNELS", "")
    if asked not in ("", "reference"):
        raise ValueError(f"XPRNN_KERNELS must be 'reference' or not set, got {asked!r}")
    return asked == "reference"


def status() -> str:
    """Return a line on the compiled loops: how many threads they have, or why there are none.

    Examples
    --------
    >>> from xprnn import kernels
    >>> "loops" in kernels.status()
    True
    """
    if _switched_off():
        return "compiled loops: switched off by XPRNN_KERNELS=reference"
    reason = unavailable()
    if reason is not None:
        return f"compiled loops: none, {reason}"
    with workspace(np) as own:
        threads = own.threads
    missing = "" if threads == thread_count() or can_hold_blas() else MISSING
    return f"compiled loops: for NumPy, {threads} thread(s){missing}"
