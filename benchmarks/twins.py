"""The compiled loop against the reference: which cases are better served by which.

    python benchmarks/twins.py             all of it; some minutes
    python benchmarks/twins.py --quick     the small cases

Forward + backward of a recurrent layer with a dense one on top, on NumPy, with the
compiled loop and with `XPRNN_KERNELS=reference`, by turns. `kernels.TWINS` prefers
what is faster here.
"""

import math
import os
import statistics
import sys
import time

import numpy as np
from _common import add_output, machine, parser, table, write
from _peers import CASES, Problem

from xprnn import kernels, losses, value_and_grad

SMALL = (5, 1, 1, 4, 1)
QUICK = (SMALL, (1000, 1, 1, 32, 1), (100, 32, 8, 64, 1))
TURNS, SECONDS = 3, 0.15


def step(case, cell, dtype):
    """Return a function that takes a gradient in a workspace."""
    problem, loss = Problem(*case, cell, dtype), losses.MSE()
    (x, y), params, network = problem.data(), problem.weights(), problem.network
    return lambda xp: value_and_grad(network, loss, params, x, y, xp=xp)


def turn(gradient, loop):
    """Return the milliseconds of one gradient, the median of some."""
    os.environ["XPRNN_KERNELS"] = loop
    taken, start = [], time.perf_counter()
    with kernels.workspace(np) as xp:
        gradient(xp)
        while len(taken) < 2 or time.perf_counter() - start < SECONDS:
            began = time.perf_counter()
            gradient(xp)
            taken.append(time.perf_counter() - began)
    return 1e3 * statistics.median(taken)


def measure(case, cell, dtype, turns):
    """Return a row: the milliseconds of both loops."""
    gradient, taken = step(case, cell, dtype), {"": [], "reference": []}
    for _ in range(turns):
        for loop, values in taken.items():
            values.append(turn(gradient, loop))
    compiled, reference = (statistics.median(values) for values in taken.values())
    return {
        "case": case,
        "cell": cell,
        "dtype": dtype,
        "compiled_ms": compiled,
        "reference_ms": reference,
        "ratio": reference / compiled,
    }


def main():
    """Measure, print, write."""
    made = parser(__doc__)
    add_output(made)
    options = made.parse_args()
    print(kernels.status())
    rows = [
        measure(case, cell, dtype, 2 if options.quick else TURNS)
        for case in (QUICK if options.quick else (SMALL, *CASES))
        for cell in ("elman", "lstm", "gru")
        for dtype in ("float32", "float64")
    ]
    head = ("T, B, F, H, O", "cell", "dtype", "compiled ms", "reference ms", "reference/compiled")
    lines = [
        (
            ", ".join(map(str, row["case"])),
            row["cell"],
            row["dtype"],
            f"{row['compiled_ms']:.3f}",
            f"{row['reference_ms']:.3f}",
            f"{row['ratio']:.2f}",
        )
        for row in rows
    ]
    mean = math.exp(statistics.fmean(math.log(row["ratio"]) for row in rows))
    about = machine()
    text = (
        f"{about['date']}, {about['cpu']}, {kernels.thread_count()} threads\n\n"
        f"{table(head, lines)}\n\nreference/compiled, geometric mean: {mean:.2f}"
    )
    print(text)
    write(options.output, "twins", {"machine": about, "rows": rows})
    (options.output / "twins.txt").write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
