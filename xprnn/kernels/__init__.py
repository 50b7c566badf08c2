"""The seam for faster loops, and the workspace in which they run.

A kernel is a twin of `recurrence.unroll` and `recurrence.unroll_backward`, and
of nothing else: the loop over time with its input product, and its transpose. All
that can be one large product afterwards, the gradients of the weights and of x, stays
with `recurrence.backward`. One parametrised test compares the values and gradients of
every entry of `TWINS` with the reference's.

With ``XPRNN_KERNELS=reference`` in the environment nothing of this takes part: the
reference loop runs, on plain NumPy.
"""

import math
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import numpy as np

from xprnn import cells
from xprnn._typing import Array, Namespace
from xprnn._validate import unknown, whole
from xprnn.backend import Backend, resolve
from xprnn.cells import Cell
from xprnn.kernels import compiled, cuda
from xprnn.kernels.compiled import unavailable
from xprnn.kernels.cuda.device import Device, named
from xprnn.kernels.workspace import Workspace, can_limit_blas, opened, thread_count
from xprnn.recurrence import REFERENCE, Unroll

__all__ = [
    "TWINS",
    "Twin",
    "Workspace",
    "explain",
    "lookup",
    "pieces",
    "status",
    "thread_count",
    "unavailable",
    "unchanged",
    "workspace",
]

_MISSING = "; for more, pip install threadpoolctl"


class Twin(NamedTuple):
    """A loop, and two functions that take a case as `lookup` does."""

    obstacle: Callable[..., str | None]
    """Says why the loop does not support the case; None if it does."""
    unroll: Unroll
    about: Callable[..., str]
    """Says how the loop runs."""


TWINS = {
    "compiled": Twin(compiled.obstacle, compiled.COMPILED, compiled.about),
    "cuda": Twin(cuda.obstacle, cuda.CUDA, cuda.about),
    "reference": Twin(lambda *case: None, REFERENCE, lambda *case: "step by step in Python"),
}
"""By name, in order of preference."""

_SMALL = 9_000
"""Numbers in a matrix from which on OpenBLAS may give the product with a vector to its threads.

It does so with other products from 29 times as many multiplications on.
"""


def lookup(cell: Cell, xp: Namespace, shapes: dict[str, tuple[int, ...]], dtype: object) -> Unroll:
    """Return the first loop that supports the case; the reference supports every one.

    Looking up a loop changes nothing, so no layer affects another.

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
        If ``XPRNN_KERNELS`` is set to anything but ``reference``.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import cells, kernels, recurrence
    >>> shapes = {"x": (200, 1, 1), "U": (64, 64)}
    >>> kernels.lookup(cells.Elman("elu"), np, shapes, np.float64) is recurrence.REFERENCE
    True
    """
    if _asks_for_reference():
        return REFERENCE
    case = cell, xp, shapes, dtype
    return next(twin.unroll for twin in TWINS.values() if twin.obstacle(*case) is None)


def _asks_for_reference() -> bool:
    """Return whether the environment asks for the reference."""
    asked = os.environ.get("XPRNN_KERNELS", "")
    if asked not in ("", "reference"):
        raise ValueError(f"XPRNN_KERNELS must be 'reference' or not set, got {asked!r}")
    return asked == "reference"


def workspace(
    xp: Namespace, x: Array | None = None, weights: Sequence[Array] = ()
) -> AbstractContextManager[Namespace]:
    """Turn NumPy into a `Workspace` for a while; any other namespace stays as it is.

    Parameters
    ----------
    xp : namespace
    x : array, (..., T, B, F), optional
    weights : sequence of arrays
        Without x, any number of calls is expected. With it, one call that takes x and these
        weights; NumPy stays as it is if that is so small that a workspace only costs time.

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
    if xp is not np or _asks_for_reference() or (x is not None and _is_small(x, weights)):
        return nullcontext(xp)
    return opened()


def _is_small(x: Array, weights: Sequence[Array]) -> bool:
    """Return whether no product is large enough for threads, of BLAS or ours."""
    largest = max((math.prod(w.shape) for w in weights), default=0)
    return largest < _SMALL and largest * math.prod(x.shape[:-1]) < 25 * _SMALL


def unchanged(xp: Namespace) -> AbstractContextManager[None]:
    """Let a workspace lay out weights once, as none changes for a while."""
    return xp.unchanged() if isinstance(xp, Workspace) else nullcontext()


def pieces(x: Array, weights: list[Array], *, xp: Namespace) -> list[slice]:
    """Return which steps of x (..., T, B, F) to compute at a time: all, but for a workspace."""
    return xp.pieces(x, weights) if isinstance(xp, Workspace) else [slice(0, x.shape[-3])]


def explain(
    cell: str | Cell,
    *,
    steps: int,
    batch: int,
    hidden_size: int,
    features: int = 1,
    models: int = 1,
    dtype: str = "float32",
    backend: str | Backend = "numpy",
    device: str | Device | None = None,
) -> str:
    """Return which loop runs in a case and how, and why none that is faster does.

    Parameters
    ----------
    cell : str or Cell
    steps, batch, hidden_size, features, models : int
        T, B, H, F, and how many models there are side by side.
    dtype : {"float32", "float64"}
    backend : str or Backend
    device : str or Device, optional
        A GPU to plan for instead, though it is not there: a name in
        ``xprnn.kernels.cuda.device.KNOWN``, such as ``"H100"``.

    Raises
    ------
    ValueError
        If there is no cell, backend, dtype or device of that name, or a size is below 1.
    BackendUnavailableError
        If the backend can't be used here.

    Examples
    --------
    >>> from xprnn import kernels
    >>> print(kernels.explain("elman", steps=200, batch=1, hidden_size=64, device="H100"))
    Elman(activation=Tanh()), 64 units, 200 steps, 1 sequence(s), 1 model(s), float32, on H100
    cuda: one launch on H100
      forward: 1 group(s) of 1 block(s) of 256 threads, ...
      backward: ...
    """
    cell = cells.get(cell)
    sizes = {"steps": steps, "batch": batch, "hidden_size": hidden_size, "features": features}
    for name, value in {**sizes, "models": models}.items():
        whole(name, value)
    if dtype not in ("float32", "float64"):
        raise unknown("dtype", dtype, ("float32", "float64"))
    gpu = None if device is None else named(device)
    place = resolve(backend)
    shapes = {"x": (models, steps, batch, features), "U": (hidden_size, cell.gates * hidden_size)}
    case = cell, place.xp, shapes, getattr(place.xp, dtype)
    lines = [
        f"{cell}, {hidden_size} units, {steps} steps, {batch} sequence(s), {models} model(s), "
        f"{dtype}, on {gpu.name if gpu else place}"
    ]
    with place.active():
        for name, twin in TWINS.items():
            if gpu is not None and name == "compiled":
                continue
            more = {"device": gpu} if name == "cuda" else {}
            reason = twin.obstacle(*case, **more)
            if reason is None and _asks_for_reference() and twin.unroll is not REFERENCE:
                reason = "switched off by XPRNN_KERNELS=reference"
            lines.append(f"{name}: " + (f"no, {reason}" if reason else twin.about(*case, **more)))
            if reason is None:
                break
    return "\n".join(lines)


def status() -> str:
    """Return a line on the compiled loops: how many threads they have, or why there are none.

    Examples
    --------
    >>> from xprnn import kernels
    >>> "loops" in kernels.status()
    True
    """
    if _asks_for_reference():
        return "compiled loops: switched off by XPRNN_KERNELS=reference"
    reason = unavailable()
    if reason is not None:
        return f"compiled loops: none, {reason}"
    with opened() as own:
        threads = own.threads
    missing = "" if threads == thread_count() or can_limit_blas() else _MISSING
    return f"compiled loops: for NumPy, {threads} thread(s){missing}"
