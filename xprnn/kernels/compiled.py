"""The loop in C, for NumPy on a CPU: see cpu/loops.c."""

import ctypes
import functools
import math
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from xprnn import activations
from xprnn._typing import Array, Namespace
from xprnn.cells import GRU, LSTM, Cell, Elman
from xprnn.kernels.compiler import NoCompilerError, UnbuildableError, build
from xprnn.kernels.workspace import Workspace
from xprnn.recurrence import Unroll

__all__ = ["COMPILED", "supports", "unavailable"]

SOURCE = Path(__file__).parent / "cpu" / "loops.c"

ACTIVATIONS = (
    activations.Tanh(),
    activations.ReLU(),
    activations.Sigmoid(),
    activations.Identity(),
)
"""Of the Elman cell, in the order of elman.h."""

SHARED = 3_000_000
"""Multiplications of a loop for which one more thread pays."""

APART = 40_000
"""Numbers in U for which one more thread pays where they meet at every step."""

PACKED = 100_000
"""Numbers in U from which on its panels are laid out by all threads."""

MODELS, BATCH, UNITS = range(3)


class Problem(ctypes.Structure):
    """The structure of the same name in loops.c."""

    sizes = "models steps batch size parts axis activation weights_stride v_stride"
    arrays = "weights p v keep mask h c gates u seen dy dp dq dh dc arrived"
    _fields_ = (
        *((name, ctypes.c_ssize_t) for name in sizes.split()),
        *((name, ctypes.c_void_p) for name in arrays.split()),
    )


class Memo(NamedTuple):
    """What `unroll_backward` needs of `unroll`."""

    h: Array
    """(..., T + 1, B, H)"""
    c: Array | None
    """(..., T + 1, B, H), of LSTM."""
    gates: Array | None
    """(..., T, B, G·H), of LSTM and GRU."""
    u: Array | None
    """(..., T, B, H), of GRU."""


def supports(cell: Cell, xp: Namespace, shapes: dict[str, tuple[int, ...]], dtype: Any) -> bool:
    """Whether there is a compiled loop for the case."""
    here = isinstance(xp, Workspace) or xp is np
    return here and dtype in (np.float32, np.float64) and _written(cell) and not unavailable()


def _written(cell: Cell) -> bool:
    """Whether the equations of a cell are written in C."""
    if type(cell) is Elman:
        return cell.activation in ACTIVATIONS
    if type(cell) is LSTM:
        return cell == LSTM(forget_bias=cell.forget_bias)
    return type(cell) is GRU and cell == GRU()


@functools.cache
def unavailable() -> str | None:
    """Return why there are no compiled loops; None if there are."""
    try:
        _library(Elman(), np.dtype(float))
    except NoCompilerError as error:
        return str(error)
    except UnbuildableError as error:
        warnings.warn(
            "xprnn's compiled loops could not be built, and the slower reference runs (with "
            f"XPRNN_KERNELS=reference it does without this warning): {error}",
            RuntimeWarning,
            stacklevel=2,
        )
        return str(error)
    return None


def _library(cell: Cell, dtype: Any) -> Any:
    """Return the compiled loops of a cell."""
    library = build(SOURCE, CELL=cell.gates, REAL=8 * dtype.itemsize)
    library.packed_size.restype = ctypes.c_ssize_t
    return library


def _dense(a: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    """Return an array with all its axes, laid out as C reads it."""
    return np.ascontiguousarray(np.broadcast_to(a, shape), dtype=dtype)


def _share(work: Any, parts: int, xp: Namespace) -> None:
    """Do the parts of some work."""
    if parts == 1:
        work(0)
    else:
        xp.share(work, parts)


def _threads(xp: Namespace) -> int:
    return xp.threads if isinstance(xp, Workspace) else 1


def _packed(library: Any, U: Array, transposed: bool, xp: Namespace) -> tuple[Array, int]:
    """Return U or its transpose as panels, and how far apart those of two models are."""
    size = ctypes.c_ssize_t(U.shape[-2])
    count = library.packed_size(size, transposed)
    models = np.ascontiguousarray(U).reshape(-1, *U.shape[-2:])
    packed = xp.empty((len(models), count), dtype=U.dtype)
    parts = _threads(xp) if U.size >= PACKED else 1
    for one, place in zip(models, packed, strict=True):
        pack = functools.partial(
            library.pack,
            ctypes.c_void_p(one.ctypes.data),
            ctypes.c_void_p(place.ctypes.data),
            size,
            transposed,
        )
        _share(
            lambda part, pack=pack: pack(ctypes.c_ssize_t(part), ctypes.c_ssize_t(parts)),
            parts,
            xp,
        )
    return packed, 0 if len(U.shape) == 2 else count


def _cut(problem: Problem, gates: int, threads: int) -> tuple[int, int]:
    """Return what is shared out, and among how many threads."""
    weights = gates * problem.size**2
    work = problem.models * problem.steps * problem.batch * weights
    threads = min(threads, 1 + work // SHARED)
    if problem.models >= threads:
        return MODELS, threads
    if problem.batch >= 4 * threads:
        return BATCH, threads
    rows, units = min(threads, problem.batch), min(threads, 1 + weights // APART)
    return (UNITS, units) if units > rows else (BATCH, rows)


def _run(
    function: Any,
    cell: Any,
    hidden: tuple[int, ...],
    stride: int,
    arrays: dict[str, Array | None],
    xp: Namespace,
) -> None:
    """Run a compiled function on arrays of `hidden` shape (..., T, B, H)."""
    *lead, steps, batch, size = hidden
    arrays["arrived"] = np.zeros(1, np.intp)
    problem = Problem(
        models=math.prod(lead),
        steps=steps,
        batch=batch,
        size=size,
        activation=ACTIVATIONS.index(cell.activation),
        weights_stride=stride,
        v_stride=size,
        **{name: a.ctypes.data for name, a in arrays.items() if a is not None},
    )
    problem.axis, problem.parts = _cut(problem, cell.gates, _threads(xp))
    address = ctypes.byref(problem)
    _share(lambda part: function(address, ctypes.c_ssize_t(part)), problem.parts, xp)


def unroll(cell, U, p, state, mask, keep, *, xp):
    """As `recurrence.unroll`."""
    *lead, batch, size = state[0].shape
    steps, dtype = p.shape[-3], p.dtype
    hidden = (*lead, steps, batch, size)
    states, gates = (*lead, steps + 1, batch, size), (*lead, steps, batch, cell.gates * size)
    library = _library(cell, dtype)
    weights, stride = _packed(library, U, False, xp)
    kept = [xp.empty(states, dtype=dtype) for _ in range(cell.states)]
    for array, first in zip(kept, state, strict=False):
        array[..., 0, :, :] = first
    h, c = (*kept, None)[:2]
    elman, gru = type(cell) is Elman, type(cell) is GRU
    memo = Memo(
        h,
        c,
        None if elman else xp.empty(gates, dtype=dtype),
        xp.empty(hidden, dtype=dtype) if gru else None,
    )
    arrays = {
        **memo._asdict(),
        "weights": weights,
        "p": _dense(p, gates, dtype),
        "v": _dense(state[1], (*lead, 1, size), dtype) if gru else None,
    }
    arrays |= _options(mask, keep, hidden, dtype)
    if keep is not None:
        arrays["seen"] = xp.empty((*lead, 2, batch, size), dtype=dtype)
        arrays["seen"][..., 0, :, :] = arrays["keep"] * state[0]
    _run(library.forward, cell, hidden, stride, arrays, xp)
    end = tuple(array[..., -1, :, :] for array in kept)
    return h, None, (*end, *state[cell.states :]), memo


def _options(mask, keep, hidden, dtype):
    """Return mask and keep as C reads them."""
    *lead, steps, batch, size = hidden
    return {
        "mask": None if mask is None else _dense(mask[..., 0], (steps, batch), bool),
        "keep": None if keep is None else _dense(keep, (*lead, batch, size), dtype),
    }


def unroll_backward(cell, U, dy, dstate, memo, mask, keep, *, xp):
    """As `recurrence.unroll_backward`."""
    *lead, _, batch, size = hidden = dy.shape
    gates, dtype = (*hidden[:-1], cell.gates * size), dy.dtype
    library = _library(cell, dtype)
    weights, stride = _packed(library, U, True, xp)
    dp = xp.empty(gates, dtype=dtype)
    dq = xp.empty(gates, dtype=dtype) if type(cell) is GRU else dp
    before = [_dense(d, (*lead, batch, size), dtype).copy() for d in dstate[: cell.states]]
    dh, dc = (*before, None)[:2]
    arrays = {
        **memo._asdict(),
        "weights": weights,
        "dy": _dense(dy, hidden, dtype),
        "dp": dp,
        "dq": dq,
        "dh": dh,
        "dc": dc,
    }
    arrays |= _options(mask, keep, hidden, dtype)
    _run(library.backward, cell, hidden, stride, arrays, xp)
    if type(cell) is GRU:
        before.append(dstate[1] + xp.sum(dq[..., 2 * size :], axis=(-3, -2))[..., None, :])
    return dp, dq, tuple(before)


COMPILED = Unroll(unroll, unroll_backward)
