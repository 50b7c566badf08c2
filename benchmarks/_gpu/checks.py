"""What must hold of a cell before benchmarks/gpu.py times it."""

import numpy as np
from _common import said, tf32
from _gpu.cases import CHECKED, REPEATED, SMALL, STEP
from _gpu.sides import loop

from xprnn import tree
from xprnn.backend import to_host
from xprnn.recurrence import REFERENCE

LIMITS = {"float64": 1e-12, "float32": 1e-2 if tf32() else 1e-4}
"""How far a result may be from the reference in float64, by the norm."""
TIMES = 1000
RIGHT, NOT_RUN = "right", "not run: "


class Poisoned:
    """A namespace whose new arrays hold NaN: what a kernel leaves out is seen."""

    def __init__(self, xp):
        self.xp = xp

    def __getattr__(self, name):
        return getattr(self.xp, name)

    def empty(self, shape, *, dtype=None, device=None):
        """Return an array of NaN."""
        return self.xp.full(shape, float("nan"), dtype=dtype, device=device)


def apart(found, expected):
    """Return the largest distance of an array from what it should be, over its norm."""
    found, expected = (tree.flatten(tree.map(to_host, t)) for t in (found, expected))
    distances = [0.0]
    for name, array in expected.items():
        norm = np.linalg.norm(array)
        distances.append(float(np.linalg.norm(found[name] - array)) / float(norm or 1))
    return max(distances) if np.isfinite(distances).all() else float("inf")


def results(ground, case, dtype, unroll, seed):
    """Return y, the last state and all gradients, in memory that was poisoned."""
    xp = Poisoned(ground.xp)
    y, end, (grads, dx, dstate) = loop(ground, case, dtype, unroll, seed, xp)[STEP]()
    return {"y": y, "end": end, "grads": grads, "dx": dx, "dstate": dstate}


def against_the_reference(ground, case, dtype, seed):
    """Return the distance of a case from the reference, and the verdict."""
    if reason := ground.obstacle(case, dtype):
        return {"verdict": NOT_RUN + reason}
    expected = results(ground, case, "float64", REFERENCE, seed)
    distance = apart(results(ground, case, dtype, ground.unroll(), seed), expected)
    limit = LIMITS[dtype]
    wrong = f"WRONG: {distance:.1e} from the reference, not {limit:g}"
    return {"distance": distance, "verdict": RIGHT if distance <= limit else wrong}


def always_the_same(ground, case, dtype, times):
    """Return whether a case gives the same bits every time."""
    if reason := ground.obstacle(case, dtype):
        return {"verdict": NOT_RUN + reason}
    xp, step = ground.xp, loop(ground, case, dtype, ground.unroll())[STEP]

    def bits():
        y, _, (grads, dx, _) = step()
        return [y, dx, *tree.leaves(grads)]

    first, different = bits(), 0
    for _ in range(times - 1):
        for a, b in zip(first, bits(), strict=True):
            different = different + xp.sum(xp.astype(a != b, xp.int64))
    changed = int(different)
    wrong = f"WRONG: {changed} numbers changed in {times} repetitions"
    return {"times": times, "verdict": wrong if changed else RIGHT}


def judged(check, ground, case, dtype, argument):
    """Return the row of a check; one that fails has that for its verdict."""
    row = {"case": str(case), "dtype": dtype, "check": check.__name__.replace("_", " ")}
    try:
        return row | check(ground, case, dtype, argument)
    except Exception as error:  # of a planner, a compiler or a driver
        return row | {"verdict": f"FAILED: {said(error)}"}


def run(ground, cell):
    """Hold all results of a cell to the reference; return the rows, and what is wrong."""
    cases, repeated, times = (SMALL, SMALL, 3) if ground.dry else (CHECKED, REPEATED, TIMES)
    rows = [
        judged(against_the_reference, ground, case, dtype, seed)
        for seed, case in enumerate(cases)
        if case.cell == cell
        for dtype in LIMITS
    ]
    rows += [
        judged(always_the_same, ground, case, "float32", times)
        for case in repeated
        if case.cell == cell
    ]
    wrong = [row for row in rows if not row["verdict"].startswith((RIGHT, NOT_RUN))]
    found = {"rows": rows}
    if wrong:
        what = (f"{row['case']}, {row['dtype']}: {row['verdict']}" for row in wrong)
        found["wrong"] = "; ".join(what)
    elif not any("distance" in row for row in rows):
        found["wrong"] = f"our loop ran no case: {rows[0]['verdict']}"
    return found
