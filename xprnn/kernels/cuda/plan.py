"""Which layout a loop over time has on a GPU: see docs/gpu.md.

Every layout is a kernel of its own to compile. So a loop has a short list of layouts, which
T, B and the number of models do not change, and the plan is the cheapest of these.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from xprnn._typing import Shapes
from xprnn.cells import Cell
from xprnn.kernels.cuda.cost import Priced, priced
from xprnn.kernels.cuda.device import Device
from xprnn.kernels.cuda.layout import (
    WARP,
    Loop,
    Plan,
    Unplannable,
    fitting,
    loops,
    misfit,
    needs,
)

FULL = 256
"""Threads of the blocks on the short list, fewer where that were more warps than units.

No larger block can have all the registers that a thread can have.
"""

BATCHES = tuple(2**k for k in range(13))
"""B for which the short list has the cheapest layout, so it is no longer than this."""

STEPS = 100
"""T for which it has."""


class Plans(NamedTuple):
    """The layouts of a recurrence."""

    forward: Plan
    backward: Plan


@functools.lru_cache(maxsize=1024)
def choose(device: Device, given: Loop) -> Plan:
    """Return the plan of a loop: the cheapest on its short list.

    Raises
    ------
    Unplannable
        If no layout fits.

    Examples
    --------
    >>> from xprnn.kernels.cuda import device, layout, plan
    >>> elman = {"gates": 1, "forward": True, "dtype": "float32", "models": 1}
    >>> loop = layout.loop(steps=100, batch=256, size=64, **elman)
    >>> plan.choose(device.KNOWN["H100"], loop)
    Plan(groups=128, blocks=1, rows=2, threads=256)
    """
    cheapest = min(shortlist(device, _alike(given)), key=_order(device, given))
    return _spread(device, given, cheapest)


def plans(cell: Cell, device: Device, shapes: Shapes, dtype: Any) -> Plans:
    """Return the plans of a case; raise `Unplannable` if one of the two has none."""
    return Plans(*(choose(device, given) for given in loops(cell, shapes, dtype)))


def describe(cell: Cell, device: Device, shapes: Shapes, dtype: Any) -> str:
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


@functools.lru_cache(maxsize=256)
def shortlist(device: Device, given: Loop) -> tuple[Priced, ...]:
    """Return the layouts from which `choose` takes a plan, the same for all T, B and models.

    For one model, `STEPS` and each of `BATCHES` it has the cheapest layout with blocks of `FULL`
    threads, or with any blocks where no such layout fits.

    Raises
    ------
    Unplannable
        If no layout fits.
    """
    alike = _alike(given)
    full = min(FULL, WARP * given.size)
    found = fitting(device, alike, (full,)) or _fitting(device, alike)
    prices = [priced(device, alike, made) for made in found]
    sizes = (alike._replace(steps=STEPS, batch=batch) for batch in BATCHES)
    return tuple(sorted({min(prices, key=_order(device, one)) for one in sizes}))


def candidates(device: Device, given: Loop) -> tuple[Plan, ...]:
    """Return all layouts that fit, the one of least cost first, to try some.

    What runs is the plan of `choose`, which is often not the first of these.

    Raises
    ------
    Unplannable
        If none fits.
    """
    prices = (priced(device, given, made) for made in _fitting(device, _alike(given)))
    in_order = sorted(prices, key=_order(device, given))
    return tuple(_spread(device, given, one) for one in in_order)


def _fitting(device: Device, given: Loop) -> tuple[Plan, ...]:
    """Return the layouts that fit; raise `Unplannable` if there are none."""
    found = fitting(device, given)
    if not found:
        raise Unplannable(misfit(device, given))
    return found


def _alike(given: Loop) -> Loop:
    """Return the loop that all have in place of those which differ by T, B and models alone."""
    return given._replace(steps=1, batch=1, models=1)


def _order(device: Device, given: Loop) -> Callable[[Priced], tuple[float, Plan]]:
    """Return by what layouts are put in order: the cost, and where it is the same the layout."""
    return lambda one: (one.cost(given, one.groups(device, given)), one.layout)


def _spread(device: Device, given: Loop, one: Priced) -> Plan:
    """Return a layout with as many groups as have work and room."""
    return one.layout._replace(groups=one.groups(device, given))
