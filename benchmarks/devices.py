"""The same training on every backend and device of this machine.

    python benchmarks/devices.py                    all that `xprnn.backends()` can use
    python benchmarks/devices.py --only numpy cupy  these alone
    python benchmarks/devices.py --quick            small, in seconds

Measured are milliseconds an epoch of `xprnn.fit`, one batch an epoch, for a few
sizes of the data (B sequences of T steps) and of the network (H hidden units), in
float64 and float32. Data and parameters are on the device before the clock starts,
an epoch has gone before, and the clock stops when the last loss has been read back,
so that a GPU has finished. Repeats go by turns over the backends; shown are median,
10 % and 90 %.

For each size every backend must first reach NumPy's loss curve, in float64 to 1e-9;
one that does not, or fails, is not timed, and the exit code is 1. array_api_strict is
left out unless asked for: it checks code and is not built for speed.

After each size devices.json is written anew; it says which are not there yet. With
--minutes a size begins only if there is time for it. Run again with the same --output
it goes on where it stopped, with the same devices, versions, options and code.

Backends that compute on the CPU use as many threads as their library likes. Where
other work shares the cores, set OMP_NUM_THREADS=1: torch's threads wait for one
another at every small operation, and one that gets no core holds up the rest.
"""

import functools
import importlib
import sys
import time

import numpy as np
from _common import add_output, canvas, code, machine, parser, said, save, spread, table, tf32
from _parts import Part, Run

import xprnn
from xprnn import cells, kernels
from xprnn.backend import resolve
from xprnn.layers import Dense, Recurrent, Stack

SIZES = {(1, 200, 64): (40, 6), (32, 100, 128): (15, 9), (256, 50, 256): (5, 30)}
"""B, T, H, the number of epochs timed, and the seconds that a backend may take."""
QUICK_SIZES = {(1, 20, 8): (4, 3), (4, 10, 16): (4, 3)}
FEATURES, OUTPUTS = 8, 4
DTYPES = ("float64", "float32")
CHECK_EPOCHS, CHECK_TOLERANCE = 5, 1e-9


def specs(only, strict):
    """Return the backends to time as `fit` takes them, and print which can't be used."""
    found = []
    for status in xprnn.backends():
        if only and status.name not in only:
            continue
        if status.name == "array_api_strict" and not (strict or only):
            continue
        if not status.usable:
            print(status)
        elif status.name == "numpy":
            found.append("numpy")
        else:
            devices = status.devices[:1] if status.name == "array_api_strict" else status.devices
            found += [f"{status.name}:{device}" for device in devices]
    return found


def data(B, T):
    """Return x (B, T, F) and y (B, T, O) to learn: sums of what came before."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((B, T, FEATURES))
    y = np.tanh(np.cumsum(x[..., :OUTPUTS], axis=1) / 4) + 0.1 * rng.standard_normal(
        (B, T, OUTPUTS)
    )
    return x, y


def network(cell, H):
    """Return a recurrent layer of that cell with a dense one on top."""
    return Stack((Recurrent(H, cell=getattr(cells, cell)()), Dense(OUTPUTS)))


def losses(spec, size, cell):
    """Return the first losses of a run in float64."""
    B, T, H = size
    model = xprnn.fit(
        *data(B, T),
        network=network(cell, H),
        epochs=CHECK_EPOCHS,
        backend=spec,
        dtype="float64",
        progress=False,
    )
    return np.asarray(model.history.loss)


def check(found, size, cell):
    """Return the largest relative distance of each backend's losses from NumPy's, or why not."""
    expected, distances, wrong = losses("numpy", size, cell), {}, {}
    for spec in found:
        try:
            away = np.max(np.abs(losses(spec, size, cell) - expected) / expected)
        except Exception as error:  # of a compiler, a driver or a library
            wrong[spec] = f"FAILED: {said(error)}"
            continue
        distances[spec] = float(away)
        if not away <= CHECK_TOLERANCE:
            wrong[spec] = f"WRONG: losses {away:.1e} from NumPy's, not {CHECK_TOLERANCE:g}"
    return distances, wrong


def seconds_an_epoch(spec, size, dtype, cell, epochs):
    """Return the seconds an epoch of one run."""
    B, T, H = size
    times = []

    def clock(training):
        if training.epoch in (1, epochs + 1):
            training.history.loss[-1]  # waits for the device
            times.append(time.perf_counter())

    xprnn.fit(
        *data(B, T),
        network=network(cell, H),
        epochs=epochs + 1,
        backend=spec,
        dtype=dtype,
        progress=False,
        callbacks=[clock],
    )
    return (times[1] - times[0]) / epochs


def times(found, size, epochs, dtype, cell, repeats):
    """Return the seconds an epoch of every backend, by turns, and why some have none."""
    taken, wrong = {spec: [] for spec in found}, {}

    def once(spec, epochs):
        if spec not in wrong:
            try:
                return seconds_an_epoch(spec, size, dtype, cell, epochs)
            except Exception as error:  # of a compiler, a driver or a library
                wrong[spec] = f"FAILED in {dtype}: {said(error)}"
        return 0.0

    for spec in found:  # warm up: compiled kernels, memory pools, caches
        once(spec, 2)
    for repeat in range(repeats):
        for spec in found[:: 1 if repeat % 2 else -1]:
            taken[spec].append(once(spec, epochs))
    return {spec: values for spec, values in taken.items() if spec not in wrong}, wrong


def measure(found, size, epochs, cell, repeats):
    """Return a row for every dtype and backend of a size, and what is wrong."""
    distances, wrong = check(found, size, cell)
    rows = []
    for dtype in DTYPES:
        fit = [spec for spec in found if spec not in wrong]
        taken, failed = times(fit, size, epochs, dtype, cell, repeats)
        wrong |= failed
        ms = {spec: spread([1e3 * s for s in values]) for spec, values in taken.items()}
        for spec, own in ms.items():
            faster = ms["numpy"]["median"] / own["median"] if "numpy" in ms else None
            rows.append({"size": list(size), "dtype": dtype, "precision": precision(spec, dtype),
                         "backend": spec, "loop": loop(spec, size, dtype, cell), "ms": own,
                         "times_numpy": faster})  # fmt: skip
    found = {"rows": rows, "distance_from_numpy": distances}
    if wrong:
        found["wrong"] = "; ".join(f"{spec}: {what}" for spec, what in wrong.items())
    return found


def loop(spec, size, dtype, cell):
    """Return the name of the loop that runs on a backend."""
    B, T, H = size
    cell, place = getattr(cells, cell)(), resolve(spec)
    shapes = {"x": (T, B, FEATURES), "U": (H, cell.gates * H)}
    with place.active():
        runs = kernels.lookup(cell, place.xp, shapes, getattr(place.xp, dtype))
    return next(name for name, twin in kernels.TWINS.items() if twin.unroll is runs)


def precision(spec, dtype):
    """Return in which precision a backend makes its products."""
    name, _, device = spec.partition(":")
    faster = name == "cupy" and tf32()
    if name == "torch" and device.startswith("cuda"):
        faster = importlib.import_module("torch").backends.cuda.matmul.allow_tf32
    return f"{dtype}, products in tf32" if faster and dtype == "float32" else dtype


def devices(found):
    """Return what is known of the libraries and devices that were timed."""
    about = {}
    for spec in found:
        name, _, device = spec.partition(":")
        library = importlib.import_module(name)
        about[spec] = {"version": library.__version__}
        if name == "cupy":
            runtime = library.cuda.runtime
            label = runtime.getDeviceProperties(int(device))["name"]
            about[spec]["device"] = label.decode() if isinstance(label, bytes) else label
            about[spec]["cuda_runtime"] = runtime.runtimeGetVersion()
            about[spec]["cuda_driver"] = runtime.driverGetVersion()
        elif device.startswith("cuda"):
            about[spec]["device"] = library.cuda.get_device_name(device)
            about[spec]["cuda_runtime"] = library.version.cuda
        elif name == "torch":
            about[spec]["threads"] = library.get_num_threads()
    return about


def print_rows(rows):
    """Print the table."""
    cells = [
        [
            "B={}, T={}, H={}".format(*row["size"]),
            row["precision"],
            row["backend"],
            row["loop"],
            f"{row['ms']['median']:.2f}",
            f"{row['ms']['low']:.2f} … {row['ms']['high']:.2f}",
            "" if row["times_numpy"] is None else f"{row['times_numpy']:.2f}",
        ]
        for row in rows
    ]
    head = ["size", "dtype", "backend", "loop", "ms an epoch", "10 % … 90 %",
            "times faster than numpy in that dtype"]  # fmt: skip
    print("\n" + table(head, cells) + "\n")


def draw(rows, found, about, cell, folder):
    """Draw the times, one panel for each dtype."""
    from matplotlib.ticker import LogLocator

    figure, axes = canvas(9.6, 4.4, 1, len(DTYPES), sharey=True)
    sizes = list(dict.fromkeys(tuple(row["size"]) for row in rows))
    colors = ("#4d4d4d", "#2166ac", "#1b9e77", "#b2182b", "#e08214", "#762a83", "#80cdc1")
    gap = min(0.32, 0.8 / len(found))
    for axis, dtype in zip(axes, DTYPES, strict=True):
        for i, spec in enumerate(found):
            own = [row for row in rows if (row["backend"], row["dtype"]) == (spec, dtype)]
            median, low, high = (
                np.asarray([row["ms"][k] for row in own]) for k in ("median", "low", "high")
            )
            at = np.asarray([sizes.index(tuple(row["size"])) for row in own], "float64")
            at += gap * (i - (len(found) - 1) / 2)
            label = f"{spec} ({about[spec]['device']})" if "device" in about[spec] else spec
            axis.errorbar(
                at, median, (median - low, high - median), fmt="o", markersize=6, capsize=3,
                color=colors[i % len(colors)], label=label,
            )  # fmt: skip
            for x, y in zip(at, median, strict=True):
                axis.annotate(
                    f"{y:.3g}", (x, y), (6, 0), textcoords="offset points", fontsize=8, va="center"
                )
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter("")
        axis.grid(axis="y", color="0.9")
        axis.set_xticks(range(len(sizes)), ["B={}, T={}\nH={}".format(*size) for size in sizes])
        axis.set_xlim(-0.6, len(sizes) - 0.4)
        axis.set_title(f"{cell}, {dtype}", loc="left")
    axes[0].set_ylabel("milliseconds an epoch")
    axes[0].legend(frameon=False, loc="upper left")
    save(figure, folder, "devices")


def main():
    """Check, measure, print, write, draw."""
    arguments = parser(__doc__)
    arguments.add_argument("--only", nargs="+", metavar="NAME", help="backends by name")
    arguments.add_argument(
        "--include-strict", action="store_true", help="time array_api_strict too"
    )
    arguments.add_argument("--cell", default="Elman", help="a cell of xprnn.cells (default: Elman)")
    arguments.add_argument("--repeats", type=int, default=7)
    arguments.add_argument(
        "--minutes", type=float, help="that all of it may take (default: as long as it takes)"
    )
    add_output(arguments)
    options, began = arguments.parse_args(), time.monotonic()
    if not hasattr(getattr(cells, options.cell, None), "gates"):
        arguments.error(f"--cell: xprnn.cells has no cell {options.cell!r}")
    sizes, repeats = SIZES, options.repeats
    if options.quick:
        sizes, repeats = QUICK_SIZES, 3

    found = specs(options.only, options.include_strict)
    if not found:
        arguments.error("none of the backends can be used")
    about, here = devices(found), machine()
    conditions = {
        "backends": about,
        "cell": options.cell,
        "features": FEATURES,
        "outputs": OUTPUTS,
        "repeats": repeats,
        "tf32": tf32(),
        **{name: here[name] for name in ("cpu", "threads", "python", "numpy", "xprnn")},
        "code": code("devices.py"),
    }
    path = options.output / "devices.json"
    run = Run(path, conditions, options.minutes, began)
    run.go([
        Part(
            "B={}, T={}, H={}".format(*size), "size", guess * len(found),
            functools.partial(measure, found, size, epochs, options.cell, repeats),
        )
        for size, (epochs, guess) in sizes.items()
    ])  # fmt: skip
    sizes = run.found("size").values()
    for spec in found:
        away = [size["distance_from_numpy"].get(spec, np.inf) for size in sizes]
        away = max(map(float, away), default=np.inf)
        if np.isfinite(away):
            print(f"{spec}: losses of {CHECK_EPOCHS} epochs within {away:.1e} of NumPy's")
    rows = [row for size in sizes for row in size["rows"]]
    print_rows(rows)
    lines, status = run.verdict()
    print("\n".join([*lines, f"wrote {path}"]))
    try:
        draw(rows, found, about, options.cell, options.output)
    except Exception as error:  # on a bare machine there is no matplotlib
        print(f"no picture: {said(error)}")
    return status


if __name__ == "__main__":
    sys.exit(main())
