"""Time and memory of a training step against T steps, B sequences and H hidden units.

    python benchmarks/scaling.py            all sizes; minutes
    python benchmarks/scaling.py --quick    small ones, seconds

Measured is forward + backward, `xprnn.value_and_grad` in a workspace of NumPy as `fit`
has it, with all gradients, in float32; against T also an epoch of `xprnn.fit` with plain
SGD on the full batch, from the end of the first on. Repeats go by turns over the sizes,
and shown are medians with 10 % and 90 %.

Memory is the peak that tracemalloc sees of Python and NumPy in a step, beyond data and
weights: a first step in a new workspace, whose memory is all new. It counts the bytes of
arrays exactly, and not what BLAS takes for itself.

Back-propagation through time takes T steps of equal work, so that the time per step
should stay as it is, whatever T: asked is that from T = 1000 on its largest median is
within 10 % of its smallest. What every call takes besides, whatever T, is shared out among
its steps, and weighs on the short ones; "µs of a further step" is without it, the time
between two neighbouring T over the steps between them. Against H the product with U grows
as H², the line that is drawn beside.
"""

import gc
import os
import sys
import time
import tracemalloc

import numpy as np
from _common import add_output, canvas, machine, parser, save, spread, table, write

import xprnn
from xprnn import kernels, losses, optimizers
from xprnn.layers import Dense, Recurrent, Stack

DTYPE = "float32"
CELLS = ("elman", "lstm")
SERIES = {
    "T": ({"B": 1, "H": 32}, (100, 300, 1000, 3000, 10_000, 30_000, 100_000)),
    "B": ({"T": 100, "H": 64}, (1, 4, 16, 64, 256, 1024)),
    "H": ({"T": 100, "B": 16}, (16, 32, 64, 128, 256, 512, 1024)),
}
QUICK_SIZES = {"T": (100, 1000, 3000), "B": (1, 16, 64), "H": (16, 64, 128)}
POWER = {"T": 1, "B": 1, "H": 2}
"""Of the line drawn beside the times."""
STEADY, LIMIT = 1000, 1.1
"""From which T on the time per step must stay within which factor."""


def data(T, B, H):
    """Return x (T, B, 1) and y (T, B, 1), H left aside."""
    rng = np.random.default_rng(0)
    return tuple(rng.standard_normal((T, B, 1), dtype=DTYPE) for _ in range(2))


def network(cell, H):
    """Return a recurrent layer with a dense one on top."""
    return Stack((Recurrent(H, cell), Dense(1)))


def step(cell, sizes, xp):
    """Return forward + backward as a call without arguments."""
    made, (x, y) = network(cell, sizes["H"]), data(**sizes)
    drawn, _ = made.init(np.random.default_rng(1), 1)
    params = xprnn.tree.map(lambda a: a.astype(DTYPE), drawn)
    return lambda: xprnn.value_and_grad(made, losses.MSE(), params, x, y, xp=xp)


def step_seconds(cell, sizes, least, seconds):
    """Return the seconds of each of some steps, after a first one."""
    taken = []
    with kernels.workspace(np) as xp:
        call = step(cell, sizes, xp)
        call()
        while len(taken) < least or sum(taken) < seconds:
            began = time.perf_counter()
            call()
            taken.append(time.perf_counter() - began)
    return taken


def fit_seconds(cell, sizes, least, seconds):
    """Return the seconds of each of some epochs of `fit`, after the first."""
    x, y = (a.swapaxes(0, 1).copy() for a in data(**sizes))
    ends = []

    def enough(training):
        ends.append(time.perf_counter())
        return len(ends) > least and ends[-1] - ends[0] >= seconds

    xprnn.fit(
        x, y, network=network(cell, sizes["H"]), loss="mse", optimizer=optimizers.SGD(1e-4),
        epochs=1_000_000, clip_norm=None, standardize=False, progress=False, dtype=DTYPE,
        callbacks=[enough],
    )  # fmt: skip
    return np.diff(ends).tolist()


def step_bytes(cell, sizes):
    """Return the peak of what a step takes beyond data and weights."""
    with kernels.workspace(np) as xp:
        step(cell, {**sizes, "T": 2}, xp)()  # what is made once: threads, compiled loops
    with kernels.workspace(np) as xp:
        call = step(cell, sizes, xp)
        gc.collect()
        tracemalloc.start()
        call()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return most


def measure(quick):
    """Return a row for every point: times by turns, then memory."""
    rounds, least, seconds = (2, 2, 0.02) if quick else (7, 3, 0.3)
    rows = []
    for against, (fixed, sizes) in SERIES.items():
        sizes = QUICK_SIZES[against] if quick else sizes
        kinds = {cell: (step_seconds, cell) for cell in CELLS}
        if against == "T":
            kinds |= {f"{cell}, fit": (fit_seconds, cell) for cell in CELLS}
        for kind, (clock, cell) in kinds.items():
            taken = {size: [] for size in sizes}
            for turn in range(rounds):
                for size in sizes[:: 1 if turn % 2 else -1]:
                    taken[size] += clock(cell, {**fixed, against: size}, least, seconds)
            for size, values in taken.items():
                rows.append({"against": against, "kind": kind, **fixed, against: size})
                rows[-1] |= {"ms": spread([1e3 * s for s in values]), "repeats": len(values)}
                if clock is step_seconds:
                    rows[-1]["mb"] = step_bytes(cell, {**fixed, against: size}) / 1e6
            print(f"measured {kind} against {against}", file=sys.stderr, flush=True)
    return rows


def kinds_of(rows, against):
    """Return the rows of a series by kind."""
    found = {}
    for row in rows:
        if row["against"] == against:
            found.setdefault(row["kind"], []).append(row)
    return found


def slope(sizes, values):
    """Return the slope of log value against log size."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def judge(rows):
    """Return how each kind grows: slopes, and for T how steady the time per step is."""
    found = []
    for against in SERIES:
        for kind, own in kinds_of(rows, against).items():
            half = [row for row in own if row[against] >= STEADY] if against == "T" else own[-4:]
            at = [row[against] for row in half]
            times = [row["ms"]["median"] for row in half]
            entry = {"against": against, "kind": kind, "from": at[0], "to": at[-1]}
            entry["time_slope"] = slope(at, times)
            if all("mb" in row for row in half):
                entry["memory_slope"] = slope(at, [row["mb"] for row in half])
            if against == "T":
                each = [ms / T for ms, T in zip(times, at, strict=True)]
                further = (np.diff(times) / np.diff(at)).tolist()
                entry |= {"per_step_slope": slope(at, each), "max_min": max(each) / min(each)}
                entry |= {"steady": entry["max_min"] <= LIMIT, "further_ms": further}
            found.append(entry)
    return found


def text(rows, verdicts):
    """Return the tables."""
    parts = []
    for against, (fixed, _) in SERIES.items():
        cells = [
            [
                kind,
                str(row[against]),
                f"{row['ms']['median']:.4g}",
                f"{row['ms']['low']:.4g} … {row['ms']['high']:.4g}",
                f"{1e3 * row['ms']['median'] / row[against]:.4g}",
                f"{row['mb']:.4g}" if "mb" in row else "",
                f"{1e3 * row['mb'] / row[against]:.4g}" if "mb" in row else "",
            ]
            for kind, own in kinds_of(rows, against).items()
            for row in own
        ]
        head = ["", against, "ms", "10 % … 90 %", f"µs/{against}", "MB", f"kB/{against}"]
        where = ", ".join(f"{k}={v}" for k, v in fixed.items())
        parts.append(f"against {against}, with {where}, F=O=1, {DTYPE}\n{table(head, cells)}")
    cells = [
        [
            f"{v['kind']}, slope in {v['against']}",
            f"{v['from']} … {v['to']}",
            f"{v['time_slope']:.3f}",
            f"{v['memory_slope']:.3f}" if "memory_slope" in v else "",
            f"{v['per_step_slope']:+.3f}" if "steady" in v else "",
            f"{v['max_min']:.3f}" if "steady" in v else "",
            ("yes" if v["steady"] else "NO") if "steady" in v else "",
            ", ".join(f"{1e3 * ms:.3g}" for ms in v.get("further_ms", ())),
        ]
        for v in verdicts
    ]
    head = ["slopes of log against log", "from … to", "time", "memory", "time/T"]
    head += ["max/min of time/T", f"at most {LIMIT:g}", "µs of a further step"]
    parts.append(table(head, cells))
    return "\n\n".join(parts)


def draw(rows, folder):
    """Draw three panels of time and three of memory."""
    figure, axes = canvas(6.8, 9.5, 3, 2, sharex="row")
    colors = {"elman": "#2166ac", "lstm": "#b2182b"}
    for row, (against, (fixed, _)) in zip(axes, SERIES.items(), strict=True):
        kinds = kinds_of(rows, against)
        sizes, powers = np.asarray([row[against] for row in kinds["elman"]]), (POWER[against], 1)
        for axis, unit, power in zip(row, ("ms", "mb"), powers, strict=True):
            for kind, own in kinds.items():
                if unit not in own[0]:
                    continue
                values = [row[unit]["median"] if unit == "ms" else row[unit] for row in own]
                cell, _, way = kind.partition(", ")
                axis.plot(
                    sizes, values, "o", linestyle="--" if way else "-", color=colors[cell],
                    markersize=4, linewidth=1.2, label=kind,
                )  # fmt: skip
                if kind == "elman":
                    line = values[-1] * (sizes / sizes[-1]) ** power
            label = f"as {against}" + ("²" if power == 2 else "")
            axis.plot(sizes, line, ":", color="0.4", linewidth=1.2, label=label)
            axis.set_xscale("log")
            axis.set_yscale("log")
            axis.yaxis.set_major_formatter("{x:g}")
            axis.yaxis.set_minor_formatter("")
            ticks = [size for size in sizes if against != "T" or np.log10(size) % 1 == 0]
            axis.set_xticks(ticks, [f"{size:,}" for size in ticks])
            axis.set_xticks([], minor=True)
            axis.grid(which="major", color="0.9")
            axis.tick_params(labelsize=10)
            axis.set_xlabel(against, fontsize=11)
        where = ", ".join(f"{k}={v}" for k, v in fixed.items())
        row[0].set_title(f"ms, {where}", loc="left", fontsize=12)
        row[1].set_title(f"MB, {where}", loc="left", fontsize=12)
        place = {"loc": "upper left", "fontsize": 10, "frameon": False}
        row[0].legend(**place, handlelength=1.5)
    save(figure, folder, "scaling")


def main():
    """Measure, print, write, draw."""
    arguments = parser(__doc__)
    add_output(arguments)
    options = arguments.parse_args()
    with kernels.workspace(np) as xp:
        about = machine() | {"load_before": os.getloadavg(), "threads_used": xp.threads}
    rows = measure(options.quick)
    about["load_after"] = os.getloadavg()
    verdicts = judge(rows)
    loads = [f"{about[f'load_{when}'][0]:.2f} {when}" for when in ("before", "after")]
    report = (
        f"{about['date']}, {about['cpu']}, {about['threads_used']} threads, "
        f"numpy {about['numpy']}, load {' and '.join(loads)}\n\n{text(rows, verdicts)}"
    )
    print(report)
    write(options.output, "scaling", {"machine": about, "rows": rows, "verdicts": verdicts})
    path = options.output / "scaling.txt"
    path.write_text(report + "\n")
    print(f"wrote {path}")
    draw(rows, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
