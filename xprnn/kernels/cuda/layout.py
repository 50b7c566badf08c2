"""The layouts of a loop over time on a GPU, and what each needs; see docs/gpu.md.

A group of C blocks runs the loop for `rows` rows of the batch. Each block owns some units, and
keeps their weights in the registers of its threads.
"""

import functools
import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from xprnn._typing import Shapes
from xprnn.cells import Cell
from xprnn.kernels.cuda.device import Device

WARP = 32
"""The threads that run together, one in each lane."""

SCHEDULERS = 4
"""The warps of a multiprocessor that can issue at the same time."""

THREADS = tuple(range(32, 513, 32))
ROWS = (1, 2, 4, 8, 16, 32)

REGISTERS = 255
"""The most registers that a thread can have."""

WORKING = 88
"""The registers of a thread for addresses, counters and the compiler, not for numbers."""

PAIR = 6
"""The numbers of a lane for each gate of a pair: p, kept values, results of the step."""

OLDEST = (7, 0)
"""The first compute capability with the memory order that the exchange needs."""

WORD = 4
"""The bytes of a register."""


class Unplannable(Exception):  # noqa: N818 (a finding, and no mistake of the caller)
    """A loop can't run on a device; the message says why in a sentence."""


class Loop(NamedTuple):
    """A loop over time, forward or backward, described by what its cost depends on."""

    steps: int
    batch: int
    size: int
    """H."""
    gates: int
    """G."""
    forward: bool
    words: int
    """The registers that a number takes."""
    models: int

    @property
    def name(self) -> str:
        """``"forward"`` or ``"backward"``."""
        return "forward" if self.forward else "backward"

    @property
    def inputs(self) -> int:
        """The numbers that a unit sends to the others at a step: h, or dq."""
        return 1 if self.forward else self.gates

    @property
    def sums(self) -> int:
        """The numbers that a unit sums over all the others at a step: q, or dh."""
        return self.gates if self.forward else 1


class Plan(NamedTuple):
    """A layout of a loop on a device."""

    groups: int
    """The number of groups of blocks that are on the device at once."""
    blocks: int
    """C, the number of blocks in a group, each on its own multiprocessor."""
    rows: int
    """The number of rows of the batch that a group processes at a time."""
    threads: int
    """The number of threads in a block."""


class Needs(NamedTuple):
    """The resources that a block of a plan needs, with the names in recurrence.cu."""

    units: int
    """UNITS, the number of units of a warp."""
    length: int
    """LENGTH, the number of columns of a lane."""
    registers: int
    """The number of registers of a thread."""
    shared: int
    """The bytes of shared memory."""


def read_loops(cell: Cell, shapes: Shapes, dtype: Any) -> tuple[Loop, Loop]:
    """Return the forward and the backward loop of a case of `kernels.lookup`."""
    return _read_loops(cell.gates, shapes["x"], shapes["U"], dtype)


@functools.lru_cache(maxsize=1024)
def _read_loops(
    gates: int, x: tuple[int, ...], U: tuple[int, ...], dtype: Any
) -> tuple[Loop, Loop]:
    """Do the work of `read_loops`."""
    *x_lead, steps, batch, _ = x
    *u_lead, size, _ = U
    models = math.prod(np.broadcast_shapes(tuple(x_lead), tuple(u_lead)))
    sizes = {"steps": steps, "batch": batch, "size": size, "gates": gates, "models": models}
    forward = read_loop(forward=True, dtype=dtype, **sizes)
    return forward, forward._replace(forward=False)


def read_loop(
    *, steps: int, batch: int, size: int, gates: int, forward: bool, dtype: Any, models: int
) -> Loop:
    """Return a loop with the width of its dtype; raise `Unplannable` for other dtypes."""
    name = np.dtype(dtype).name
    if name not in ("float32", "float64"):
        raise Unplannable(f"there are kernels for float32 and float64, and this is {name}")
    if not min(steps, batch, size, models):
        raise Unplannable("there is nothing to compute: an axis has length 0")
    return Loop(
        steps=steps,
        batch=batch,
        size=size,
        gates=gates,
        forward=forward,
        words=np.dtype(dtype).itemsize // WORD,
        models=models,
    )


def count_needs(loop: Loop, plan: Plan) -> Needs:
    """Return the resources that a block of a plan needs.

    Each warp has its own units. Its lanes share the columns of the units' weights, and the pairs
    of a row and a unit. The block's shared memory holds this step's and the next step's vectors,
    and the sums.
    """
    warps = plan.threads // WARP
    units = count_parts(count_parts(loop.size, plan.blocks), warps)
    length = count_parts(loop.size * loop.inputs, WARP)
    products, pairs = units * loop.sums, count_parts(plan.rows * units, WARP)
    numbers = products * (length + plan.rows) + pairs * PAIR * loop.gates
    in_shared = plan.rows * (2 * WARP * length + warps * products)
    bytes_each = WORD * loop.words
    return Needs(units, length, WORKING + loop.words * numbers, bytes_each * in_shared)


@functools.lru_cache(maxsize=256)
def list_fitting(
    device: Device, loop: Loop, threads: tuple[int, ...] = THREADS
) -> tuple[Plan, ...]:
    """Return the layouts that fit, each with one group, for any T, B and number of models."""
    if _explain_age(device):
        return ()
    found: list[Plan] = []
    for one in _list_layouts(device, loop, threads):
        more = (one._replace(rows=rows) for rows in ROWS)  # each further layout needs more
        found += itertools.takewhile(lambda plan: not _explain_excess(device, loop, plan), more)
    return tuple(found)


@functools.lru_cache(maxsize=256)
def explain_misfit(device: Device, loop: Loop) -> str:
    """Say why no layout fits, using the closest one as an example."""
    if reason := _explain_age(device):
        return reason

    def lacking(plan: Plan) -> tuple[float, int]:
        needed = count_needs(loop, plan)
        return max(needed.registers / _count_room(device, plan), 1), needed.shared

    nearest = min(_list_layouts(device, loop), key=lacking)
    return (
        f"{loop.size} units with {loop.inputs * loop.sums * loop.size} weights each do not fit "
        f"on the {device.multiprocessors} multiprocessors of {device.name}: with "
        f"{nearest.blocks} block(s) of {nearest.threads} threads "
        f"{_explain_excess(device, loop, nearest)}"
    )


def _explain_age(device: Device) -> str | None:
    """Say why a device can't run any layout."""
    if device.cooperative and device.capability >= OLDEST:
        return None
    major, minor = device.capability
    return (
        f"{device.name} (compute capability {major}.{minor}) cannot launch blocks that wait "
        f"for one another; that takes {OLDEST[0]}.{OLDEST[1]}"
    )


def _list_layouts(device: Device, loop: Loop, threads: tuple[int, ...] = THREADS) -> Iterator[Plan]:
    """Yield all layouts with one group and one row, including those that don't fit."""
    for blocks in range(1, min(device.multiprocessors, loop.size) + 1):
        if count_parts(loop.size, count_parts(loop.size, blocks)) != blocks:
            continue  # as many units per block as with fewer blocks
        for of_a_block in threads:
            if of_a_block <= device.threads:
                yield Plan(1, blocks, 1, of_a_block)


def _count_room(device: Device, plan: Plan) -> int:
    """Return the number of registers that a thread can have.

    A scheduler has its share of the registers for the warps that it issues, and allocates them in
    groups of eight.
    """
    warps = count_parts(plan.threads // WARP, SCHEDULERS)
    return min(REGISTERS, device.registers // SCHEDULERS // (warps * WARP) // 8 * 8)


def _explain_excess(device: Device, loop: Loop, plan: Plan) -> str | None:
    """Say which resource a plan needs too much of."""
    needed, room = count_needs(loop, plan), _count_room(device, plan)
    if needed.registers > room:
        return (
            f"a thread would need {needed.registers} registers for its weights and sums, "
            f"and has {room}"
        )
    if needed.shared > device.shared:
        return f"a block would need {needed.shared} bytes of shared memory, and has {device.shared}"
    return None


def count_parts(whole: int, size: int) -> int:
    """Return the number of parts of a size in a whole; the last part may be smaller."""
    return -(-whole // size)
