"""How a recurrence is spread over a GPU: see docs/gpu.md.

A group of C blocks runs the loop over time for `rows` rows of the batch. Each block owns
units, and keeps their weights in the registers of its threads. The cost of a layout is counted
in clock cycles of a multiprocessor::

    a step   =  max(products, reads of shared memory) + sums over the lanes of a warp
                + what every step takes + exchange between the blocks, if C > 1
    a launch =  turns · (reading the weights + steps · a step)

The constants are rough, and only their ratios matter: they put layouts in order.

Every layout is a kernel of its own to compile. So a loop has a short list of layouts, which
T, B and the number of models do not change, and the plan is the cheapest of these.
"""

import functools
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from xprnn.kernels.cuda.device import Device

__all__ = [
    "Loop",
    "Plan",
    "Unplannable",
    "candidates",
    "choose",
    "cycles",
    "loop",
    "needs",
    "shortlist",
]

WARP = 32
"""Threads that go together, one lane each."""

SCHEDULERS = 4
"""Warps of a multiprocessor that issue at the same time."""

THREADS = tuple(range(32, 513, 32))
ROWS = (1, 2, 4, 8, 16, 32)

FULL = 256
"""Threads of a block on the short list: no larger block can have all registers a thread can."""

BATCHES = tuple(2**k for k in range(13))
"""B for which the short list has the cheapest layout, so it is no longer than this."""

STEPS = 100
"""T for which it has."""

REGISTERS = 255
"""Most that a thread can have."""

WORKING = 88
"""Registers of a thread beside those for numbers: addresses, counters, what the compiler likes."""

PAIR = 6
"""Numbers of a lane for each gate of a pair: p, what was kept, what the step makes."""

OLDEST = (7, 0)
"""Compute capability from which on memory has the order that the exchange needs."""

EXCHANGE = 1200
"""Cycles until what one multiprocessor wrote is read by another."""

READ = 300
"""Cycles until a word of the second cache is there."""

POLLED = 4
"""Numbers that a thread reads at once when it waits for the others, as in recurrence.cu."""

STEP = 300
"""Cycles for the wait of a block for its own threads, and the step of a cell."""

L2_BYTES = 64
"""Read from the second cache by a multiprocessor in a cycle."""

SHARED_BYTES = 128
"""Read from its shared memory in a cycle."""

SHUFFLES = 5
"""To sum one number over the lanes of a warp; each further number takes one more."""

WORD = 4
"""Bytes of a register."""

TAGGED = 2
"""Words that are exchanged for one: itself and the step it is of."""


class Unplannable(Exception):  # noqa: N818 (a finding, and no mistake of the caller)
    """Why a loop cannot run on a device, in a sentence."""


class Loop(NamedTuple):
    """A loop over time, forward or backward, by what its cost depends on."""

    steps: int
    batch: int
    size: int
    """H."""
    gates: int
    """G."""
    forward: bool
    words: int
    """Registers of a number."""
    models: int

    @property
    def inputs(self) -> int:
        """Numbers that a unit gives to the others at a step: h, or dq."""
        return 1 if self.forward else self.gates

    @property
    def sums(self) -> int:
        """Numbers that a unit needs of all the others at a step: q, or dh."""
        return self.gates if self.forward else 1


class Plan(NamedTuple):
    """A layout of a loop on a device."""

    groups: int
    """Groups of blocks that are on the device at once."""
    blocks: int
    """C, the blocks of a group, each on a multiprocessor of its own."""
    rows: int
    """Of the batch, that a group takes at a time."""
    threads: int
    """Of a block."""


class Needs(NamedTuple):
    """What a block of a plan takes, in the words of recurrence.cu."""

    units: int
    """UNITS, those of a warp."""
    length: int
    """LENGTH, the columns of a lane."""
    registers: int
    """Of a thread."""
    shared: int
    """Bytes."""


def loop(
    *, steps: int, batch: int, size: int, gates: int, forward: bool, dtype: Any, models: int
) -> Loop:
    """Return a loop with the width of its dtype; raise `Unplannable` for what is no float."""
    name = np.dtype(dtype).name
    if name not in ("float32", "float64"):
        raise Unplannable(f"there are kernels for float32 and float64, and this is {name}")
    if not min(steps, batch, size, models):
        raise Unplannable("there is nothing to compute: an axis has no length")
    words = np.dtype(dtype).itemsize // WORD
    return Loop(steps, batch, size, gates, forward, words, models)


class Priced(NamedTuple):
    """A layout and the parts of its cost, in cycles."""

    layout: Plan
    """With one group."""
    reading: float
    """Of the weights, once a turn."""
    step: float


@functools.lru_cache(maxsize=1024)
def choose(device: Device, given: Loop) -> Plan:
    """Return the plan of a loop: the cheapest on its short list.

    Raises
    ------
    Unplannable
        If no layout fits.

    Examples
    --------
    >>> from xprnn.kernels.cuda import device, plan
    >>> elman = {"gates": 1, "forward": True, "dtype": "float32", "models": 1}
    >>> loop = plan.loop(steps=100, batch=256, size=64, **elman)
    >>> plan.choose(device.KNOWN["H100"], loop)
    Plan(groups=128, blocks=1, rows=2, threads=256)
    """
    return _spread(device, given, _cheapest(device, given, shortlist(device, given)))


def shortlist(device: Device, given: Loop) -> tuple[Priced, ...]:
    """Return the layouts from which `choose` takes a plan, the same for all T, B and models.

    For one model, `STEPS` and each of `BATCHES` it has the cheapest layout of `FULL` threads, or
    of any number of threads where none of `FULL` fits.

    Raises
    ------
    Unplannable
        If no layout fits.
    """
    return _shortlist(device, _alike(given))


@functools.lru_cache(maxsize=256)
def _shortlist(device: Device, given: Loop) -> tuple[Priced, ...]:
    """As `shortlist`, for a loop of `_alike`."""
    fitting = _fitting(device, given, (FULL,)) or _fitting(device, given)
    if not fitting:
        raise Unplannable(_reason(device, given))
    priced = {made: Priced(made, *_prices(device, given, made)) for made in fitting}
    sizes = (given._replace(steps=STEPS, batch=batch) for batch in BATCHES)
    best = {_cheapest(device, one, priced.values()) for one in sizes}
    return tuple(priced[made] for made in sorted(best))


def candidates(device: Device, given: Loop) -> tuple[Plan, ...]:
    """Return all layouts that fit, the one of least cost first, to try some.

    What runs is the plan of `choose`, which is often not the first of these.

    Raises
    ------
    Unplannable
        If none fits.
    """
    found = [_spread(device, given, made) for made in _fitting(device, _alike(given))]
    if not found:
        raise Unplannable(_reason(device, _alike(given)))
    return tuple(sorted(found, key=lambda made: (cycles(device, given, made), made)))


def _alike(given: Loop) -> Loop:
    """Return the loop that all have in place of those which differ by T, B and models alone."""
    return given._replace(steps=1, batch=1, models=1)


def _cheapest(device: Device, given: Loop, layouts: Iterable[Priced]) -> Plan:
    """Return the layout of least cost; of several, the first in order."""

    def cost(priced: Priced) -> tuple[float, Plan]:
        tiles = _tiles(given, priced.layout)
        turns = _parts(tiles, _groups(device, tiles, priced.layout))
        return turns * (priced.reading + given.steps * priced.step), priced.layout

    return min(map(cost, layouts))[1]


def _layouts(device: Device, given: Loop, threads: Iterable[int] = THREADS) -> Iterator[Plan]:
    """Yield all layouts of one group and one row, those that don't fit too."""
    for blocks in range(1, min(device.multiprocessors, given.size) + 1):
        if _parts(given.size, _parts(given.size, blocks)) != blocks:
            continue  # as many units a block as with fewer blocks
        for of_a_block in threads:
            if of_a_block <= device.threads:
                yield Plan(1, blocks, 1, of_a_block)


@functools.lru_cache(maxsize=256)
def _fitting(device: Device, given: Loop, threads: tuple[int, ...] = THREADS) -> tuple[Plan, ...]:
    """Return the layouts of one group that fit a loop of `_alike`."""
    if not device.cooperative or device.capability < OLDEST:
        major, minor = device.capability
        raise Unplannable(
            f"{device.name} (compute capability {major}.{minor}) cannot launch blocks that wait "
            f"for one another; that takes {OLDEST[0]}.{OLDEST[1]}"
        )
    found: list[Plan] = []
    for one in _layouts(device, given, threads):
        more = (one._replace(rows=rows) for rows in ROWS)  # each needs more
        found += itertools.takewhile(lambda made: not _excess(device, given, made), more)
    return tuple(found)


def _spread(device: Device, given: Loop, made: Plan) -> Plan:
    """Return a layout with as many groups as there is work and room for."""
    return made._replace(groups=_groups(device, _tiles(given, made), made))


def _tiles(given: Loop, made: Plan) -> int:
    """Return how many tiles a loop has: up to `rows` rows of one model."""
    return given.models * _parts(given.batch, made.rows)


def _groups(device: Device, tiles: int, made: Plan) -> int:
    """Return how many groups have work and room."""
    return min(tiles, device.multiprocessors // made.blocks)


def _parts(whole: int, size: int) -> int:
    """Return how many parts of a size make a whole, the last may be smaller."""
    return -(-whole // size)


def needs(given: Loop, made: Plan) -> Needs:
    """Return what a block of a plan takes.

    Each warp has units of its own. Its lanes share the columns of their weights, and the
    pairs of a row and a unit. The block's shared memory has this step's vector and the
    next one's, and the sums.
    """
    warps = made.threads // WARP
    units = _parts(_parts(given.size, made.blocks), warps)
    length = _parts(given.size * given.inputs, WARP)
    products, pairs = units * given.sums, _parts(made.rows * units, WARP)
    numbers = products * (length + made.rows) + pairs * PAIR * given.gates
    in_shared = made.rows * (2 * WARP * length + warps * products)
    bytes_each = WORD * given.words
    return Needs(units, length, WORKING + given.words * numbers, bytes_each * in_shared)


def _room(device: Device, made: Plan) -> int:
    """Return how many registers a thread can have.

    A scheduler has its share of them for the warps that it issues, and gives them out in eights.
    """
    warps = _parts(made.threads // WARP, SCHEDULERS)
    return min(REGISTERS, device.registers // SCHEDULERS // (warps * WARP) // 8 * 8)


def _excess(device: Device, given: Loop, made: Plan) -> str | None:
    """Return what a plan has too much of."""
    needed, room = needs(given, made), _room(device, made)
    if needed.registers > room:
        return (
            f"a thread would need {needed.registers} registers for its weights and sums, "
            f"and has {room}"
        )
    if needed.shared > device.shared:
        return f"a block would need {needed.shared} bytes of shared memory, and has {device.shared}"
    return None


@functools.lru_cache(maxsize=256)
def _reason(device: Device, given: Loop) -> str:
    """Return why no layout fits, by the one that comes nearest."""

    def lacking(made: Plan) -> tuple[float, int]:
        needed = needs(given, made)
        return max(needed.registers / _room(device, made), 1), needed.shared

    nearest = min(_layouts(device, given), key=lacking)
    return (
        f"{given.size} units with {given.inputs * given.sums * given.size} weights each do not fit "
        f"on the {device.multiprocessors} multiprocessors of {device.name}: with "
        f"{nearest.blocks} block(s) of {nearest.threads} threads "
        f"{_excess(device, given, nearest)}"
    )


def cycles(device: Device, given: Loop, made: Plan) -> float:
    """Return the estimated cost of a plan, in clock cycles of a multiprocessor."""
    reading, step = _prices(device, given, made)
    turns = _parts(_tiles(given, made), made.groups)
    return turns * (reading + given.steps * step)


def _prices(device: Device, given: Loop, made: Plan) -> tuple[float, float]:
    """Return what it costs a group to read its weights, and what a step costs it."""
    needed, warps = needs(given, made), made.threads // WARP
    size = WORD * given.words
    at_once = _parts(warps, SCHEDULERS) * SCHEDULERS  # a scheduler without a warp is idle
    sums = made.rows * needed.units * given.sums
    products = sums * needed.length * at_once * WARP / _rate(device, given)
    reads = made.rows * needed.length * warps * WARP * size / SHARED_BYTES
    reduction = (sums + SHUFFLES - 1) * warps * given.words
    step = max(products, reads) + reduction + STEP
    if made.blocks > 1:
        exchanged = made.rows * given.size * given.inputs
        rounds = _parts(exchanged, POLLED * made.threads)
        step += EXCHANGE + READ * (rounds - 1) + TAGGED * exchanged * size / L2_BYTES
    weights = _parts(given.size, made.blocks) * given.sums * given.size * given.inputs
    return weights * size / L2_BYTES, step


def _rate(device: Device, given: Loop) -> int:
    """Return how many products a multiprocessor begins in a cycle.

    CUDA C++ Programming Guide, Throughput of Native Arithmetic Instructions.
    """
    few = device.capability < (8, 6)  # 64 float32 units up to the A100
    if given.words == 1:
        return 64 if few else 128
    if device.capability == (8, 0):
        return 32
    return {(7, 0): 32, (9, 0): 64, (10, 0): 64}.get(device.capability, 2)
