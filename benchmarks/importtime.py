"""What `import xprnn` costs, and what the first use of `xprnn.fit` does.

    python benchmarks/importtime.py

A name of xprnn is imported when it is asked for first. So two things are measured: the
import itself, and with it all that `xprnn.fit` needs, beside `import numpy`. Each is run
in fresh interpreters with -X importtime, by turns, and the medians are shown, with the
ten modules that take longest themselves, and the optional libraries that were imported,
of which there must be none. Fails if there was one or if the import takes more than
100 ms.
"""

import statistics
import subprocess
import sys

from _common import parser, table

OPTIONAL = ("array_api_strict", "cupy", "matplotlib", "safetensors", "torch", "tqdm")
FIT = "xprnn.training"
"""Where `xprnn.fit` stands."""

LIMIT = 100.0
"""Milliseconds that `import xprnn` may take."""


def imports(name):
    """Import a package in a fresh interpreter; return {module: (own, with all below) in ms}."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {name}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"import {name} fails:\n{done.stderr}")
    taken = {}
    for line in done.stderr.splitlines():
        fields = line.removeprefix("import time:").split("|")
        if len(fields) == 3 and fields[0].strip().isdigit():
            taken[fields[2].strip()] = (int(fields[0]) / 1e3, int(fields[1]) / 1e3)
    return taken


def cost(name, run):
    """Return the milliseconds that importing a module and its package took in a run."""
    package = name.partition(".")[0]
    return sum(run[part][1] for part in {package, name})


def main():
    """Measure, print, judge."""
    arguments = parser(__doc__)
    arguments.add_argument("--repeats", type=int, default=15)
    options = arguments.parse_args()
    repeats = 3 if options.quick else options.repeats

    imports(FIT)  # writes the compiled files
    runs = {"numpy": [], "xprnn": [], FIT: []}
    for _ in range(repeats):
        for name, done in runs.items():
            done.append(imports(name))
    numpy, alone, fit = (
        statistics.median(cost(name, run) for run in done) for name, done in runs.items()
    )
    print(f"import numpy               {numpy:7.1f} ms")
    print(f"import xprnn               {alone:7.1f} ms (limit {LIMIT:g} ms)")
    print(f"with what xprnn.fit needs  {fit:7.1f} ms, numpy among it: {fit - numpy:.1f} ms more")
    print(f"(medians of {repeats})\n")

    rows = [
        (*(statistics.median(run[name][i] for run in runs[FIT]) for i in (0, 1)), name)
        for name in runs[FIT][0].keys() - runs["numpy"][0].keys()
        if all(name in run for run in runs[FIT])
    ]
    cells = [[name, f"{own:.2f}", f"{below:.2f}"] for own, below, name in sorted(rows)[:-11:-1]]
    print(table(["module that xprnn.fit adds", "ms itself", "ms with all below"], cells))

    found = sorted({name.partition(".")[0] for run in runs[FIT] for name in run} & set(OPTIONAL))
    print(f"\noptional libraries imported: {', '.join(found) or 'none'}")
    return 1 if found or alone > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
