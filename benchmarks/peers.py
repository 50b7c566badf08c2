"""Against the frameworks on a CPU: torch and JAX, the same networks, the same numbers.

    python benchmarks/peers.py                      all of it, with two threads; minutes
    python benchmarks/peers.py --quick              three cases, few repeats
    python benchmarks/peers.py --cells lstm --dtypes float32 --cases 100,32,8,64,1

A case is T,B,F,H,O: steps, sequences, features, hidden units, outputs. The network is
a recurrent layer with a dense one on top, the loss the mean squared error. Timed are

- forward alone, and forward + backward with the gradients of all parameters: of xprnn
  on NumPy; of torch's nn.RNN, nn.LSTM, nn.GRU with nn.Linear; of JAX, a lax.scan
  jitted, with the better of two values of `unroll`, tried for each case;
- an epoch of `xprnn.fit` with plain SGD on the full batch, against the same loop in
  torch, with torch.optim.SGD, and in JAX, as a jitted step;
- what `fit` adds to an epoch: to gradient, update and norm in a bare loop.

Before a case is timed, all libraries must give the same output, loss and gradients on
the same weights and data; one that does not is not timed, and the script fails. The
trainings must end at the same loss.

Where there is one sequence of one feature, the lecture's algorithm stands beside them
in float64, with its own forward and backward from benchmarks/lecture.py. Its output is
compared; its gradients can't be, for they are wrong (see there), but they take the work
of right ones. It is no peer: "fastest peer" is the faster of torch and JAX.

Each library runs in a process of its own, with the same number of threads on the same
cores. They go by turns, with a pause after each in which its threads go to sleep (those of
NumPy's BLAS, in the large product and the lecture's algorithm, spin for a little longer,
which can only slow xprnn); a process that waits for its turn reads from a pipe. A turn
begins with calls that don't count, for 0.03 seconds; one of more than 0.2 seconds counts
all the same. How many cores other processes had meanwhile is printed at the end: if that
is not near 0, don't believe the figures. On a shared core, threads that wait for one
another hold each other up, and torch's many times more than others.

The floor of a case is what its products of matrices would take at the rate of a large
product, 4096×512 by 512×2048, measured by turns with the rest. With one sequence it is
out of reach: there the products are those of a matrix with a vector.
"""

import argparse
import importlib.metadata
import itertools
import json
import math
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import _peers
import numpy as np
from _common import THREADS, add_output, canvas, machine, parser, save, spread, table, write
from _peers import CASES, GATES, LIBRARIES, PRODUCT, Problem

from xprnn.kernels.compiler import UnbuildableError, find_compiler

QUICK_CASES = ((200, 1, 1, 500, 1), (1000, 1, 1, 32, 1), (100, 32, 8, 64, 1))
OVERHEAD_CASE = (100, 32, 8, 64, 1)
DTYPES = ("float32", "float64")
PEERS = ("torch", "jax")
CALLS = {"forward": "forward", "step": "forward + backward"}

TOLERANCE = {"float32": 1e-3, "float64": 1e-8}
"""Of ‖error‖ / ‖reference‖, for the output, the loss and every gradient."""
LOSS_TOLERANCE = 1e-3
"""Of the loss at the end of a training in float32."""
EPOCHS, FEW, LARGE = 100, 10, 2e10
"""Epochs of a training; those of a quick one, or from so many operations a step on."""
PAUSE = 0.05
"""Seconds after a turn."""


class Worker:
    """A library in a process of its own."""

    def __init__(self, name):
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, _peers.__file__, name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.hello = self.read()

    def send(self, do, problem=None, **request):
        if problem is not None:
            request["problem"] = vars(problem)
        self.process.stdin.write(json.dumps({"do": do, **request}) + "\n")
        self.process.stdin.flush()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"the process of {self.name} ended: {self.process.wait()}")
        return json.loads(line)

    def ask(self, do, problem=None, **request):
        self.send(do, problem, **request)
        return self.read()

    def turn(self, *arguments, **request):
        """Ask, and wait until the threads have gone to sleep."""
        answer = self.ask(*arguments, **request)
        time.sleep(PAUSE)
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Report:
    """What is printed, kept for the .txt."""

    def __init__(self):
        self.lines = []

    def __call__(self, text=""):
        print(text, flush=True)
        self.lines.append(text)


def restrict(threads):
    """Give this process and those that it starts so many threads and cores."""
    os.environ |= dict.fromkeys(THREADS, str(threads))
    flags = f"--xla_cpu_multi_thread_eigen=true intra_op_parallelism_threads={threads}"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    os.environ["JAX_PLATFORMS"] = "cpu"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def c_compiler():
    """Return the C compiler of xprnn's loops, or why there is none."""
    try:
        command = find_compiler()
    except UnbuildableError as error:
        return str(error)
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    return f"{shlex.join(command)}: {done.stdout.partition(chr(10))[0] or 'no version'}"


def ticks_of_others(workers):
    """Return the ticks for which processes other than the workers had a core; None if unknown."""
    if not Path("/proc/stat").exists():
        return None
    first = Path("/proc/stat").read_text().partition("\n")[0]
    user, nice, system, _, _, *more = map(int, first.split()[1:9])
    own = 0
    for worker in workers:
        stat = Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()
        own += int(stat[11]) + int(stat[12])
    return user + nice + system + sum(more) - own


def distances(workers, problem, folder):
    """Return the largest ‖error‖ / ‖reference‖ of each library against xprnn."""
    answers = {}
    for worker in workers:
        path = Path(folder) / f"{worker.name}.npz"
        worker.turn("answer", path=str(path))
        answers[worker.name] = dict(np.load(path))
    expected = answers.pop("xprnn")
    found = {}
    for name, answer in answers.items():
        if name != "lecture" and answer.keys() != expected.keys():
            sys.exit(f"{name} gives {sorted(answer)}, xprnn {sorted(expected)}")
        found[name] = max(
            float(np.linalg.norm(a - expected[k]) / np.linalg.norm(expected[k]))
            for k, a in answer.items()
        )
    return found


def measure(workers, problem, rounds, least, seconds, folder):
    """Check and time one case; return its row."""
    libraries = [w for w in workers if w.name not in ("lecture", "product")]
    product = [w for w in workers if w.name == "product"]
    if (problem.cell, problem.dtype, problem.B, problem.F, problem.O) == (
        "elman", "float64", 1, 1, 1,
    ):  # fmt: skip
        libraries += [w for w in workers if w.name == "lecture"]
    row = {"case": problem.case, "cell": problem.cell, "dtype": problem.dtype, "about": {}}
    for worker in libraries + product:
        row["about"][worker.name] = worker.turn("build", problem)["about"]
    row["distance"] = distances(libraries, problem, folder)
    wrong = [n for n, d in row["distance"].items() if not d <= TOLERANCE[problem.dtype]]
    libraries = [w for w in libraries if w.name not in wrong]
    row["disagree"] = wrong
    others, began = ticks_of_others(workers), time.perf_counter()
    for call in CALLS:
        taken = {w.name: [] for w in libraries + product}
        for _ in range(rounds):
            for worker in libraries:
                turn = worker.turn("time", call=call, least=least, seconds=seconds)
                taken[worker.name] += turn["seconds"]
            if call == "step":
                taken["product"] += product[0].turn("time", call=call, least=2, seconds=0)[
                    "seconds"
                ]
        row[call] = {n: spread([1e3 * s for s in t]) for n, t in taken.items() if t}
        row[f"{call}_repeats"] = {n: len(t) for n, t in taken.items() if t}
    if others is not None:
        ticks = (ticks_of_others(workers) - others) / os.sysconf("SC_CLK_TCK")
        row["others"] = ticks / (time.perf_counter() - began)
    large = row["step"].pop("product")["median"]
    row["gigaflops"] = 2e-6 * math.prod(PRODUCT) / large
    row["floor_ms"] = 1e-6 * problem.operations / row["gigaflops"]
    row["floor_share"] = row["floor_ms"] / row["step"]["xprnn"]["median"]
    row["ratio"], row["fastest"] = {}, {}
    for call in CALLS:
        ours = row[call]["xprnn"]["median"]
        row["ratio"][call] = {n: t["median"] / ours for n, t in row[call].items() if n != "xprnn"}
        peers = [r for n, r in row["ratio"][call].items() if n in PEERS]
        row["fastest"][call] = min(peers, default=None)
    return row


def training(workers, problem, turns, epochs):
    """Time whole trainings by turns; return a row."""
    workers = [w for w in workers if w.name == "xprnn" or w.name in PEERS]
    epochs = FEW if problem.operations > LARGE else epochs
    taken, ends = ({w.name: [] for w in workers} for _ in range(2))
    for worker in workers:
        worker.turn("build", problem)
    for _ in range(turns):
        for worker in workers:
            turn = worker.turn("train", problem, epochs=epochs)
            taken[worker.name].append(1e3 * turn["seconds"])
            ends[worker.name] = turn["loss"]
    ms = {name: spread(values) for name, values in taken.items()}
    ours, loss = ms["xprnn"]["median"], ends["xprnn"]
    ratio = {name: t["median"] / ours for name, t in ms.items() if name != "xprnn"}
    return {
        "case": problem.case,
        "epochs": epochs,
        "ms": ms,
        "ratio": ratio,
        "fastest": min(ratio.values(), default=None),
        "loss": ends,
        "disagree": [n for n, v in ends.items() if not abs(v - loss) <= LOSS_TOLERANCE * loss],
    }


def overhead(worker, problem, turns):
    """Measure an epoch of `fit` and of the bare loop by turns; return a row."""
    fits, bares = [], []
    for turn in range(turns):
        for kind, taken in (("train", fits), ("bare", bares))[:: 1 if turn % 2 else -1]:
            taken.append(1e3 * worker.turn(kind, problem, epochs=EPOCHS)["seconds"])
    added = statistics.median(f - b for f, b in zip(fits, bares, strict=True))
    return {
        "case": problem.case,
        "dtype": problem.dtype,
        "fit_ms": spread(fits),
        "bare_ms": spread(bares),
        "added_ms": added,
        "share": added / statistics.median(fits),
    }


def name_of(case):
    """Return the sizes of a case in words."""
    return ", ".join(f"{k}={v}" for k, v in zip("TBFHO", case, strict=True))


def shown(value, form=".2f", none=""):
    """Return a number as text."""
    return none if value is None else format(value, form)


def milliseconds(ms):
    """Return median, 10 % and 90 % as text."""
    return "" if ms is None else f"{ms['median']:.4g} ({ms['low']:.4g} … {ms['high']:.4g})"


def geometric(values):
    """Return the geometric mean; None of nothing."""
    values = [v for v in values if v is not None]
    return math.exp(statistics.fmean(map(math.log, values))) if values else None


def compare(say, title, rows, values, form, **more):
    """Print a table: what each library takes, and its ratio to xprnn.

    `values` gives for a row what each takes, `form` makes that a text, and `more` are further
    columns.
    """
    names = [n for n in ("xprnn", *PEERS, "lecture") if any(n in values(row) for row in rows)]
    labels = ["cell", "dtype", "epochs"]
    labels = [label for label in labels if label in rows[0]]
    head = ["case", *labels, *names, *(f"{n}/xprnn" for n in names[1:])]
    cells = []
    for row in rows:
        taken = values(row)
        plain = {n: v["median"] if isinstance(v, dict) else v for n, v in taken.items()}
        ratios = [shown(plain[n] / plain["xprnn"] if n in plain else None) for n in names[1:]]
        cells.append([name_of(row["case"]), *(str(row[label]) for label in labels)])
        cells[-1] += [form(taken.get(n)) for n in names] + ratios
        cells[-1] += [column(row) for column in more.values()]
    say(f"\n{title}\n" + table([*head, *(n.replace("_", " ") for n in more)], cells))


def report(say, rows, trainings, overheads):
    """Print the tables."""
    floor = {
        "floor_ms": lambda row: f"{row['floor_ms']:.3g}",
        "floor/xprnn": lambda row: f"{100 * row['floor_share']:.1f} %",
    }
    for call, more in (("step", floor), ("forward", {})):
        compare(
            say, f"{CALLS[call]}: milliseconds, median (10 % … 90 %)", rows,
            lambda row, call=call: row[call], milliseconds,
            **{"fastest_peer/xprnn": lambda row, call=call: shown(row["fastest"][call])}, **more,
        )  # fmt: skip
    if any("lecture" in row["step"] for row in rows):
        say(
            "lecture: the lecture's algorithm; its output agrees, its gradients are wrong and were "
            "not compared"
        )
    if trainings:
        compare(
            say, "whole trainings with plain SGD, Elman, float32: milliseconds an epoch, the first "
            "ones left out", trainings, lambda row: row["ms"], milliseconds,
            **{"fastest_peer/xprnn": lambda row: shown(row["fastest"])},
        )  # fmt: skip
    if overheads:
        report_overhead(say, overheads)


def report_overhead(say, rows):
    """Print what `fit` adds."""
    head = ["case", "dtype", "fit ms", "bare loop ms", "fit adds ms", "of the epoch"]
    cells = [
        [
            name_of(row["case"]),
            row["dtype"],
            milliseconds(row["fit_ms"]),
            milliseconds(row["bare_ms"]),
            f"{row['added_ms']:.4f}",
            f"{100 * row['share']:.1f} %",
        ]
        for row in rows
    ]
    say(
        "\nwhat fit adds to an epoch, Elman: milliseconds an epoch, by turns\n" + table(head, cells)
    )


def summarize(say, rows, trainings):
    """Print and return geometric means and lost cases."""
    cells_of = list(dict.fromkeys(row["cell"] for row in rows))
    found = {"geometric_mean": {}, "lost": [], "floor_share": {}}
    table_rows = []
    for cell in (*cells_of, "all"):
        own = [row for row in rows if cell in (row["cell"], "all")]
        means = {call: geometric([row["fastest"][call] for row in own]) for call in CALLS}
        share = geometric([row["floor_share"] for row in own])
        found["geometric_mean"][cell], found["floor_share"][cell] = means, share
        table_rows.append([cell, *(shown(means[c], none="-") for c in CALLS)])
        table_rows[-1].append(f"{100 * share:.1f} %")
    head = ["cell", *(f"{c}: fastest peer/xprnn" for c in CALLS.values()), "floor/xprnn"]
    say("\nsummary: geometric means over the cases\n" + table(head, table_rows))
    if trainings:
        mean = found["geometric_mean"]["training"] = geometric([r["fastest"] for r in trainings])
        say(f"whole trainings, fastest peer/xprnn: {shown(mean, none='-')}")
    for row in rows:
        for call, ratio in row["fastest"].items():
            if ratio is not None and ratio < 1:
                where = f"{name_of(row['case'])}, {row['cell']}, {row['dtype']}, {CALLS[call]}"
                found["lost"].append({"where": where, "ratio": ratio})
    for row in trainings:
        if row["fastest"] is not None and row["fastest"] < 1:
            where = f"{name_of(row['case'])}, whole training"
            found["lost"].append({"where": where, "ratio": row["fastest"]})
    say("\nlost, with fastest peer/xprnn below 1:" + ("" if found["lost"] else " none"))
    for lost in found["lost"]:
        say(f"  {lost['ratio']:.2f}  {lost['where']}")
    return found


def draw(rows, folder):
    """Draw how much longer the fastest peer takes, a panel for each cell."""
    rows = [row for row in rows if row["fastest"]["step"] is not None]
    if not rows:
        return
    cells = list(dict.fromkeys(row["cell"] for row in rows))
    cases = list(dict.fromkeys(tuple(row["case"]) for row in rows))
    dtypes = list(dict.fromkeys(row["dtype"] for row in rows))
    colors = {"float32": "#2166ac", "float64": "#b2182b"}
    size = 6.4, 1.4 + (0.4 + 0.42 * len(cases)) * len(cells)
    figure, axes = canvas(*size, len(cells), 1, sharex=True, sharey=True)
    axes = np.ravel(axes)
    for axis, cell in zip(axes, cells, strict=True):
        axis.axvline(1, color="0.25", linewidth=1)
        for row in (row for row in rows if row["cell"] == cell):
            spot = dtypes.index(row["dtype"]) - (len(dtypes) - 1) / 2
            at = cases.index(tuple(row["case"])) + 0.4 * spot
            color, ratio = colors[row["dtype"]], row["fastest"]
            axis.plot([ratio["forward"], ratio["step"]], [at, at], color=color, linewidth=1)
            axis.plot(ratio["forward"], at, "o", color=color, markerfacecolor="white")
            axis.plot(ratio["step"], at, "o", color=color)
        axis.set_title(cell, loc="left", fontsize=13, fontweight="bold")
        axis.grid(axis="x", which="major", color="0.9")
        axis.tick_params(labelsize=11)
    values = [v for row in rows for v in row["fastest"].values()]
    low, high = min(*values, 1) / 1.25, max(*values, 1) * 1.25
    ticks = [m * 10**k for k in range(-3, 4) for m in (1, 2, 3, 5) if low <= m * 10**k <= high]
    axes[0].set_xscale("log")
    axes[0].set_xlim(low, high)
    for axis in axes:
        axis.set_xticks(ticks, [f"{t:g}" for t in ticks])
        axis.set_xticks([], minor=True)
    names = [", ".join(f"{k}={v}" for k, v in zip("TBH", case[:2] + case[3:4], strict=True))
             for case in cases]  # fmt: skip
    axes[0].set_yticks(range(len(cases)), names)
    axes[0].set_ylim(len(cases) - 0.4, -0.6)
    axes[-1].set_xlabel("time of the fastest peer / time of xprnn", fontsize=12)
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=colors[d], marker="o", linestyle="", label=d) for d in dtypes]
    for label, face in (("forward + backward", "0.35"), ("forward alone", "white")):
        handles.append(
            Line2D(
                [], [], color="0.35", marker="o", linestyle="", markerfacecolor=face, label=label
            )
        )
    figure.legend(handles=handles, loc="outside upper center", ncols=2, fontsize=11, frameon=False)
    save(figure, folder, "peers")


def a_case(text):
    """Read T,B,F,H,O."""
    sizes = tuple(int(part) for part in text.split(","))
    if len(sizes) != 5 or min(sizes) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not T,B,F,H,O")
    return sizes


def add_choice(made):
    """Add the options that say what is measured."""
    made.add_argument("--threads", type=int, default=2, help="of every library (default: 2)")
    made.add_argument("--cells", nargs="+", choices=GATES, default=list(GATES))
    made.add_argument("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES))
    made.add_argument("--cases", nargs="+", type=a_case, metavar="T,B,F,H,O")


def arguments():
    """Return the options."""
    made = parser(__doc__)
    add_choice(made)
    made.add_argument("--again", action="store_true", help="print and draw the .json that is there")
    add_output(made)
    options = made.parse_args()
    options.cases = options.cases or (QUICK_CASES if options.quick else CASES)
    return options


def libraries(say):
    """Start the workers; return them and the versions. Say which library is absent."""
    workers = []
    for name in LIBRARIES:
        worker = Worker(name)
        if "absent" in worker.hello:
            say(f"{name} is absent: {worker.hello['absent']}")
            worker.close()
        else:
            workers.append(worker)
    return workers, {worker.name: worker.hello["version"] for worker in workers}


def wrongs(say, rows, trainings):
    """Print how far apart the libraries are; return whether one is too far."""
    for dtype, tolerance in TOLERANCE.items():
        found = [d for r in rows if r["dtype"] == dtype for d in r["distance"].values()]
        if found:
            say(
                f"{dtype}: outputs, losses and gradients within {max(found):.1e} of xprnn's "
                f"(asked: {tolerance:g})"
            )
    wrong = [row for row in (*rows, *trainings) if row["disagree"]]
    for row in wrong:
        what = f"{row['cell']}, {row['dtype']}" if "cell" in row else "whole training"
        say(f"DISAGREES: {', '.join(row['disagree'])}: {name_of(row['case'])}, {what}")
    return bool(wrong)


def tell(say, content):
    """Print what was measured; return whether a library disagrees."""
    about, rows, trainings = content["machine"], content["rows"], content["trainings"]
    versions = {n: v for n, v in about["versions"].items() if n not in ("lecture", "product")}
    say(
        f"{about['date']}, {about['cpu']}, {content['threads']} threads for each on "
        f"{about['cores']} cores, load {about['load_before'][0]:.2f}\n"
        + ", ".join(f"{n} {v}" for n, v in versions.items())
        + f", numpy {about['numpy']} with {about['blas']}, threadpoolctl "
        f"{about['threadpoolctl']}, {about['compiler']}\n"
    )
    wrong = wrongs(say, rows, trainings)
    report(say, rows, trainings, content["overhead"])
    content["summary"] = summarize(say, rows, trainings)
    others = sorted((row["others"], name_of(row["case"])) for row in rows if "others" in row)
    if others:
        say(
            f"\nother processes had {statistics.fmean(o for o, _ in others):.2f} cores in the "
            f"mean, at most {others[-1][0]:.2f} ({others[-1][1]}); near 0 they disturb nothing"
        )
    say(f"{about['minutes']:.1f} minutes, load at the end {about['load_after'][0]:.2f}")
    return wrong


def measure_all(options):
    """Check and measure; return what the .json holds."""
    say, quick, began = Report(), options.quick, time.perf_counter()
    rounds, least, seconds = (2, 2, 0.05) if quick else (3, 5, 0.15)
    turns, trained, epochs = (3, 1, FEW) if quick else (15, 3, EPOCHS)

    def progress(text):
        print(f"{time.perf_counter() - began:5.0f} s: {text}", file=sys.stderr, flush=True)

    about = machine() | {"compiler": c_compiler(), "load_before": os.getloadavg()}
    found = importlib.metadata.distributions(name="threadpoolctl")
    about["threadpoolctl"] = next((d.version for d in found), None)
    workers, about["versions"] = libraries(say)
    rows, trainings, overheads = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for cell, dtype, case in itertools.product(options.cells, options.dtypes, options.cases):
            problem = Problem(*case, cell, dtype)
            row = measure(workers, problem, rounds, least, seconds, folder)
            rows.append(row)
            ratio = shown(row["fastest"]["step"], none="-")
            progress(f"{cell}, {dtype}, {name_of(case)}: fastest peer/xprnn {ratio}")
    if "elman" in options.cells and "float32" in options.dtypes:
        for case in options.cases:
            problem = Problem(*case, "elman", "float32")
            trainings.append(training(workers, problem, trained, epochs))
            progress(f"training, {name_of(case)}")
    if "elman" in options.cells and OVERHEAD_CASE in options.cases:
        for dtype in options.dtypes:
            problem = Problem(*OVERHEAD_CASE, "elman", dtype)
            overheads.append(overhead(workers[0], problem, turns))
    for worker in workers:
        worker.close()
    about["load_after"] = os.getloadavg()
    about["minutes"] = (time.perf_counter() - began) / 60
    content = {"machine": about, "threads": options.threads, "rounds": rounds, "rows": rows}
    return content | {"trainings": trainings, "overhead": overheads}


def main():
    """Check, measure, print, write, draw."""
    options = arguments()
    say = Report()
    if options.again:
        content = json.loads((options.output / "peers.json").read_text())
        wrong = tell(say, content)
    else:
        restrict(options.threads)
        content = measure_all(options)
        wrong = tell(say, content)
        write(options.output, "peers", content)
    path = options.output / "peers.txt"
    path.write_text("\n".join(say.lines) + "\n")
    print(f"wrote {path}")
    draw(content["rows"], options.output)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
