"""``xprnn backends``, ``check-gradients`` and ``bench``: backends, gradients and speed here."""

import argparse
import time
from typing import Any

from xprnn import gradients, kernels, training
from xprnn._cli import output
from xprnn._cli.options import CELLS, add_seed
from xprnn._model import load
from xprnn.backend import backends, generator
from xprnn.layers import Dense, Recurrent, Stack

SIZES = ((16, 8), (64, 32), (256, 32))
"""The hidden size and batch size of each measurement."""
STEPS, FEATURES = 100, 8
REPEATS, EPOCHS = 3, 10


def add_commands(commands: Any) -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "backends",
        help="list the backends and whether they can be used",
        description="List every backend with its version and devices, or the reason why it "
        "cannot be used and what to do.",
        epilog="Example: xprnn backends",
    )
    output.add_options(parser, "the list")
    parser.set_defaults(run=list_backends)

    parser = commands.add_parser(
        "check-gradients",
        help="check the gradients of a network against finite differences",
        description="Check every gradient of a network at a random point, in float64; the exit "
        "status is 1 if one is wrong.",
        epilog="Example: xprnn check-gradients --cell lstm",
    )
    network = parser.add_mutually_exclusive_group()
    network.add_argument(
        "--cell", choices=CELLS, default="elman", help="cell of a small network (default elman)"
    )
    network.add_argument("--model", metavar="MODEL", help="check the network of a saved model")
    parser.add_argument("--backend", default="numpy", help="backend to compute on (default numpy)")
    add_seed(parser)
    output.add_options(parser, "the report")
    parser.set_defaults(run=check_gradients)

    parser = commands.add_parser(
        "bench",
        help="measure an epoch of training on this machine",
        description=f"Measure the time of an epoch on random sequences of {STEPS} steps, for "
        "several sizes on every usable backend. Each time is the best of several "
        "runs.",
        epilog="Example: xprnn bench --cell lstm",
    )
    parser.add_argument("--cell", choices=CELLS, default="elman", help="default elman")
    parser.add_argument("--backend", help="measure only this backend")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    add_seed(parser)
    output.add_options(parser, "the table")
    parser.set_defaults(run=bench)


def list_backends(options: argparse.Namespace) -> int:
    """Write a line for each backend, and a line for the compiled loops."""
    statuses, loops = backends(), kernels.status()
    report = {"backends": [status._asdict() for status in statuses], "loops": loops}
    output.write(options, report, "".join(f"{line}\n" for line in (*statuses, loops)))
    return 0


def check_gradients(options: argparse.Namespace) -> int:
    """Check the gradients and write the report."""
    network: Any = Stack((Recurrent(4, options.cell), Dense(1)))
    features = 3
    if options.model:
        model = load(options.model)
        network, features = model.network, model.features
    check = gradients.check(network, features=features, backend=options.backend, seed=options.seed)
    report = {"ok": check.ok, "rows": [row._asdict() for row in check.rows]}
    output.write(options, report, f"{check}\n{'ok' if check.ok else 'not ok'}\n")
    return 0 if check.ok else 1


def bench(options: argparse.Namespace) -> int:
    """Measure the times, and write a table."""
    # array_api_strict is slow and meant for tests; it is measured only on request.
    usable = [s.name for s in backends() if s.usable and s.name != "array_api_strict"]
    rows = [
        {
            "backend": name,
            "cell": options.cell,
            "hidden_size": hidden,
            "batch": batch,
            "steps": STEPS,
            "seconds": _measure_epoch(options, name, hidden, batch),
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
    output.write(
        options, {"dtype": options.dtype, "rows": rows}, "".join(f"{line}\n" for line in lines)
    )
    return 0


def _measure_epoch(options: argparse.Namespace, backend: str, hidden: int, batch: int) -> float:
    """Return the seconds per epoch: a long run minus a short run, divided by the extra epochs."""
    rng = generator(options.seed)
    x, y = rng.standard_normal((2, batch, STEPS, FEATURES))

    def measure(epochs: int) -> float:
        start = time.perf_counter()
        model = training.fit(
            x, y[..., :1], cell=options.cell, hidden_size=hidden, epochs=epochs,
            backend=backend, dtype=options.dtype, seed=options.seed, progress=False,
        )  # fmt: skip
        model.history.as_dict()
        return time.perf_counter() - start

    measure(1)
    short = min(measure(1) for _ in range(REPEATS))
    return (min(measure(1 + EPOCHS) for _ in range(REPEATS)) - short) / EPOCHS
