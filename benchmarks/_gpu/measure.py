"""How benchmarks/gpu.py takes times: by turns, synchronised, on the wall clock."""

import gc

import numpy as np
from _common import said, spread

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
    """Return a row for every side, and why some have none.

    A row has the first call and the milliseconds of those that count. Sides take turns, so
    that whatever else happens hits all alike. One that fails is left out.
    """
    first, taken, failed = {}, {name: [] for name in sides}, {}

    def call(name):
        if name in failed:
            return None
        try:
            return once(ground, sides[name])
        except Exception as error:  # of a compiler, a driver or torch
            failed[name] = f"FAILED: {said(error)}"
            return None

    for name in sides:
        first[name] = call(name)
    for name in sides:
        for _ in range(warm if name not in failed and first[name] * warm < seconds else 1):
            call(name)
    gc.collect()
    gc.disable()
    try:
        for _ in range(repeats):
            for name in sides:
                if len(taken[name]) < LEAST or sum(taken[name]) < seconds:
                    taken[name].append(call(name) or 0.0)
    finally:
        gc.enable()
    rows = {
        name: {
            "ms": {k: 1e3 * v for k, v in spread(values).items()},
            "calls": len(values),
            "first_call_ms": 1e3 * first[name],
            **sides[name].about,
        }
        for name, values in taken.items()
        if name not in failed
    }
    return rows, failed


def line(lengths, milliseconds):
    """Return what a step costs and what a call costs beside, in µs, by least squares."""
    step, call = np.polyfit(lengths, np.asarray(milliseconds) * 1e3, 1)
    return {"us_a_step": float(step), "us_a_call": float(call)}
