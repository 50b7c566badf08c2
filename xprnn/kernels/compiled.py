"""The loop in C, for NumPy on a CPU: see cpu/loops.c."""

import ctypes
import functools
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from xprnn import activations
from xprnn._typing import Array, Namespace
from xprnn.cells import GRU, LSTM, Cell, Elman
from xprnn.kernels.compiler import Unbuildable, build
from xprnn.kernels.workspace import Workspace
from xprnn.recurrence import Unroll

__all__ = ["COMPILED", "supports"]

SOURCE = Path(__file__).parent / "cpu" / "loops.c"

ACTIVATIONS = (
    activations.Tanh(),
    activations.ReLU(),
    activations.Sigmoid(),
    activations.Identity(),
)
"""Of the Elman cell, in the order of the enumeration in loops.c."""

SHARED = 3_000_000
"""Multiplications of a loop from which on rows or models are shared out among threads."""

APART = 40_000
"""Numbers in U from which on units are, though all threads must then meet at every step."""

PACKED = 100_000
"""Numbers in U from which on its panels are laid out by all threads."""

MODELS, BATCH, UNITS = range(3)


class Problem(ctypes.Structure):
    """The structure of the same name in loops.c."""

    _fields_ = [
        *(
            (name, ctypes.c_ssize_t)
            for name in (
                "models steps batch size parts axis activation weights_stride v_stride".split()
            )
        ),
        *(
            (name, ctypes.c_void_p)
            for name in ("weights p v keep mask h c gates u seen dy dp dq dh dc arrived".split())
        ),
    ]


class Memo(NamedTuple):
    """What `backward` needs of `forward`."""

    h: Array
    c: Array | None
    gates: Array | None
    u: Array | None


def _standard(cell: Cell) -> bool:
    """Whether the equations of a cell are those of loops.c."""
    if type(cell) is Elman:
        return cell.activation in ACTIVATIONS
    if type(cell) is LSTM:
        return not cell.peepholes and cell in (LSTM(forget_bias=cell.forget_bias),)
    return type(cell) is GRU and cell == GRU()


def _library(cell: Cell, dtype: Any) -> Any:
    """Return the compiled loops of a cell."""
    library = build(SOURCE, CELL=cell.gates, REAL=8 * np.dtype(dtype).itemsize)
    library.packed_size.restype = ctypes.c_ssize_t
    return library


def supports(cell: Cell, xp: Namespace, shapes: dict[str, tuple[int, ...]], dtype: Any) -> bool:
    """Whether there is a compiled loop for the case."""
    if not (xp is np or isinstance(xp, Workspace)) or not _standard(cell):
        return False
    return dtype in (np.float32, np.float64) and unavailable() is None


@functools.cache
def unavailable() -> str | None:
    """Return why there are no compiled loops; None if there are."""
    try:
        _library(Elman(), np.float64)
    except Unbuildable as error:
        return str(error)
    return None


def _models(a: Array, lead: tuple[int, ...], dtype: Any) -> Array:
    """Return an array with all the leading axes, as lies in memory what loops.c reads."""
    rest = a.shape[-3:] if len(a.shape) - len(lead) > 2 else a.shape[-2:]
    return np.ascontiguousarray(np.broadcast_to(a, (*lead, *rest)), dtype=dtype)


def _share(work: Any, parts: int, xp: Any) -> None:
    """Do the parts of some work."""
    if parts == 1:
        work(0)
    else:
        xp.share(work, parts)


def _packed(library: Any, U: Array, transposed: bool, xp: Any) -> tuple[Array, int]:
    """Return U, or its transpose, as panels, and how far apart those of two models are."""
    size = U.shape[-2]
    count = library.packed_size(ctypes.c_ssize_t(size), transposed)
    models = np.ascontiguousarray(U).reshape(-1, *U.shape[-2:])
    packed = xp.empty((len(models), count), dtype=U.dtype)
    parts = getattr(xp, "threads", 1) if U.size >= PACKED else 1
    for one, place in zip(models, packed, strict=True):
        addresses = ctypes.c_void_p(one.ctypes.data), ctypes.c_void_p(place.ctypes.data)
        pack = functools.partial(library.pack, *addresses, ctypes.c_ssize_t(size), transposed)
        _share(lambda part: pack(ctypes.c_ssize_t(part), ctypes.c_ssize_t(parts)), parts, xp)
    return packed, 0 if len(U.shape) == 2 else count


def _cut(problem: Problem, gates: int, threads: int) -> tuple[int, int]:
    """Return what is shared out among how many threads."""
    weights = gates * problem.size**2
    work = problem.models * problem.steps * problem.batch * weights
    threads = min(threads, 1 + work // SHARED)
    if problem.models >= threads:
        return MODELS, threads
    if problem.batch >= 4 * threads:
        return BATCH, threads
    if weights >= APART:
        return UNITS, threads
    return BATCH, min(threads, problem.batch)


def _run(function: Any, cell: Cell, xp: Any, sizes: dict[str, int], arrays: dict[str, Any]) -> None:
    """Run a compiled function, shared out among threads where that pays."""
    arrays["arrived"] = np.zeros(1, np.intp)
    addresses = {name: a.ctypes.data for name, a in arrays.items() if a is not None}
    problem = Problem(**sizes, **addresses)
    problem.axis, problem.parts = _cut(problem, cell.gates, getattr(xp, "threads", 1))
    run = functools.partial(function, ctypes.byref(problem))
    _share(lambda part: run(ctypes.c_ssize_t(part)), problem.parts, xp)


def _sizes(cell: Cell, lead: tuple[int, ...], steps: int, batch: int, size: int) -> dict[str, int]:
    f = ACTIVATIONS.index(cell.activation) if isinstance(cell, Elman) else 0
    return {
        "models": math.prod(lead),
        "steps": steps,
        "batch": batch,
        "size": size,
        "activation": f,
    }


def unroll(cell, U, p, state, mask, keep, *, xp):
    """As `recurrence.unroll`."""
    library, dtype = _library(cell, p.dtype), p.dtype
    (*lead, batch, size), steps = state[0].shape, p.shape[-3]
    lead = tuple(lead)
    sizes = _sizes(cell, lead, steps, batch, size)
    weights, sizes["weights_stride"] = _packed(library, U, False, xp)
    h = xp.empty((*lead, steps + 1, batch, size), dtype=dtype)
    h[..., 0, :, :] = state[0]
    c = gates = u = v = seen = None
    if not isinstance(cell, Elman):
        gates = xp.empty((*lead, steps, batch, cell.gates * size), dtype=dtype)
    if isinstance(cell, LSTM):
        c = xp.empty(h.shape, dtype=dtype)
        c[..., 0, :, :] = state[1]
    if isinstance(cell, GRU):
        u = xp.empty((*lead, steps, batch, size), dtype=dtype)
        v, sizes["v_stride"] = np.ascontiguousarray(state[1], dtype=dtype), size
    if keep is not None:
        keep = np.ascontiguousarray(np.broadcast_to(keep, (*lead, batch, size)), dtype=dtype)
        seen = xp.empty((*lead, 2, batch, size), dtype=dtype)
        seen[..., 0, :, :] = keep * state[0]
    p = np.ascontiguousarray(np.broadcast_to(p, (*lead, *p.shape[-3:])))
    mask = None if mask is None else np.ascontiguousarray(mask[..., 0])
    arrays = dict(
        weights=weights, p=p, v=v, keep=keep, mask=mask, h=h, c=c, gates=gates, u=u, seen=seen
    )
    _run(library.forward, cell, xp, sizes, arrays)
    end = {Elman: (), LSTM: (c,), GRU: ()}[type(cell)]
    last = tuple(a[..., -1, :, :] for a in (h, *end))
    return h, None, (*last, *state[len(last) :]), Memo(h, c, gates, u)


def unroll_backward(cell, U, dy, dstate, memo, mask, keep, *, xp):
    """As `recurrence.unroll_backward`."""
    library, dtype = _library(cell, dy.dtype), dy.dtype
    *lead, steps, batch, size = dy.shape
    lead = tuple(lead)
    sizes = _sizes(cell, lead, steps, batch, size)
    weights, sizes["weights_stride"] = _packed(library, U, True, xp)
    dp = dq = xp.empty((*lead, steps, batch, cell.gates * size), dtype=dtype)
    if isinstance(cell, GRU):
        dq = xp.empty(dp.shape, dtype=dtype)
    if keep is not None:
        keep = np.ascontiguousarray(np.broadcast_to(keep, (*lead, batch, size)), dtype=dtype)
    dy = np.ascontiguousarray(dy)
    mask = None if mask is None else np.ascontiguousarray(mask[..., 0])
    before = [
        np.array(np.broadcast_to(d, (*lead, batch, size)), dtype=dtype)
        for d in dstate[: cell.states]
    ]
    dh, dc = (*before, None)[:2]
    arrays = dict(
        memo._asdict(), weights=weights, keep=keep, mask=mask, dy=dy, dp=dp, dq=dq, dh=dh, dc=dc
    )
    _run(library.backward, cell, xp, sizes, arrays)
    if isinstance(cell, GRU):
        dv = xp.sum(dq[..., 2 * size :], axis=(-3, -2), keepdims=True)[..., 0, :, :]
        before.append(dstate[1] + dv)
    return dp, dq, tuple(before)


COMPILED = Unroll(unroll, unroll_backward)
