"""``xprnn demo``: the lecture's sine, then real sunspots."""

import argparse
from pathlib import Path
from typing import Any

from xprnn import demo, plotting
from xprnn.backend import resolve
from xprnn.commands.options import running

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "demo",
        help="the lecture's sine, then real sunspots",
        description="Train on the lecture's noisy sine, then forecast the yearly sunspots.",
        epilog="Example: xprnn demo --output pictures",
    )
    running(parser)
    parser.add_argument(
        "--output",
        default="xprnn-demo",
        metavar="DIR",
        help="folder for the pictures (default xprnn-demo)",
    )
    parser.add_argument("--no-plots", action="store_true", help="draw no pictures")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run both, and draw."""
    if options.backend is not None:
        resolve(options.backend)
    folder = None
    if not options.no_plots:
        plotting.pyplot().switch_backend("agg")
        folder = Path(options.output)
        folder.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Any] = {
        "backend": options.backend,
        "seed": options.seed,
        "progress": options.progress,
    }
    demo.sine(**settings, folder=folder)
    demo.sunspots(**settings, folder=folder)
    return 0
