"""``xprnn check-gradients``: the proof of a network on this machine."""

import argparse
from typing import Any

from xprnn import gradients
from xprnn.commands import results
from xprnn.commands.options import CELLS
from xprnn.layers import Dense, Recurrent, Stack
from xprnn.model import load

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "check-gradients",
        help="hold the gradients of a network against finite differences",
        description="Check every gradient of a network at a random point, in float64; the exit "
        "status is 1 if one is wrong.",
        epilog="Example: xprnn check-gradients --cell lstm",
    )
    subject = parser.add_mutually_exclusive_group()
    subject.add_argument(
        "--cell", choices=CELLS, default="elman", help="of a small network (default elman)"
    )
    subject.add_argument("--model", metavar="MODEL", help="the network of a saved model")
    parser.add_argument("--backend", default="numpy", help="where to compute (default numpy)")
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (default 0)")
    results.add_options(parser, "the report")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check, and write the report."""
    results.check(options)
    network: Any = Stack((Recurrent(4, options.cell), Dense(1)))
    features = 3
    if options.model:
        model = load(options.model)
        network, features = model.network, model.features
    found = gradients.check(network, features=features, backend=options.backend, seed=options.seed)
    report = {"ok": found.ok, "rows": [row._asdict() for row in found.rows]}
    results.write(options, report, f"{found}\n{'ok' if found.ok else 'not ok'}\n")
    return 0 if found.ok else 1
