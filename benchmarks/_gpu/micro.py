"""The ceilings of a GPU, and what launches and exchanges cost: for benchmarks/gpu.py."""

from _common import tf32
from _gpu.cases import FORWARD, STRICT, Case
from _gpu.measure import by_turns, line
from _gpu.sides import Side, loop

from xprnn.kernels.cuda.plan import Plan

RINGS = (1, 8, 32, 128)
"""Blocks that exchange; one exchanges with nobody."""
STEPS = (64, 256, 1024)


def median(ground, call, **how):
    """Return the median seconds of a function."""
    rows, failed = by_turns(ground, {"": Side(call)}, **how)
    if failed:
        raise RuntimeError(failed[""])
    return rows[""]["ms"]["median"] / 1e3


def ceilings(ground, **how):
    """Return what a copy and a product reach."""
    xp, copied, size = ground.xp, 1 << 28, 8192
    if ground.dry:
        copied, size = 1 << 10, 8
    numbers = xp.ones(copied // 4, dtype=xp.float32)
    target = xp.empty_like(numbers)

    def copy():
        target[:] = numbers

    matrix = xp.ones((size, size), dtype=xp.float32) / size
    copying, product = (median(ground, f, **how) for f in (copy, lambda: matrix @ matrix))
    precision = "tf32" if tf32() else STRICT
    return {
        "copy_gb_a_second": 2 * copied / copying / 1e9,
        f"{precision}_product_tflops": 2 * size**3 / product / 1e12,
    }


def launches(ground, count=1000, **how):
    """Return the µs of an empty launch, in a long row and alone."""
    launch = ground.empty_launch()

    def row():
        for _ in range(count):
            launch()

    return {
        "us_in_a_row": 1e6 * median(ground, row, **how) / count,
        "us_alone": 1e6 * median(ground, launch, **how),
    }


def rings(ground, **how):
    """Return what a step costs with one unit in each of some blocks, by their number."""
    found = {}
    steps, sizes = (STEPS, RINGS) if not ground.dry else ((2, 4, 6), (1, 2))
    for blocks in sizes:
        if blocks > ground.launcher.device().multiprocessors:
            continue
        unroll = ground.unroll(lambda device, given, blocks=blocks: Plan(1, blocks, 1, 32))
        taken = []
        for count in steps:
            case = Case("elman", count, 1, blocks, F=1)
            taken.append(
                1e3 * median(ground, loop(ground, case, "float32", unroll)[FORWARD], **how)
            )
        found[blocks] = line(steps, taken)
    return found


def run(ground, **how):
    """Measure all."""
    return {
        "ceilings": ceilings(ground, **how),
        "empty_launch": launches(ground, **how),
        "ring": rings(ground, **how),
    }
