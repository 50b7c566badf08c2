"""What several commands take: options, and the texts of help."""

import argparse
from typing import Any, NoReturn

from xprnn import tables
from xprnn.tables import Table

__all__ = ["CELLS", "Parser", "csv_file", "network", "running", "table"]

CELLS = ("elman", "lstm", "gru")


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the arguments."""

    def error(self, message: str) -> NoReturn:
        """End with status 2."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def running(parser: argparse.ArgumentParser) -> None:
    """Add where to compute, the seed and the progress bar."""
    parser.add_argument("--backend", help="numpy (default), cupy, cupy:1, torch, torch:cuda, ...")
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (default 0)")
    parser.add_argument(
        "--progress",
        action=argparse.BooleanOptionalAction,
        help="a progress bar on standard error (default: on a terminal)",
    )


def csv_file(parser: argparse.ArgumentParser) -> None:
    """Add the file."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help="a CSV file, whose first line names the columns, - for one on standard input, "
        "or a .parquet file",
    )
    parser.add_argument(
        "--delimiter",
        metavar="SIGN",
        help="between the columns, tab for a tab (default: what makes the most names of the first "
        "line, of comma, semicolon, tab and bar)",
    )
    parser.add_argument(
        "--decimal", metavar="SIGN", default=".", help="before decimals, . (default) or ,"
    )
    parser.add_argument(
        "--no-header", action="store_true", help="there are no names; the columns are 1, 2, ..."
    )


def network(parser: argparse.ArgumentParser, **defaults: Any) -> None:
    """Add the size of the network, with defaults that the help shows."""
    parser.add_argument(
        "--cell", choices=CELLS, default=defaults["cell"], help="default %(default)s"
    )
    for name, what in (
        ("hidden-size", "units of a layer"),
        ("num-layers", "recurrent layers"),
        ("epochs", "passes over the data"),
    ):
        parser.add_argument(
            f"--{name}",
            type=int,
            metavar="N",
            default=defaults[name.replace("-", "_")],
            help=f"{what} (default %(default)s)",
        )
    parser.add_argument("--learning-rate", type=float, metavar="RATE")


def table(options: argparse.Namespace) -> Table:
    """Return the table of the file that the options name."""
    return tables.read(
        options.file, options.delimiter, options.decimal, header=not options.no_header
    )
