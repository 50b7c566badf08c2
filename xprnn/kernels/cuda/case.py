"""The loops of a case, forward and backward, and their plans."""

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from xprnn.cells import Cell
from xprnn.kernels.cuda.device import Device
from xprnn.kernels.cuda.layout import Loop, Plan, loop, needs
from xprnn.kernels.cuda.plan import choose


class Plans(NamedTuple):
    """The layouts of a recurrence."""

    forward: Plan
    backward: Plan


def loops(cell: Cell, shapes: dict[str, tuple[int, ...]], dtype: Any) -> tuple[Loop, Loop]:
    """Return the loop forward and the loop backward of a case, given as to `kernels.lookup`."""
    return _loops(cell.gates, shapes["x"], shapes["U"], dtype)


@functools.lru_cache(maxsize=1024)
def _loops(gates: int, x: tuple[int, ...], U: tuple[int, ...], dtype: Any) -> tuple[Loop, Loop]:
    """As `loops`."""
    *x_lead, steps, batch, _ = x
    *u_lead, size, _ = U
    models = math.prod(np.broadcast_shapes(tuple(x_lead), tuple(u_lead)))
    sizes = {"steps": steps, "batch": batch, "size": size, "gates": gates, "models": models}
    forward = loop(forward=True, dtype=dtype, **sizes)
    return forward, forward._replace(forward=False)


def plans(cell: Cell, device: Device, shapes: dict[str, tuple[int, ...]], dtype: Any) -> Plans:
    """Return the plans of a case; raise `Unplannable` if one of the two has none."""
    return Plans(*(choose(device, given) for given in loops(cell, shapes, dtype)))


def describe(cell: Cell, device: Device, shapes: dict[str, tuple[int, ...]], dtype: Any) -> str:
    """Return the plans of a case in words."""
    lines = [f"one launch on {device.name}"]
    for name, given, made in zip(
        Plans._fields, loops(cell, shapes, dtype), plans(cell, device, shapes, dtype), strict=True
    ):
        needed = needs(given, made)
        lines.append(
            f"{name}: {made.groups} group(s) of {made.blocks} block(s) of {made.threads} threads, "
            f"{made.rows} row(s) of the batch at a time; about {needed.registers} registers a "
            f"thread and {needed.shared} bytes of shared memory a block"
        )
    return "\n  ".join(lines)
