"""NumPy with its own memory and threads, for a training run.

A `Workspace` takes the place of the namespace ``xp``:

- It reuses the memory of large arrays without references. After the first epoch it needs no more
  memory from the system, which then has no new pages to clear.
- It divides large products and compiled loops among threads.

After a product, the threads of NumPy's BLAS stay busy for a while, waiting for the next one, on
the processors that a loop then needs. While a workspace is open, BLAS is therefore limited to one
thread. This needs the package threadpoolctl and a C compiler; without them BLAS keeps its threads
and the workspace has only one. A workspace also has only one thread while another thread's
workspace limits BLAS.
"""

import _thread
import bisect
import functools
import importlib.util
import math
import os
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from xprnn._typing import Array
from xprnn.kernels.compiler import UnbuildableError
from xprnn.kernels.workers import Workers

KEPT = 1 << 16
"""The bytes from which on memory is kept; smaller arrays are faster to allocate anew."""

ROOMY = 8
"""The largest block that an array may take, in multiples of its size."""

ALIGNED = 64
"""The bytes of a cache line, to which kept memory is aligned."""

PIECE = 2 << 20
"""The bytes of the largest array of a piece, unless that gives more pieces than steps in one."""

SPARED = 64 << 20
"""The bytes of memory that a thread keeps from one workspace to the next."""

SHARED = 4_000_000
"""The multiplications from which on a product is shared: about 0.05 ms on one thread."""

WIDE = 400_000
"""The numbers from which on a sum of two arrays is shared: about 0.1 ms on one thread."""


_PROBE = [np.empty(0)]
UNUSED = sys.getrefcount(_PROBE[0])
"""The reference count of an object that only a list holds, including the counting call's."""


class Blas:
    """NumPy's BLAS, which one thread at a time, with its workspaces, can limit to one thread.

    Every change is recorded before it is made, so that it can be undone after an interrupt;
    undoing it twice is harmless. A fork waits for the lock, so that a child finds no change half
    done.
    """

    def __init__(self):
        self.lock = threading.RLock()
        self.owners: weakref.WeakSet[Workspace] = weakref.WeakSet()
        self.holder: int | None = None
        self.before: list[tuple[Any, int]] | None = None

    @functools.cached_property
    def threads(self) -> Any:
        """The controller of its threads, None without threadpoolctl; read it with the lock held."""
        if importlib.util.find_spec("threadpoolctl") is None:
            return None
        import threadpoolctl

        return threadpoolctl.ThreadpoolController().select(user_api="blas")

    def hold(self, owner: "Workspace") -> bool:
        """Limit BLAS to one thread until all owners release it; return False if that fails."""
        with self.lock:
            if self.owners and self.holder != threading.get_ident():
                return False
            if not self.before:  # if there is, an interrupt prevented its undoing
                libraries = self.threads.lib_controllers
                self.before = [(library, library.num_threads) for library in libraries]
            self.holder = threading.get_ident()
            self.owners.add(owner)
            for library, _ in self.before:
                library.set_num_threads(1)
            if not self.before or any(library.num_threads != 1 for library, _ in self.before):
                self.release(owner)
                return False
            return True

    def release(self, owner: "Workspace") -> None:
        """Give BLAS its threads back if this was the last owner."""
        with self.lock:
            self.owners.discard(owner)
            if not self.owners and self.before and self.holder == threading.get_ident():
                for library, count in self.before:
                    library.set_num_threads(count)
                with self.threads.limit(limits=None):
                    pass  # threadpoolctl lets other threads change the number only after this
                self.before = None

    def in_child(self) -> None:
        """Release BLAS in a newly forked process, whoever held it in the parent."""
        self.lock, self.holder = threading.RLock(), threading.get_ident()
        for owner in list(self.owners):
            owner.forget()
            self.release(owner)


BLAS = Blas()

PAUSED: weakref.WeakSet[Workers] = weakref.WeakSet()
"""The threads of closed workspaces, which are kept for a moment."""


def _before_fork() -> None:
    """End paused threads, which a child would take for its own; then wait for BLAS."""
    for workers in list(PAUSED):
        if workers.resume():
            workers.close()
    BLAS.lock.acquire()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=lambda: BLAS.lock.release(),
        after_in_child=lambda: BLAS.in_child(),
    )


def can_limit_blas() -> bool:
    """Return whether threadpoolctl, which limits the threads of BLAS, is installed."""
    with BLAS.lock:
        return BLAS.threads is not None


@functools.cache
def _can_build() -> bool:
    """Return whether the C code of the workers can be compiled."""
    try:
        Workers(0)
    except UnbuildableError:
        return False
    return True


def _can_share() -> bool:
    """Return whether threads can share work; not with gevent or eventlet, which replace them."""
    real = isinstance(_thread.allocate_lock, types.BuiltinFunctionType)
    return real and _can_build() and can_limit_blas()


def thread_count() -> int:
    """Return the number of threads to use: ``OMP_NUM_THREADS``, or that of the processors."""
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # of the outer level
    if hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    else:
        processors = os.cpu_count() or 1
    return min(int(asked), processors) if asked.isdecimal() and int(asked) else processors


class Workspace:
    """NumPy's namespace with its own large arrays and products, for one thread at a time.

    Parameters
    ----------
    threads : int
        The most threads that compute at once between `open` and `close`.
    """

    def __init__(self, threads: int):
        self.blocks: list[Any] = []
        self.most = threads
        self._workers: Workers | None = None
        self._paused: Workers | None = None
        self._forked = False
        self._layouts: dict[Any, Any] | None = None

    def open(self) -> None:
        """Limit BLAS to one thread and allow several of ours, if work can be shared."""
        if self.most > 1 and _can_share() and BLAS.hold(self):
            paused, self._paused = self._paused, None
            if paused is not None and paused.resume():
                self._workers = paused
            else:
                self._workers = Workers(self.most - 1)

    def pause(self) -> None:
        """Give BLAS its threads back; keep ours for a moment, and some memory, for `open`."""
        BLAS.release(self)
        workers = self._workers
        if workers is not None:
            self._paused, self._workers = workers, None
            PAUSED.add(workers)
            workers.pause()
        self._forked = False
        while sum(map(len, self.blocks)) > SPARED:
            self.blocks.pop()  # the largest

    def close(self) -> None:
        """End the threads, and give BLAS its threads back; the memory stays.

        A second call completes one that was interrupted.
        """
        crews = [workers for workers in (self._workers, self._paused) if workers is not None]
        for workers in crews:
            workers.end()
        BLAS.release(self)
        for workers in crews:
            workers.join()
        self._workers, self._paused, self._forked = None, None, False

    @property
    def threads(self) -> int:
        """The number of threads that compute at once; the first access starts them."""
        self._reopen()
        if self._workers is None:
            return 1
        count = self._workers.start()
        if not count:
            self.close()
        return 1 + count

    def forget(self) -> None:
        """Forget the threads in a process that was just forked, as they are its parent's."""
        if self._workers is not None:
            self._workers.forget()
        self._workers, self._forked = None, True

    def _reopen(self) -> None:
        """Reopen a workspace that was open when the process was forked."""
        if self._forked:
            self._forked = False
            self.open()

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        setattr(self, name, found)
        return found

    def empty(self, shape: Any, *, dtype: Any = None, device: Any = None) -> Array:
        """Return an uninitialised array, in memory without other references."""
        dtype = np.dtype(dtype or float)
        size = dtype.itemsize * (math.prod(shape) if isinstance(shape, tuple) else shape)
        if size < KEPT:
            return np.empty(shape, dtype)
        block = self._free(size)
        start = -block.ctypes.data % ALIGNED
        return block[start : start + size].view(dtype).reshape(shape)

    def _free(self, size: int) -> Any:
        """Return the smallest free block that is large enough, or a new one."""
        first = bisect.bisect_left(self.blocks, size + ALIGNED, key=len)
        last = bisect.bisect_right(self.blocks, ROOMY * size + ALIGNED, key=len)
        for i in range(first, last):
            if sys.getrefcount(self.blocks[i]) == UNUSED:  # an array in it would refer to it
                return self.blocks[i]
        step = 1 << max(size.bit_length() - 4, 0)  # room for slightly larger arrays
        block = np.empty(-(-size // step) * step + ALIGNED, np.uint8)
        bisect.insort(self.blocks, block, key=len)
        return block

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Promise that no weight changes in this context, so that each is laid out once."""
        self._layouts = {}
        try:
            yield
        finally:
            self._layouts = None

    def once(self, key: Any, arrays: list[Array], make: Callable[[], Any]) -> Any:
        """Return `make()`, or the result of the first call while the arrays are `unchanged`."""
        if self._layouts is None:
            return make()
        name = (key, *map(id, arrays))
        if name not in self._layouts:
            self._layouts[name] = arrays, make()  # a reference to the arrays keeps their ids valid
        return self._layouts[name][1]

    def pieces(self, x: Array, weights: list[Array]) -> list[slice]:
        """Return the slices of steps of x (..., T, B, F) to compute at a time.

        A piece has few steps, so that the arrays of a forward pass stay small. But each piece also
        keeps the state before it, so there are at most about three times as many pieces as steps
        in one. Their lengths differ by at most one step, so that all fit into the same memory.
        """
        *lead, steps, batch, _ = x.shape
        models = max([math.prod(lead), *(math.prod(w.shape[:-2]) for w in weights)])
        one = models * batch * x.itemsize * max((w.shape[-1] for w in weights), default=1)
        size = max(PIECE // one, math.isqrt(steps // 3), 1)
        return _cut_evenly(steps, -(-steps // size))

    def add(self, a: Array, b: Array) -> Array:
        """Return a + b."""
        if not (np.ndim(a) and np.ndim(b)):
            return np.add(a, b)
        return self._pointwise(np.add, a, b)

    def concat(self, arrays: Any, *, axis: int = 0) -> Array:
        """Join arrays along an axis."""
        axes = {np.ndim(a) for a in arrays}
        if axis is None or len(axes) != 1 or not -min(axes) <= axis < min(axes):
            return np.concatenate(arrays, axis=axis)
        axis %= min(axes)
        shape = list(arrays[0].shape)
        shape[axis] = sum(a.shape[axis] for a in arrays)
        out = self.empty(tuple(shape), dtype=np.result_type(*arrays))
        return np.concatenate(arrays, axis=axis, out=out)

    def _pointwise(self, function: Any, a: Array, b: Array) -> Array:
        """Apply a function to every pair of numbers."""
        out = self._allocate(np.broadcast_shapes(a.shape, b.shape), a, b)
        parts = self.threads if out.shape == a.shape and len(b) == 1 and out.size >= WIDE else 1
        if parts == 1:
            return function(a, b, out=out)
        cuts = _cut_evenly(len(out), parts)
        self.share(lambda i: function(a[cuts[i]], b, out=out[cuts[i]]), parts)
        return out

    def matmul(self, a: Array, b: Array) -> Array:
        """Return a b."""
        self._reopen()
        if min(a.ndim, b.ndim) < 2 or a.shape[-1] != b.shape[-2]:
            return np.matmul(a, b)
        inner, columns = b.shape[-2:]
        if inner == 1:
            return self._pointwise(np.multiply, a, b)
        models = np.broadcast_shapes(a.shape[:-2], b.shape[:-2]) if a.ndim + b.ndim > 4 else ()
        out = self._allocate((*models, a.shape[-2], columns), a, b)
        if models:
            a, b = (np.broadcast_to(f, (*models, *f.shape[-2:])) for f in (a, b))
        parts = self.threads if inner * out.size >= SHARED else 1
        by_columns = not models and len(out) < columns
        cuts = _cut_evenly(columns if by_columns else len(out), parts)

        def work(i):
            cut = cuts[i]
            if by_columns:
                np.matmul(a, b[:, cut], out=out[:, cut])
            else:
                np.matmul(a[cut], b[cut] if models else b, out=out[cut])

        self.share(work, parts)
        return out

    def _allocate(self, shape: tuple[int, ...], a: Array, b: Array) -> Array:
        """Return memory for a result."""
        return self.empty(shape, dtype=a.dtype if a.dtype == b.dtype else np.result_type(a, b))

    def share(
        self, work: Callable[[int], Any], parts: int, stop: Callable[[], Any] | None = None
    ) -> None:
        """Do parts 0, 1, … of some work, each by a thread; see `Workers.share`."""
        if parts == 1:
            work(0)
            return
        assert self._workers is not None  # or `threads` was not read for the number of parts
        self._workers.share(work, parts, stop)


def _cut_evenly(count: int, parts: int) -> list[slice]:
    """Cut a range into `parts` parts of similar length."""
    return [slice(count * i // parts, count * (i + 1) // parts) for i in range(parts)]


@contextmanager
def opened() -> Iterator[Workspace]:
    """Yield an open workspace: this thread's last one, if that is closed again.

    Calls in a loop thus use the same memory and threads, without a workspace around the loop.
    """
    count = thread_count()
    own = LAST.__dict__.pop("workspace", None)
    if own is None or own.most != count:
        own = Workspace(count)
    try:
        try:
            own.open()
            yield own
            own.pause()
        except BaseException:
            own.close()
            raise
    except BaseException:  # Ctrl-C may have interrupted it
        own.close()
        raise
    LAST.workspace = own


LAST = threading.local()
"""The workspace that each thread has paused."""
