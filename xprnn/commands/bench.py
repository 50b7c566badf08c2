"""``xprnn bench``: how long a training takes here."""

import argparse
import time
from typing import Any

import numpy as np

from xprnn import training
from xprnn.backend import backends
from xprnn.commands import results
from xprnn.commands.options import CELLS

__all__ = ["add", "run"]

SIZES = ((16, 8), (64, 32), (256, 32))
"""Hidden units and sequences of each measurement."""
STEPS, FEATURES = 100, 8
REPEATS, EPOCHS = 3, 10


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "bench",
        help="measure an epoch of training on this machine",
        description=f"Measure how long an epoch takes, on random sequences of {STEPS} steps, for "
        "some sizes and every backend that can be used here. The best of some runs is shown.",
        epilog="Example: xprnn bench --cell lstm",
    )
    parser.add_argument("--cell", choices=CELLS, default="elman", help="default elman")
    parser.add_argument("--backend", help="this one only")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (default 0)")
    results.add_options(parser, "the table")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, and write a table."""
    results.check(options)
    # array_api_strict is there to prove, slowly, and is measured if it is asked for.
    usable = [s.name for s in backends() if s.usable and s.name != "array_api_strict"]
    rows = [
        {
            "backend": name,
            "cell": options.cell,
            "hidden_size": hidden,
            "batch": batch,
            "steps": STEPS,
            "seconds": _seconds(options, name, hidden, batch),
        }
        for name in ([options.backend] if options.backend else usable)
        for hidden, batch in SIZES
    ]
    lines = [f"{'backend':<12}{'cell':<7}{'hidden':>7}{'batch':>7}{'steps':>7}{'ms/epoch':>10}"]
    lines += [
        f"{r['backend']:<12}{r['cell']:<7}{r['hidden_size']:>7}{r['batch']:>7}{r['steps']:>7}"
        f"{1000 * r['seconds']:>10.2f}"
        for r in rows
    ]
    results.write(
        options, {"dtype": options.dtype, "rows": rows}, "".join(f"{line}\n" for line in lines)
    )
    return 0


def _seconds(options: argparse.Namespace, backend: str, hidden: int, batch: int) -> float:
    """Return the seconds of an epoch: those of a longer training less those of a shorter one."""
    rng = np.random.default_rng(options.seed)
    x, y = rng.standard_normal((2, batch, STEPS, FEATURES))

    def seconds(epochs: int) -> float:
        began = time.perf_counter()
        model = training.fit(
            x, y[..., :1], cell=options.cell, hidden_size=hidden, epochs=epochs,
            backend=backend, dtype=options.dtype, seed=options.seed, progress=False,
        )  # fmt: skip
        model.history.as_dict()
        return time.perf_counter() - began

    seconds(1)
    short = min(seconds(1) for _ in range(REPEATS))
    return (min(seconds(1 + EPOCHS) for _ in range(REPEATS)) - short) / EPOCHS
