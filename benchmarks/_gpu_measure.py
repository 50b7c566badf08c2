"""How benchmarks/gpu.py takes times: by turns, synchronised, on the wall clock."""

import gc

import numpy as np
from _common import spread

WARM, REPEATS = 10, 30
SECONDS = 3.0
"""A side that has taken so long is not called again: some make 64 slow calls."""
LEAST = 5
"""Calls that count, however slow."""


def once(ground, side):
    """Return the seconds of one call, with the device idle before and after."""
    with side.setting():
        ground.wait()
        start = ground.clock()
        side.call()
        ground.wait()
        return ground.clock() - start


def by_turns(ground, sides, warm=WARM, repeats=REPEATS, seconds=SECONDS):
    """Return a row for every side: its first call, and the milliseconds of those that count.

    Sides take turns, so that whatever else happens hits all alike.
    """
    first = {name: once(ground, side) for name, side in sides.items()}
    for name, side in sides.items():
        for _ in range(warm if first[name] * warm < seconds else 1):
            once(ground, side)
    taken = {name: [] for name in sides}
    gc.collect()
    gc.disable()
    try:
        for _ in range(repeats):
            for name, side in sides.items():
                if len(taken[name]) < LEAST or sum(taken[name]) < seconds:
                    taken[name].append(once(ground, side))
    finally:
        gc.enable()
    return {
        name: {
            "ms": {k: 1e3 * v for k, v in spread(values).items()},
            "calls": len(values),
            "first_call_ms": 1e3 * first[name],
        }
        for name, values in taken.items()
    }


def line(lengths, milliseconds):
    """Return what a step costs and what a call costs beside, in µs, by least squares."""
    step, call = np.polyfit(lengths, np.asarray(milliseconds) * 1e3, 1)
    return {"us_a_step": float(step), "us_a_call": float(call)}
