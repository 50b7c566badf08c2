"""``xprnn backends``: what can be used here."""

import argparse
from typing import Any

from xprnn import kernels
from xprnn.backend import backends
from xprnn.commands import results

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "backends",
        help="list the backends and whether they can be used",
        description="List every backend with its version and devices, or "
        "why it cannot be used and what helps.",
        epilog="Example: xprnn backends",
    )
    results.add_options(parser, "the list")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write a line for each backend, and one for the loops."""
    results.check(options)
    found = backends()
    report = {"backends": [status._asdict() for status in found], "loops": kernels.status()}
    results.write(options, report, "".join(f"{line}\n" for line in (*found, kernels.status())))
    return 0
