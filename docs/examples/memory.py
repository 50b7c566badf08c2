"""What back-propagation through 10,000 steps keeps in memory, and what checkpoints save.

    python docs/examples/memory.py            10,000 steps
    python docs/examples/memory.py --short    1,000 steps, in seconds

Back-propagation through time needs the numbers of all steps at once: the memory grows
with the length of the sequence. With ``checkpoint_every=k`` only every k-th state is
kept, and the k steps after it are computed once more when their gradient is due. The
gradient is that of the whole sequence all the same. Memory is needed for T/k states and
for k steps, so k near √T needs the least.

One LSTM of 64 units reads one sequence of random numbers and has to give the sum of the
last two. Each k runs in two processes of its own: one for the time, the shortest of three,
and one for the peak of what Python and NumPy allocate during the gradient
(`tracemalloc`, which would slow the first). Nothing is downloaded.
"""

import argparse
import json
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
from _common import Report

from xprnn import losses, tree, value_and_grad
from xprnn.layers import Dense, Recurrent, Stack

HIDDEN = 64


def gradient(steps, every):
    """Return a function that computes the gradient for one sequence."""
    network = Stack((Recurrent(HIDDEN, "lstm"), Dense(1)))
    rng = np.random.default_rng(0)
    params, _ = network.init(rng, 1)
    x = rng.standard_normal((steps, 1, 1))  # T, B, F
    y = x + np.concatenate([np.zeros((1, 1, 1)), x[:-1]])

    def run():
        _, grads, _ = value_and_grad(
            network, losses.MSE(), params, x, y, checkpoint_every=every, xp=np
        )
        return grads

    return run


def measure(steps, every, what):
    """Measure in this process; return a number, and the gradient as lists."""
    run = gradient(steps, every)
    gradient(10, None)()  # what is loaded on first use is loaded now
    if what == "memory":
        tracemalloc.start()
        grads = run()
        number = tracemalloc.get_traced_memory()[1] / 2**20
    else:
        times = []
        for _ in range(3):
            began = time.perf_counter()
            grads = run()
            times.append(time.perf_counter() - began)
        number = min(times)
    return {
        "number": number,
        "gradient": {name: array.tolist() for name, array in tree.flatten(grads).items()},
    }


def in_a_process(steps, every, what):
    """Run `measure` in a new process."""
    command = [sys.executable, __file__, "--measure", what, "--steps", str(steps)]
    command += [] if every is None else ["--every", str(every)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def difference(grads, exact):
    """Return the largest difference of two gradients, relative to the largest number in each."""
    pairs = [(np.asarray(grads[name]), np.asarray(exact[name])) for name in exact]
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs)


def report(rows, steps):
    """Return the table as text."""
    lines = [f"one LSTM of {HIDDEN} units, one sequence of {steps} steps, float64", ""]
    lines.append("checkpoint_every   peak memory   seconds   gradient differs by")
    for row in rows:
        lines.append(
            f"{row['checkpoint_every'] or 'none':>16}   {row['mib']:7.1f} MiB   "
            f"{row['seconds']:7.2f}   {row['difference']:19.1e}"
        )
    best = min(rows, key=lambda row: row["mib"])
    less, longer = rows[0]["mib"] / best["mib"], best["seconds"] / rows[0]["seconds"]
    lines.append(
        f"\ncheckpoint_every={best['checkpoint_every']} needs 1/{less:.0f} of the memory "
        f"in {longer:.2f} times the time"
    )
    return "\n".join(lines)


def draw(rows, steps):
    """Draw memory and time over k."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    names = [str(row["checkpoint_every"] or "none") for row in rows]
    colors = ["0.55", *["#2166ac"] * (len(rows) - 1)]
    for axis, key, title, form in (
        (axes[0], "mib", "Peak memory in MiB", "{:.1f}"),
        (axes[1], "seconds", "Time in seconds", "{:.2f}"),
    ):
        bars = axis.bar(names, [row[key] for row in rows], color=colors)
        axis.bar_label(bars, fmt=form, padding=2)
        axis.set_title(title, loc="left")
        axis.set_xlabel("checkpoint_every")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set(yscale="log", ylim=(rows[1]["mib"] / 2, 2 * rows[0]["mib"]))
    figure.suptitle(f"The gradient through {steps:,} steps of an LSTM of {HIDDEN} units")
    return figure


def main(arguments=None):
    """Measure every k."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="1,000 steps instead of 10,000")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="write results there")
    for inner in ("--measure", "--steps", "--every"):  # how it calls itself
        kind = str if inner == "--measure" else int
        parser.add_argument(inner, type=kind, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.measure:
        print(json.dumps(measure(options.steps, options.every, options.measure)))
        return None

    steps = 1_000 if options.short else 10_000
    log = Report()
    rows, exact = [], None
    for every in (None, 10, 100, 1000):
        memory = in_a_process(steps, every, "memory")
        timed = in_a_process(steps, every, "time")
        exact = exact or memory["gradient"]
        rows.append({
            "checkpoint_every": every,
            "mib": memory["number"],
            "seconds": timed["number"],
            "difference": difference(memory["gradient"], exact),
        })  # fmt: skip
    numbers = {"steps": steps, "hidden_size": HIDDEN, "rows": rows}
    log.say(report(rows, steps))
    log.write(options.output, "memory", numbers, draw(rows, steps))
    return numbers


if __name__ == "__main__":
    main()
