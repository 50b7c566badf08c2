"""What must hold before benchmarks/gpu.py takes a time."""

import numpy as np
from _gpu_cases import CHECKED, SMALL, STEP, WIDE
from _gpu_sides import loop

from xprnn import tree
from xprnn.backend import to_host
from xprnn.recurrence import REFERENCE

DOUBLE, SINGLE = 1e-12, 1e-4
"""How far a result may be from the reference in float64, by the norm; TF32 is farther."""
TIMES = 1000


class Wrong(Exception):  # noqa: N818 (what is wrong, and no error of the script)
    """What the kernels compute is not what they should."""


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


def against_the_reference(ground, unroll, cases):
    """Return the distances of every case; raise `Wrong` for one that is too large."""
    rows = []
    for seed, case in enumerate(cases):
        expected = results(ground, case, "float64", REFERENCE, seed)
        for dtype, limit in (("float64", DOUBLE), ("float32", SINGLE)):
            row = {"case": str(case), "dtype": dtype}
            if reason := ground.obstacle(case, dtype):
                rows.append({**row, "reason": reason})
                continue
            try:
                distance = apart(results(ground, case, dtype, unroll, seed), expected)
            except Exception as error:  # of a compiler or a driver
                raise Wrong(f"{case}, {dtype}: {error!r}") from error
            rows.append({**row, "distance": distance})
            if not distance <= limit:
                raise Wrong(f"{case}, {dtype}: {distance:.1e} from the reference, not {limit:g}")
    return rows


def always_the_same(ground, unroll, case, times):
    """Raise `Wrong` unless a case gives the same bits every time."""
    xp, step = ground.xp, loop(ground, case, "float32", unroll)[STEP]

    def bits():
        y, _, (grads, dx, _) = step()
        return [y, dx, *tree.leaves(grads)]

    first, different = bits(), 0
    for _ in range(times - 1):
        for a, b in zip(first, bits(), strict=True):
            different = different + xp.sum(xp.astype(a != b, xp.int64))
    if int(different):
        raise Wrong(f"{case}: {int(different)} numbers changed in {times} repetitions")


def run(ground):
    """Check all; return what was found, or raise `Wrong`."""
    unroll = ground.unroll()
    cases, case, times = (SMALL, SMALL[0], 3) if ground.dry else (CHECKED, WIDE, TIMES)
    rows = against_the_reference(ground, unroll, cases)
    if not any("distance" in row for row in rows):
        raise Wrong("our loop ran no case: " + rows[0]["reason"])
    if ground.obstacle(case, "float32") is None:
        always_the_same(ground, unroll, case, times)
    return {"distances": rows, "repetitions": times}
