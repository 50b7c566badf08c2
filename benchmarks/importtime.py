"""What `import xprnn` costs on top of `import numpy`.

    python benchmarks/importtime.py

Each import is run in fresh interpreters with -X importtime, by turns, and the medians
are shown: both imports, what xprnn adds, the ten modules it adds that take longest
themselves, and the optional libraries that were imported, of which there must be none.
Fails if there was one or if xprnn adds more than 100 ms.
"""

import statistics
import subprocess
import sys

from _common import parser, table

OPTIONAL = ("array_api_strict", "cupy", "matplotlib", "safetensors", "torch", "tqdm")
LIMIT = 100.0
"""Milliseconds that xprnn may add."""


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


def main():
    """Measure, print, judge."""
    arguments = parser(__doc__)
    arguments.add_argument("--repeats", type=int, default=15)
    options = arguments.parse_args()
    repeats = 3 if options.quick else options.repeats

    imports("xprnn")  # writes the compiled files
    numpy, xprnn = [], []
    for _ in range(repeats):
        numpy.append(imports("numpy"))
        xprnn.append(imports("xprnn"))
    base = statistics.median(run["numpy"][1] for run in numpy)
    whole = statistics.median(run["xprnn"][1] for run in xprnn)
    added = whole - base
    print(f"import numpy  {base:7.1f} ms")
    print(f"import xprnn  {whole:7.1f} ms")
    print(f"xprnn adds    {added:7.1f} ms  (median of {repeats}; limit {LIMIT:g} ms)\n")

    rows = [
        (*(statistics.median(run[name][i] for run in xprnn) for i in (0, 1)), name)
        for name in xprnn[0].keys() - numpy[0].keys()
        if all(name in run for run in xprnn)
    ]
    cells = [[name, f"{own:.2f}", f"{below:.2f}"] for own, below, name in sorted(rows)[:-11:-1]]
    print(table(["module that xprnn adds", "ms itself", "ms with all below"], cells))

    found = sorted({name.partition(".")[0] for run in xprnn for name in run} & set(OPTIONAL))
    print(f"\noptional libraries imported: {', '.join(found) or 'none'}")
    return 1 if found or added > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
