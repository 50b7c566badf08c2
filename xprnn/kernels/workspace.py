"""NumPy as a training run uses it: memory that is kept, and work that is shared out.

A `Workspace` stands where a namespace stands. Through it,

- large arrays come from memory that was used before and is free again, so that after
  the first epoch none is asked for from the system, which would clear every page;
- large products are shared out among threads, and so are compiled loops.

The threads of NumPy's own BLAS stay busy waiting for a while after a product, on the
processors that a loop then wants: while a workspace is entered, BLAS has one thread.
That needs the package threadpoolctl; without it BLAS keeps its threads and the
workspace has one.
"""

import functools
import importlib.util
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from xprnn._typing import Array, Namespace
from xprnn.kernels.workers import Workers

__all__ = ["Workspace", "piece", "thread_count", "workspace"]

KEPT = 1 << 16
"""Bytes from which on memory is kept; less is quicker to ask for anew."""

ALIGNED = 64

PIECE = 8 << 20
"""Bytes of the largest array of a piece."""

SHARED = 4_000_000
"""Multiplications from which on a product is shared out: about 0.05 ms on one thread."""


def thread_count() -> int:
    """Return how many threads a workspace may use: ``OMP_NUM_THREADS``, or the processors."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    processors = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    )
    return min(int(asked), processors or 1) if asked.isdecimal() and int(asked) else processors or 1


class Workspace:
    """A NumPy whose large arrays and products are its own.

    Parameters
    ----------
    threads : int
        How many may work at once.
    """

    def __init__(self, threads: int):
        self.threads = threads
        self.blocks: list[Any] = []
        self._workers: Workers | None = None

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        setattr(self, name, found)
        return found

    def empty(self, shape: Any, *, dtype: Any = None, device: Any = None) -> Array:
        """Return an array that holds anything, from memory that nothing refers to any more."""
        shape, dtype = shape if isinstance(shape, tuple) else (shape,), np.dtype(dtype or float)
        size = functools.reduce(int.__mul__, shape, dtype.itemsize)
        if size < KEPT:
            return np.empty(shape, dtype)
        block = self._free(size)
        start = -block.ctypes.data % ALIGNED
        return block[start : start + size].view(dtype).reshape(shape)

    def _free(self, size: int) -> Any:
        """Return the smallest block that is free and large enough, or a new one."""
        for block in self.blocks:
            # an array that lies in a block refers to it: without one there are the list,
            # the loop's variable and the argument of getrefcount
            if block.nbytes >= size + ALIGNED and sys.getrefcount(block) == 3:
                return block
        block = np.empty(size + ALIGNED, np.uint8)
        self.blocks.append(block)
        self.blocks.sort(key=len)
        return block

    def add(self, a: Array, b: Array) -> Array:
        """Return a + b."""
        return np.add(a, b, out=self._result(np.broadcast_shapes(a.shape, b.shape), a, b))

    def matmul(self, a: Array, b: Array) -> Array:
        """Return a b."""
        if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
            return np.matmul(a, b)
        (rows, inner), columns = a.shape, b.shape[1]
        out = self._result((rows, columns), a, b)
        parts = self.threads if rows * inner * columns >= SHARED else 1
        if rows >= columns:
            cuts = [slice(rows * i // parts, rows * (i + 1) // parts) for i in range(parts)]
            self.share(lambda i: np.matmul(a[cuts[i]], b, out=out[cuts[i]]), parts)
        else:
            cuts = [slice(columns * i // parts, columns * (i + 1) // parts) for i in range(parts)]
            self.share(lambda i: np.matmul(a, b[:, cuts[i]], out=out[:, cuts[i]]), parts)
        return out

    def _result(self, shape: tuple[int, ...], a: Array, b: Array) -> Array:
        return self.empty(shape, dtype=np.result_type(a, b))

    def share(self, work: Callable[[int], Any], parts: int) -> None:
        """Do the parts of some work, each by a thread, and wait for all."""
        if parts == 1:
            work(0)
            return
        if self._workers is None:
            self._workers = Workers(self.threads - 1)
        self._workers.share(work, parts)

    def close(self) -> None:
        """End the threads."""
        if self._workers is not None:
            self._workers.close()
            self._workers = None


def piece(x: Array, weights: list[Array], *, xp: Namespace) -> int:
    """Return how many steps of x (..., T, B, F) to compute at a time.

    In a workspace it is so many that what is made on the way stays small; else all.
    """
    *lead, steps, batch, _ = x.shape
    if not isinstance(xp, Workspace):
        return steps
    models = max([math.prod(lead), *(math.prod(w.shape[:-2]) for w in weights)])
    one = models * batch * x.itemsize * max((w.shape[-1] for w in weights), default=1)
    count = -(-steps * one // PIECE)
    return -(-steps // max(count, 1))


@functools.cache
def _blas() -> Any:
    """Return what controls the threads of NumPy's BLAS; None without threadpoolctl."""
    if importlib.util.find_spec("threadpoolctl") is None:
        return None
    import threadpoolctl

    return threadpoolctl.ThreadpoolController().select(user_api="blas")


@contextmanager
def workspace(xp: Namespace) -> Iterator[Namespace]:
    """Turn NumPy into a `Workspace` for a while; any other namespace stays as it is.

    Parameters
    ----------
    xp : namespace

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
        yield xp
        return
    with ExitStack() as stack:
        threads = thread_count()
        if threads > 1:
            blas = _blas()
            if blas is None:
                threads = 1
            else:
                stack.enter_context(blas.limit(limits=1))
        own = Workspace(threads)
        stack.callback(own.close)
        yield own
