"""An estimate of a layout's cost on a GPU, in clock cycles of a multiprocessor.

::

    a step   =  max(products, reads of shared memory) + sums over the lanes of a warp
                + what every step takes + exchange between the blocks, if C > 1
    a launch =  turns · (reading the weights + steps · a step)

The constants are rough, and only their ratios matter, since they only rank layouts.
"""

from typing import NamedTuple

from xprnn.kernels.cuda.device import Device
from xprnn.kernels.cuda.layout import SCHEDULERS, WARP, WORD, Loop, Plan, count_needs, count_parts

EXCHANGE = 1200
"""The cycles until one multiprocessor can read what another wrote."""

READ = 300
"""The cycles until a word arrives from the L2 cache."""

POLLED = 4
"""The numbers that a thread reads at once while waiting for the others, as in recurrence.cu."""

STEP = 300
"""The cycles for a block to wait for its own threads, and for the step of a cell."""

L2_BYTES = 64
"""The bytes that a multiprocessor reads from the L2 cache in a cycle."""

SHARED_BYTES = 128
"""The bytes that it reads from shared memory in a cycle."""

SHUFFLES = 5
"""The shuffles that sum one number over the lanes of a warp; each further number takes one more."""

TAGGED = 2
"""The words exchanged for each word of a number: the word and its step number."""


class Priced(NamedTuple):
    """A layout and the parts of its cost, in cycles."""

    layout: Plan
    """The layout, with one group."""
    reading: float
    """The cycles for reading the weights, once in each turn."""
    step: float

    def tiles(self, loop: Loop) -> int:
        """Return the number of tiles of a loop, each with up to `rows` rows of one model."""
        return loop.models * count_parts(loop.batch, self.layout.rows)

    def groups(self, device: Device, loop: Loop) -> int:
        """Return the number of groups that have both work and room."""
        return min(self.tiles(loop), device.multiprocessors // self.layout.blocks)

    def cost(self, loop: Loop, groups: int) -> float:
        """Return the cycles of a launch."""
        turns = count_parts(self.tiles(loop), groups)
        return turns * (self.reading + loop.steps * self.step)


def price(device: Device, loop: Loop, plan: Plan) -> Priced:
    """Return a layout with its price, which does not depend on T, B or the number of models."""
    needed, warps = count_needs(loop, plan), plan.threads // WARP
    size = WORD * loop.words
    at_once = count_parts(warps, SCHEDULERS) * SCHEDULERS  # a scheduler without a warp is idle
    sums = plan.rows * needed.units * loop.sums
    products = sums * needed.length * at_once * WARP / _rate(device, loop)
    reads = plan.rows * needed.length * warps * WARP * size / SHARED_BYTES
    reduction = (sums + SHUFFLES - 1) * warps * loop.words
    step = max(products, reads) + reduction + STEP
    if plan.blocks > 1:
        exchanged = plan.rows * loop.size * loop.inputs
        rounds = count_parts(exchanged, POLLED * plan.threads)
        step += EXCHANGE + READ * (rounds - 1) + TAGGED * exchanged * size / L2_BYTES
    weights = count_parts(loop.size, plan.blocks) * loop.sums * loop.size * loop.inputs
    return Priced(plan._replace(groups=1), weights * size / L2_BYTES, step)


def _rate(device: Device, loop: Loop) -> int:
    """Return the number of products that a multiprocessor starts in a cycle.

    CUDA C++ Programming Guide, Throughput of Native Arithmetic Instructions.
    """
    few = device.capability < (8, 6)  # 64 float32 units up to the A100
    if loop.words == 1:
        return 64 if few else 128
    if device.capability == (8, 0):
        return 32
    return {(7, 0): 32, (9, 0): 64, (10, 0): 64}.get(device.capability, 2)
