"""The plan of every case of benchmarks/gpu.py, for a GPU that need not be there."""

from _gpu.cases import CASES, CHECKED

from xprnn.kernels.cuda.layout import Unplannable, count_needs, read_loops
from xprnn.kernels.cuda.plan import choose


def planned(case, dtype, device):
    """Return rows for a case: its layouts and what they need, or why there are none."""
    where = {"case": str(case), "dtype": dtype}
    try:
        loops = read_loops(case.object, case.shapes, dtype)
        chosen = [(loop, choose(device, loop)) for loop in loops]
    except Unplannable as reason:
        return [{**where, "loop": "both", "reason": str(reason)}]
    return [
        {**where, "loop": loop.name, **made._asdict(), **count_needs(loop, made)._asdict()}
        for loop, made in chosen
    ]


def run(device):
    """Return the rows of all cases that are measured or checked."""
    rows = [row for case in CASES for row in planned(case, "float32", device)]
    return rows + [row for case in CHECKED for row in planned(case, "float64", device)]
