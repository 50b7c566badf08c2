"""Memory of a training step: xprnn, torch and JAX on a CPU, the same networks.

    python benchmarks/memory.py                      all of it; some minutes
    python benchmarks/memory.py --quick              one case, one process for each
    python benchmarks/memory.py --cells lstm --dtypes float32 --cases 100,32,8,64,1

Networks and libraries are those of benchmarks/peers.py, and so are the cases, the three
largest of them. Measured is the peak of
resident memory in two steps, forward and backward with the gradients of all parameters,
less what was resident before the case's data and weights were made, when the library had
been imported, had taken steps of a tiny network, and had compiled what it compiles. That
is done in three fresh processes for each library; shown is the median.

It needs /proc/self/clear_refs, which Linux has. What else the machine does makes no
difference.
"""

import itertools
import os
import statistics
import sys

from _common import add_output, machine, parser, table, write
from _peers import CASES, Problem
from peers import (
    PEERS,
    QUICK_CASES,
    Report,
    Worker,
    add_choice,
    geometric,
    libraries,
    name_of,
    restrict,
    shown,
)

LARGEST = CASES[-3:]


def peak(name, problem):
    """Return the megabytes that a step takes in a fresh process."""
    worker = Worker(name)
    found = worker.ask("peak", problem)["bytes"] / 1e6
    worker.close()
    return found


def measure(names, problem, repeats):
    """Return a row: the megabytes of each library."""
    taken = {name: [peak(name, problem) for _ in range(repeats)] for name in names}
    return {
        "case": problem.case,
        "cell": problem.cell,
        "dtype": problem.dtype,
        "megabytes": taken,
        "median": {name: statistics.median(values) for name, values in taken.items()},
    }


def ratios(row):
    """Return the memory of each peer over xprnn's."""
    return {n: mb / row["median"]["xprnn"] for n, mb in row["median"].items() if n in PEERS}


def report(say, rows):
    """Print the tables."""
    names = [name for name in ("xprnn", *PEERS) if name in rows[0]["median"]]
    peers = names[1:]
    head = ["case", "cell", "dtype", *names, *(f"{n}/xprnn" for n in peers)]
    cells = [
        [name_of(row["case"]), row["cell"], row["dtype"]]
        + [shown(row["median"][n]) for n in names]
        + [shown(ratios(row)[n]) for n in peers]
        for row in rows
    ]
    say("peak memory of a training step: megabytes of resident memory\n" + table(head, cells))
    for n in peers:
        found = [ratios(row)[n] for row in rows]
        say(
            f"{n}/xprnn: {min(found):.2f} to {max(found):.2f}, "
            f"geometric mean {geometric(found):.2f}"
        )


def main():
    """Measure, print, write."""
    made = parser(__doc__)
    add_choice(made)
    add_output(made)
    options = made.parse_args()
    if not os.access("/proc/self/clear_refs", os.W_OK):
        sys.exit("memory is not measured: there is no /proc/self/clear_refs that can be written")
    restrict(options.threads)
    say, about = Report(), machine()
    workers, about["versions"] = libraries(say)
    for worker in workers:
        worker.close()
    names = [n for n in about["versions"] if n == "xprnn" or n in PEERS]
    say(
        f"{about['date']}, {about['cpu']}, {options.threads} threads for each, "
        + ", ".join(f"{n} {about['versions'][n]}" for n in names)
        + f", numpy {about['numpy']}\n"
    )
    chosen = options.cases or (QUICK_CASES[-1:] if options.quick else LARGEST)
    rows = []
    for cell, dtype, case in itertools.product(options.cells, options.dtypes, chosen):
        rows.append(measure(names, Problem(*case, cell, dtype), 1 if options.quick else 3))
        print(f"{cell}, {dtype}, {name_of(case)}: {rows[-1]['median']}", file=sys.stderr)
    report(say, rows)
    write(options.output, "memory", {"machine": about, "rows": rows})
    (options.output / "memory.txt").write_text("\n".join(say.lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
