"""Choose the layout of a loop over time on a GPU; see docs/gpu.md.

Every layout is a separate kernel to compile. So a loop has a short list of layouts, which does not
depend on T, B or the number of models, and the plan is the cheapest of these.
"""

import functools
from collections.abc import Callable
from typing import Any

from xprnn._typing import Shapes
from xprnn.cells import Cell
from xprnn.kernels.cuda.cost import Priced, price
from xprnn.kernels.cuda.device import Device
from xprnn.kernels.cuda.layout import (
    WARP,
    Loop,
    Plan,
    Unplannable,
    count_needs,
    explain_misfit,
    list_fitting,
    read_loops,
)

FULL = 256
"""The threads of a block on the short list, or fewer if there would be more warps than units. In a
larger block a thread could not have the maximum number of registers.
"""

BATCHES = tuple(2**k for k in range(13))
"""The B for which the short list has the cheapest layout; the list is no longer than this."""

STEPS = 100
"""The T for which the layouts on the short list are the cheapest."""


@functools.lru_cache(maxsize=1024)
def choose(device: Device, loop: Loop) -> Plan:
    """Return the plan of a loop: the cheapest layout on its short list.

    Raises
    ------
    Unplannable
        If no layout fits.

    Examples
    --------
    >>> from xprnn.kernels.cuda import device, layout, plan
    >>> elman = {"gates": 1, "forward": True, "dtype": "float32", "models": 1}
    >>> loop = layout.read_loop(steps=100, batch=256, size=64, **elman)
    >>> plan.choose(device.KNOWN["H100"], loop)
    Plan(groups=128, blocks=1, rows=2, threads=256)
    """
    cheapest = min(shortlist(device, loop), key=_order(device, loop))
    return _spread(device, loop, cheapest)


def describe(cell: Cell, device: Device, shapes: Shapes, dtype: Any) -> str:
    """Describe the plans of a case; raise `Unplannable` if one of the two loops has none."""
    lines = [f"one launch on {device.name}"]
    for loop in read_loops(cell, shapes, dtype):
        plan = choose(device, loop)
        needed = count_needs(loop, plan)
        lines.append(
            f"{loop.name}: {plan.groups} group(s) of {plan.blocks} block(s) of {plan.threads} "
            f"threads, {plan.rows} row(s) of the batch at a time; about {needed.registers} "
            f"registers a thread and {needed.shared} bytes of shared memory a block"
        )
    return "\n  ".join(lines)


def shortlist(device: Device, loop: Loop) -> tuple[Priced, ...]:
    """Return the layouts from which `choose` takes a plan, the same for all T, B and models.

    For one model, `STEPS` and each of `BATCHES`, the list has the cheapest layout with blocks of
    `FULL` threads, or with any blocks if no such layout fits.

    Raises
    ------
    Unplannable
        If no layout fits.
    """
    return _shortlist(device, _normalize(loop))


@functools.lru_cache(maxsize=256)
def _shortlist(device: Device, loop: Loop) -> tuple[Priced, ...]:
    """Do the work of `shortlist`, for a loop from `_normalize`."""
    full = min(FULL, WARP * loop.size)
    layouts = list_fitting(device, loop, (full,)) or _list_fitting(device, loop)
    prices = [price(device, loop, plan) for plan in layouts]
    sizes = (loop._replace(steps=STEPS, batch=batch) for batch in BATCHES)
    return tuple(sorted({min(prices, key=_order(device, one)) for one in sizes}))


def list_candidates(device: Device, loop: Loop) -> tuple[Plan, ...]:
    """Return all layouts that fit, the cheapest first, to try some.

    The plan that runs is that of `choose`, which is often not the first of these.

    Raises
    ------
    Unplannable
        If no layout fits.
    """
    prices = (price(device, loop, plan) for plan in _list_fitting(device, _normalize(loop)))
    in_order = sorted(prices, key=_order(device, loop))
    return tuple(_spread(device, loop, one) for one in in_order)


def _list_fitting(device: Device, loop: Loop) -> tuple[Plan, ...]:
    """Return the layouts that fit; raise `Unplannable` if there are none."""
    found = list_fitting(device, loop)
    if not found:
        raise Unplannable(explain_misfit(device, loop))
    return found


def _normalize(loop: Loop) -> Loop:
    """Return the representative of all loops that differ only in T, B and number of models."""
    return loop._replace(steps=1, batch=1, models=1)


def _order(device: Device, loop: Loop) -> Callable[[Priced], tuple[float, Plan]]:
    """Return a sort key for layouts: the cost, then the layout itself."""
    return lambda one: (one.cost(loop, one.groups(device, loop)), one.layout)


def _spread(device: Device, loop: Loop, one: Priced) -> Plan:
    """Return a layout with as many groups as have both work and room."""
    return one.layout._replace(groups=one.groups(device, loop))
