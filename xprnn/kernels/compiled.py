"""The loop in C, for NumPy on a CPU: see cpu/loops.c."""

import ctypes
import functools
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from xprnn import _ops, activations
from xprnn._typing import Array, Namespace, Shapes
from xprnn.cells import GRU, LSTM, Cell, Elman
from xprnn.kernels.compiler import UnbuildableError, WrongError, build
from xprnn.kernels.proof import TOLERANCES, measure_difference
from xprnn.kernels.workspace import Workspace, thread_count
from xprnn.recurrence import Unroll

SOURCE = Path(__file__).parent / "cpu" / "loops.c"

ACTIVATIONS = (
    activations.Tanh(),
    activations.ReLU(),
    activations.Sigmoid(),
    activations.Identity(),
)
"""The activations of the Elman cell, in the order of elman.h."""

DTYPES = (np.float32, np.float64)

LOOP = 3_000_000
"""The multiplications in a loop for which one more thread pays off."""

APART = 40_000
"""The numbers in U for which one more thread pays off if threads synchronise at every step."""

PACKED = 100_000
"""The numbers in U from which on all threads lay out its panels."""

MODELS, BATCH, UNITS = range(3)

_long = ctypes.c_ssize_t


class Problem(ctypes.Structure):
    """The struct with the same name in loops.c."""

    sizes = "models steps batch inputs size parts axis activation weights_stride"
    arrays = "weights x v keep mask h c gates u seen dy dp dq dh dc arrived"
    _fields_ = (
        *((name, _long) for name in sizes.split()),
        *((name, ctypes.c_void_p) for name in arrays.split()),
    )


class Memo(NamedTuple):
    """The values from `unroll` that `unroll_backward` needs."""

    h: Array
    """(..., T + 1, B, H)"""
    c: Array | None
    """c(0) of LSTM, (..., B, H); the other c follow from it and the gates."""
    gates: Array | None
    """(..., T, B, G·H), of LSTM and GRU."""
    u: Array | None
    """(..., T, B, H), of GRU."""


def obstacle(cell: Cell, xp: Namespace, shapes: Shapes, dtype: Any) -> str | None:
    """Return why there is no compiled loop for a case, or None if there is one."""
    if not isinstance(xp, Workspace) and xp is not np:
        return "it runs on NumPy"
    if dtype not in DTYPES:
        return f"it computes in float32 and float64, and this is {np.dtype(dtype)}"
    if not _has_equations(cell):
        return f"its C source does not have the equations of {cell}"
    return _explain_missing(cell.gates, np.dtype(dtype))


def about(cell: Cell, xp: Namespace, shapes: Shapes, dtype: Any) -> str:
    """Describe how the loop runs."""
    return f"in C, with at most {thread_count()} thread(s)"


def _has_equations(cell: Cell) -> bool:
    """Return whether the C source has the equations of a cell."""
    if type(cell) is Elman:
        return cell.activation in ACTIVATIONS
    if type(cell) is LSTM:
        return cell == LSTM(forget_bias=cell.forget_bias)
    return type(cell) is GRU and cell == GRU()


def unavailable() -> str | None:
    """Return why an Elman network has no compiled loops, or None if it has."""
    return _explain_missing(Elman.gates, np.dtype(float))


@functools.cache
def _explain_missing(gates: int, dtype: Any) -> str | None:
    """Return why a cell with this number of gates has no compiled loops, or None if it has."""
    try:
        _load_library(gates, dtype)
    except UnbuildableError as error:
        return str(error)
    return None


@functools.cache
def _load_library(gates: int, dtype: Any) -> Any:
    """Return the compiled loops of the cell with this number of gates."""
    return _declare_arguments(build(SOURCE, _prove, CELL=gates, REAL=8 * dtype.itemsize))


def _declare_arguments(library: Any) -> Any:
    """Declare the arguments of a library's functions, and return the library."""
    library.panel_count.restype = library.panel_width.restype = _long
    library.panel_count.argtypes = _long, ctypes.c_int
    array = ctypes.c_void_p
    library.pack.argtypes = _long, array, array, array, _long, _long, array, _long, _long
    library.forward.argtypes = library.backward.argtypes = ctypes.POINTER(Problem), _long
    return library


PROVEN: dict[int, tuple[Cell, ...]] = {
    1: tuple(Elman(f) for f in ACTIVATIONS),
    3: (GRU(),),
    4: (LSTM(),),
}
"""The cells whose loops are checked, by the number of gates."""


def _prove(library: Any, CELL: int, REAL: int) -> None:
    """Compare newly compiled loops with the reference.

    Raises
    ------
    WrongError
        If they differ, or turn NaN into a number.
    """
    size, dtype = 70, np.dtype(f"float{REAL}")  # more than one panel, and not a multiple of a panel
    _declare_arguments(library)
    loop = Unroll(*(functools.partial(f, library=library) for f in (unroll, unroll_backward)))
    one = np.ones((1, CELL * size), dtype)
    weights = {"W": one, "U": np.repeat(one, size, axis=0), "b": one}
    nan = np.full((1, 1, 1), np.nan, dtype)
    for cell in PROVEN[CELL]:
        with np.errstate(all="ignore"):
            found = measure_difference(loop, cell, size, 7, dtype, xp=np)
            state = (np.zeros((1, size), dtype),) * 2
            h, *_ = loop.forward(cell, weights, nan, state, xp=np)
        if not found <= TOLERANCES[dtype.name]:
            raise WrongError(
                f"the results of {cell} in {dtype} differ from the reference's by {found:.1e} of "
                "their norm"
            )
        if not np.isnan(h[1]).all():
            raise WrongError(f"{cell} in {dtype} turns NaN into a number")


def _find_workspace(xp: Namespace) -> Workspace:
    """Return the workspace, or one for this call if none is open."""
    return xp if isinstance(xp, Workspace) else Workspace(1)


def _lay_out(a: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    """Return an array with all its axes in the memory layout that C reads."""
    if a.shape != shape:
        a = np.broadcast_to(a, shape)
    return np.ascontiguousarray(a, dtype=dtype)


def _address(a: Array) -> int:
    """Return the address of the first number of an array."""
    return a.__array_interface__["data"][0]  # faster than a.ctypes.data


def _packed(library: Any, matrices: list[Array], *how: Any, xp: Workspace) -> tuple[Array, int]:
    """Call `_pack` once while the weights don't change."""
    return xp.once(how, matrices, lambda: _pack(library, matrices, *how, xp=xp))


def _pack(
    library: Any, matrices: list[Array], dtype: Any, lead: tuple[int, ...], *, xp: Workspace
) -> tuple[Array, int]:
    """Return b, W and U, or U transposed, as panels, and the distance between two models."""
    size, columns = matrices[-1].shape[-2:]
    if all(a.ndim == 2 for a in matrices):
        lead = ()
    *others, U = [_lay_out(a, (*lead, *a.shape[-2:]), dtype) for a in matrices]
    b, W = others or (None, None)
    inputs, rows = (0, columns) if W is None else (W.shape[-2], 1 + W.shape[-2] + size)
    models, panels = math.prod(lead), library.panel_count(size, W is None)
    packed = xp.empty((models, panels, rows, library.panel_width()), dtype=dtype)
    addresses = [None if a is None else _address(a) for a in (b, W, U)]
    threads = xp.threads if size * columns >= PACKED else 1
    sizes = inputs, size, _address(packed), threads

    def work(part, needed=(b, W, U, packed)):  # in a thread that survives Ctrl-C here
        library.pack(models, *addresses, *sizes, part)

    xp.share(work, threads)
    return packed, math.prod(packed.shape[1:]) if lead else 0


def _cut(problem: Problem, gates: int, xp: Workspace) -> tuple[int, int]:
    """Return the axis to divide among threads, and the number of threads."""
    weights = gates * problem.size**2
    work = problem.models * problem.steps * problem.batch * weights
    threads = min(xp.threads, 1 + work // LOOP) if work >= LOOP else 1
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
    xp: Workspace,
) -> None:
    """Run a compiled function on arrays of `hidden` shape (..., T, B, H)."""
    *lead, steps, batch, size = hidden
    x, arrived = arrays.get("x"), np.zeros(2, np.intp)
    arrays["arrived"] = arrived
    problem = Problem(
        models=math.prod(lead),
        steps=steps,
        batch=batch,
        size=size,
        inputs=0 if x is None else x.shape[-1],
        activation=ACTIVATIONS.index(cell.activation),
        weights_stride=stride,
        **{name: _address(a) for name, a in arrays.items() if a is not None},
    )
    problem.axis, problem.parts = _cut(problem, cell.gates, xp)
    address = ctypes.byref(problem)

    def work(part, needed=arrays):  # in a thread that survives Ctrl-C here
        function(address, part)

    xp.share(work, problem.parts, stop=lambda: arrived.__setitem__(1, 1))


def unroll(cell, params, x, state, *, mask=None, keep=None, xp, library=None):
    """Do the same as `recurrence.unroll`."""
    xp = _find_workspace(xp)
    *lead, batch, size = state[0].shape
    lead, gru = tuple(lead), type(cell) is GRU
    *_, steps, _, features = x.shape
    hidden, gates = (*lead, steps, batch, size), (*lead, steps, batch, cell.gates * size)
    matrices = [params[name] for name in ("b", "W", "U")]
    dtype = np.result_type(x, *matrices, *state)
    library = library or _load_library(cell.gates, dtype)
    weights, stride = _packed(library, matrices, dtype, lead, xp=xp)
    kept = [xp.empty((*lead, steps + 1, batch, size), dtype=dtype) for _ in range(cell.states)]
    for array, first in zip(kept, state, strict=False):
        array[..., 0, :, :] = first
    h, c = (*kept, None)[:2]
    memo = Memo(
        h,
        None if c is None else c[..., 0, :, :].copy(),
        None if type(cell) is Elman else xp.empty(gates, dtype=dtype),
        xp.empty(hidden, dtype=dtype) if gru else None,
    )
    arrays = {
        **memo._asdict(),
        "c": c,
        "weights": weights,
        "x": _lay_out(x, (*lead, steps, batch, features), dtype),
        "v": _lay_out(state[1], (*lead, 1, size), dtype) if gru else None,
        **_read_options(mask, keep, hidden, dtype),
    }
    if keep is not None:
        arrays["seen"] = xp.empty((*lead, 2, batch, size), dtype=dtype)
        arrays["seen"][..., 0, :, :] = arrays["keep"] * state[0]
    _run(library.forward, cell, hidden, stride, arrays, xp)
    end = tuple(array[..., -1, :, :].copy() for array in kept)  # a copy, not a view of all
    return h, None, (*end, *state[cell.states :]), memo


def _read_options(mask, keep, hidden, dtype):
    """Return mask and keep in the form that C reads."""
    *lead, steps, batch, size = hidden
    return {
        "mask": None if mask is None else _lay_out(mask[..., 0], (steps, batch), bool),
        "keep": None if keep is None else _lay_out(keep, (*lead, batch, size), dtype),
    }


def unroll_backward(cell, params, dy, dstate, memo, *, mask=None, keep=None, xp, library=None):
    """Do the same as `recurrence.unroll_backward`."""
    xp = _find_workspace(xp)
    *lead, _, batch, size = hidden = dy.shape
    gates, wide = (*hidden[:-1], cell.gates * size), np.result_type(dy, memo.h, *dstate)
    dtype = memo.h.dtype  # the loops exist, since they ran forward
    if wide in DTYPES and (library or not _explain_missing(cell.gates, wide)):
        dtype = wide
    library = library or _load_library(cell.gates, dtype)
    memo = Memo(*(a if a is None else a.astype(dtype, copy=False) for a in memo))
    weights, stride = _packed(library, [params["U"]], dtype, tuple(lead), xp=xp)
    dp = xp.empty(gates, dtype=dtype)
    dq = xp.empty(gates, dtype=dtype) if type(cell) is GRU else dp
    before = [_lay_out(d, (*lead, batch, size), dtype).copy() for d in dstate[: cell.states]]
    dh, dc = (*before, None)[:2]
    c = None
    if memo.c is not None:
        c = xp.empty(memo.h.shape, dtype=dtype)
        c[..., 0, :, :] = memo.c
    arrays = {
        **memo._asdict(),
        "c": c,
        "weights": weights,
        "dy": _lay_out(dy, hidden, dtype),
        "dp": dp,
        "dq": dq,
        "dh": dh,
        "dc": dc,
        **_read_options(mask, keep, hidden, dtype),
    }
    _run(library.backward, cell, hidden, stride, arrays, xp)
    if type(cell) is GRU:
        dv = _ops.total(dq[..., 2 * size :], (-3, -2), xp=xp)
        before.append(dstate[1] + dv[..., None, :])
    dp, dq, *before = (a.astype(wide, copy=False) for a in (dp, dq, *before))
    return dp, dq, tuple(before)


COMPILED = Unroll(unroll, unroll_backward)
