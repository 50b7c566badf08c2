"""The loop over time as one launch on a GPU; see recurrence.cu."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from xprnn import _ops
from xprnn._typing import Array, Namespace, Shapes
from xprnn.cells import Cell, Elman
from xprnn.kernels.cuda.device import Device
from xprnn.kernels.cuda.expressions import Step, write_step
from xprnn.kernels.cuda.failures import attempt
from xprnn.kernels.cuda.launcher import CuPy, Kernel, Launcher
from xprnn.kernels.cuda.layout import Loop, Plan, Unplannable, read_loops
from xprnn.kernels.cuda.plan import choose, describe
from xprnn.kernels.cuda.source import Program, write_program
from xprnn.kernels.proof import TOLERANCES, measure_difference
from xprnn.kernels.tracing import Untraceable
from xprnn.recurrence import Unroll


class Memo(NamedTuple):
    """The values from `unroll` that `unroll_backward` needs."""

    h: Array
    """(..., T + 1, B, H)"""
    start: Array
    """(S, ..., B, H): state(0) and the cell's own weights."""
    kept: Array
    """(..., T, B, K·H): the numbers that `Step` keeps."""


class Compiled(NamedTuple):
    """A compiled loop."""

    step: Step
    plan: Plan
    program: Program
    kernel: Kernel

    @property
    def groups(self) -> int:
        """The number of groups in the plan, or fewer if the device has no room for all."""
        return min(self.plan.groups, self.kernel.resident // self.plan.blocks)


PROVEN: dict[Any, float] = {}
"""The differences of loops' results from the reference, by device and programs."""


SMALLEST = Elman(), {"x": (1, 1, 1), "U": (1, 1)}, "float32"
"""The case with the smallest kernel."""


@dataclass(frozen=True)
class Fused:
    """The twin on a launcher.

    Parameters
    ----------
    launcher : Launcher
    plan : callable
        A function that chooses the `Plan` for a `Device` and a `Loop`.
    """

    launcher: Launcher
    plan: Callable[[Device, Loop], Plan] = choose

    def make(self, loop: Loop, cell: Cell) -> Compiled:
        """Compile the loop of a cell.

        Raises
        ------
        Untraceable, Unplannable
            If there is no loop; the message is a sentence that says why.
        """
        step, plan = write_step(cell), self.plan(self.launcher.device(), loop)
        source = write_program(step, loop, plan, hardware=self.launcher.hardware)
        kernel = self.launcher.load(source)
        if kernel.resident < plan.blocks:
            raise Unplannable(
                f"{plan.blocks} blocks wait for one another, and the device has room for "
                f"{kernel.resident} at once"
            )
        return Compiled(step, plan, source, kernel)

    def obstacle(
        self, cell: Cell, xp: Namespace, shapes: Shapes, dtype: Any, device: Device | None = None
    ) -> str | None:
        """Return why there is no loop for a case of `kernels.lookup`, or None if there is one.

        For a device that is not present, the result says only whether there is a plan. A kernel
        that failed is switched off for all numbers of steps and batch sizes, with one warning.
        """
        size = shapes["U"][-2]

        def prepare(cell: Cell, shapes: Shapes, dtype: Any) -> None:
            both = [self.make(loop, cell) for loop in read_loops(cell, shapes, dtype)]
            self.prove(both, cell, shapes["U"][-2], dtype, xp=xp)

        try:
            if device is not None:
                write_step(cell)
                describe(cell, device, shapes, dtype)  # raises if there is no plan
                return None
            kind = np.dtype(dtype)
            return attempt(
                lambda: f"{cell}, {size} units, {kind}, on {self.launcher.device().name}",
                lambda: (self.launcher.device(), write_step(cell), size, kind),
                lambda: prepare(cell, shapes, dtype),
                lambda: prepare(*SMALLEST),
            )
        except (Untraceable, Unplannable) as error:
            return str(error)

    def prove(
        self, both: list[Compiled], cell: Cell, size: int, dtype: Any, *, xp: Namespace
    ) -> None:
        """Compare two loops, forward and backward, with the reference, once for each device.

        Raises
        ------
        RuntimeError
            If they differ.
        """
        device = self.launcher.device()
        key = device, *(one.program for one in both)
        if key not in PROVEN:
            forward, backward = (one.plan for one in both)
            fixed = Fused(self.launcher, lambda _, loop: forward if loop.forward else backward)
            unroll, batch = Unroll(fixed.unroll, fixed.unroll_backward), forward.rows + 1
            PROVEN[key] = measure_difference(unroll, cell, size, batch, dtype, xp=xp)
        if not PROVEN[key] <= TOLERANCES[np.dtype(dtype).name]:
            raise RuntimeError(
                f"the results of {cell} with {size} units on {device.name} differ from those of "
                f"the reference by {PROVEN[key]:.1e} of their norm"
            )

    def about(
        self, cell: Cell, xp: Namespace, shapes: Shapes, dtype: Any, device: Device | None = None
    ) -> str:
        """Describe how a case is spread over a device."""
        return describe(cell, device or self.launcher.device(), shapes, dtype)

    def launch(
        self, compiled: Compiled, arrays: list[Any], hidden: tuple[int, ...], *, xp: Any
    ) -> None:
        """Launch a loop on arrays and a ring."""
        *lead, steps, batch, size = hidden
        ring = None
        if compiled.program.ring:
            ring = xp.zeros((compiled.groups * compiled.program.ring,), dtype=xp.uint64)
        sizes = math.prod(lead), steps, batch, size, compiled.plan.blocks
        compiled.kernel(compiled.groups * compiled.plan.blocks, *arrays, ring, *sizes)

    def unroll(self, cell, params, x, state, *, mask=None, keep=None, xp):
        """Do the same as `recurrence.unroll`."""
        p, U = _ops.affine(params, x, xp=xp), params["U"]
        dtype = xp.result_type(p, U, *state)
        *lead, batch, size = state[0].shape
        hidden = (*lead, x.shape[-3], batch, size)
        compiled = self.make(_read_loops(cell, hidden, dtype)[0], cell)
        columns = cell.gates * size
        start = _stack(state, hidden, dtype, xp=xp)
        h = xp.empty((*lead, hidden[-3] + 1, batch, size), dtype=dtype)
        kept = xp.empty((*hidden[:-1], compiled.step.kept * size), dtype=dtype)
        end = xp.empty((cell.states, *lead, batch, size), dtype=dtype)
        arrays = [
            _lay_out(xp.matrix_transpose(U), (*lead, columns, size), dtype, xp=xp),
            _lay_out(p, (*hidden[:-1], columns), dtype, xp=xp),
            start,
            *_read_options(mask, keep, hidden, dtype, xp=xp),
            h,
            kept,
            end,
        ]
        self.launch(compiled, arrays, hidden, xp=xp)
        own = state[cell.states :]
        return h, None, (*(end[k, ...] for k in range(cell.states)), *own), Memo(h, start, kept)

    def unroll_backward(self, cell, params, dy, dstate, memo, *, mask=None, keep=None, xp):
        """Do the same as `recurrence.unroll_backward`."""
        U, hidden = params["U"], dy.shape
        dtype = xp.result_type(dy, U, memo.h, *dstate)
        memo = Memo(*(xp.astype(a, dtype, copy=False) for a in memo))
        compiled = self.make(_read_loops(cell, hidden, dtype)[1], cell)
        columns = cell.gates * hidden[-1]
        dp = xp.empty((*hidden[:-1], columns), dtype=dtype)
        dq = None if compiled.step.same else xp.empty(dp.shape, dtype=dtype)
        before = xp.empty(memo.start.shape, dtype=dtype)
        arrays = [
            _lay_out(U, (*hidden[:-3], hidden[-1], columns), dtype, xp=xp),
            _lay_out(dy, hidden, dtype, xp=xp),
            _stack(dstate, hidden, dtype, xp=xp),
            memo.start,
            *_read_options(mask, keep, hidden, dtype, xp=xp),
            memo.h,
            memo.kept,
            dp,
            dq,
            before,
        ]
        self.launch(compiled, arrays, hidden, xp=xp)
        return dp, dp if dq is None else dq, tuple(before[k, ...] for k in range(len(dstate)))


def _read_loops(cell: Cell, hidden: tuple[int, ...], dtype: Any) -> tuple[Loop, Loop]:
    """Return the loops for hidden states (..., T, B, H)."""
    return read_loops(cell, {"x": hidden, "U": hidden[-1:] * 2}, dtype)


def _lay_out(a: Array, shape: tuple[int, ...], dtype: Any, *, xp: Any) -> Array:
    """Return an array with all its axes in the memory layout that the kernel reads."""
    return xp.ascontiguousarray(xp.astype(xp.broadcast_to(a, shape), dtype, copy=False))


def _stack(state: tuple[Array, ...], hidden: tuple[int, ...], dtype: Any, *, xp: Any) -> Array:
    """Stack the arrays of a state into one, (S, ..., B, H)."""
    shape = (*hidden[:-3], *hidden[-2:])
    return xp.stack([_lay_out(s, shape, dtype, xp=xp) for s in state])


def _read_options(
    mask: Array | None, keep: Array | None, hidden: tuple[int, ...], dtype: Any, *, xp: Any
) -> tuple[Array | None, Array | None]:
    """Return mask (T, B) and keep (..., B, H)."""
    *lead, _, batch, size = hidden
    return (
        None if mask is None else xp.ascontiguousarray(mask[..., 0]),
        None if keep is None else _lay_out(keep, (*lead, batch, size), dtype, xp=xp),
    )


_FUSED = Fused(CuPy())
FUSED = Unroll(_FUSED.unroll, _FUSED.unroll_backward)
obstacle, about = _FUSED.obstacle, _FUSED.about
