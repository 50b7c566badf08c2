"""The available loops, the lookup of one for a case, and the workspace in which they run."""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import NamedTuple

import numpy as np

from xprnn._typing import Array, Namespace
from xprnn.backend import translate_failures
from xprnn.cells import Cell
from xprnn.kernels import compiled, cuda
from xprnn.kernels.workspace import Workspace, opened
from xprnn.recurrence import REFERENCE, Unroll


class Twin(NamedTuple):
    """A loop, with two functions that take a case like `lookup`."""

    obstacle: Callable[..., str | None]
    """A function that says why the loop does not support a case, or returns None if it does."""
    unroll: Unroll
    about: Callable[..., str]
    """A function that says how the loop runs."""


TWINS = {
    "compiled": Twin(compiled.obstacle, compiled.COMPILED, compiled.about),
    "cuda": Twin(cuda.obstacle, cuda.CUDA, cuda.about),
    "reference": Twin(lambda *case: None, REFERENCE, lambda *case: "step by step in Python"),
}
"""The loops by name, in order of preference."""

_SMALL = 9_000
"""The numbers in a matrix from which on OpenBLAS may share the product with a vector among
threads. For other products it does so from 29 times as many multiplications on.
"""


def lookup(cell: Cell, xp: Namespace, shapes: dict[str, tuple[int, ...]], dtype: object) -> Unroll:
    """Return the first loop that supports a case; the reference supports every case.

    A lookup has no side effects, so no layer affects another.

    Parameters
    ----------
    cell : Cell
    xp : namespace
    shapes : dict
        The shapes of ``"x"`` (..., T, B, F) and ``"U"`` (..., H, G·H).
    dtype : dtype
        The common dtype of x, weights and states.

    Raises
    ------
    ValueError
        If ``XPRNN_KERNELS`` is set to anything but ``reference``.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import cells, kernels, recurrence
    >>> shapes = {"x": (200, 1, 1), "U": (64, 64)}
    >>> kernels.lookup(cells.Elman("elu"), np, shapes, np.float64) is recurrence.REFERENCE
    True
    """
    if uses_reference():
        return REFERENCE
    case = cell, xp, shapes, dtype
    return next(twin.unroll for twin in TWINS.values() if twin.obstacle(*case) is None)


def uses_reference() -> bool:
    """Return whether the environment selects the reference."""
    value = os.environ.get("XPRNN_KERNELS", "")
    if value not in ("", "reference"):
        raise ValueError(f"XPRNN_KERNELS must be 'reference' or not set, got {value!r}")
    return value == "reference"


def workspace(
    xp: Namespace, x: Array | None = None, weights: Sequence[Array] = ()
) -> AbstractContextManager[Namespace]:
    """Open a context for computation, which replaces NumPy by a `Workspace`.

    Other namespaces stay as they are; in the context, a GPU failure raises BackendUnavailableError.

    Parameters
    ----------
    xp : namespace
    x : array, (..., T, B, F), optional
    weights : sequence of arrays
        Without x, any number of calls is expected. With x, a single call with x and these weights
        is expected; if it is so small that a workspace would only cost time, NumPy is not
        replaced.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import kernels
    >>> with kernels.workspace(np) as xp:
    ...     product = xp.matmul(np.ones((2, 3)), np.ones((3, 1)))
    >>> product
    array([[3.],
           [3.]])
    """
    if xp is not np:
        return _watch_device(xp)
    if uses_reference() or (x is not None and _is_small(x, weights)):
        return nullcontext(xp)
    return opened()


@contextmanager
def _watch_device(xp: Namespace) -> Iterator[Namespace]:
    with translate_failures():
        yield xp


def _is_small(x: Array, weights: Sequence[Array]) -> bool:
    """Return whether no product is large enough for threads, BLAS's or ours."""
    largest = max((math.prod(w.shape) for w in weights), default=0)
    return largest < _SMALL and largest * math.prod(x.shape[:-1]) < 25 * _SMALL


def unchanged(xp: Namespace) -> AbstractContextManager[None]:
    """Let a workspace lay out weights once, since none changes in this context."""
    return xp.unchanged() if isinstance(xp, Workspace) else nullcontext()


def pieces(x: Array, weights: list[Array], *, xp: Namespace) -> list[slice]:
    """Return the slices of steps of x (..., T, B, F) to compute at a time, often all at once."""
    return xp.pieces(x, weights) if isinstance(xp, Workspace) else [slice(0, x.shape[-3])]
