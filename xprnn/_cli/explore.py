"""``xprnn explore``: back-propagation through time, step by step in a browser."""

import argparse
from pathlib import Path
from typing import Any

from xprnn._cli import output
from xprnn._cli.options import add_seed
from xprnn._explorer import make_page
from xprnn._fields import whole


def add_commands(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "explore",
        help="back-propagation through time in a browser",
        description="Write one HTML file that walks through a small network, forward and back. "
        "It needs no network and no server: open it in a browser.",
        epilog="Example: xprnn explore --output lesson.html",
    )
    parser.add_argument(
        "--output",
        default="xprnn-explorer.html",
        metavar="FILE",
        help="the file to write (default xprnn-explorer.html)",
    )
    add_seed(parser)
    parser.set_defaults(run=explore)


def explore(options: argparse.Namespace) -> int:
    """Compute the numbers, and write the page."""
    whole("seed", options.seed, least=0)
    output.note("computing the numbers takes about ten seconds")
    path = Path(options.output)
    path.write_text(make_page(options.seed), encoding="utf-8")
    print(f"open it in a browser: {path}")
    return 0
