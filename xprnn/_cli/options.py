"""The parser, and the options shared by several commands."""

import argparse
import difflib
from itertools import takewhile
from typing import Any, NoReturn

from xprnn._cli import tables
from xprnn._cli.tables import Table
from xprnn._fields import unknown

CELLS = ("elman", "lstm", "gru")

SYNONYMS = {
    "horizon": "steps", "h": "steps", "periods": "steps", "n-steps": "steps",
    "lr": "learning-rate", "units": "hidden-size", "layers": "num-layers", "sep": "delimiter",
    "date": "time", "index": "time", "column": "target", "y": "target", "x": "features",
    "test-size": "holdout", "validation-split": "holdout", "coverage": "interval",
    "ensemble": "members", "window": "lags", "period": "season", "differencing": "season",
    "out": "output",
}  # fmt: skip
"""Other programs' names, and the Python arguments' names, for our options."""


class Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Check that every option of a command exists, then parse the arguments."""
        if self._subparsers is None:
            for arg in takewhile(lambda arg: arg != "--", args or ()):
                if arg.startswith("--"):
                    self._check_option(arg.partition("=")[0])
        return super().parse_known_args(args, namespace)

    def _check_option(self, option: str) -> None:
        """Exit with status 2 if the option does not exist, and suggest the nearest one."""
        options = [name for name in self._option_string_actions if name.startswith("--")]
        if any(name.startswith(option) for name in options):
            return
        synonym = f"--{SYNONYMS.get(option[2:].lower().replace('_', '-'))}"
        near = difflib.get_close_matches(option.lower(), options, 1)
        near = [synonym] if synonym in options else near
        hint = f"; did you mean {near[0]}?" if near else ""
        self.error(f"there is no option {option}{hint}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Raise if the value is not one of the choices, and suggest the nearest one."""
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(action, str(unknown("", value, action.choices)).strip())

    def error(self, message: str) -> NoReturn:
        """Exit with status 2."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def add_count(parser: argparse.ArgumentParser, name: str, what: str, **settings: Any) -> None:
    """Add an option that takes an integer."""
    parser.add_argument(name, type=int, metavar="N", help=what, **settings)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the backend, the seed and the progress bar."""
    parser.add_argument("--backend", help="numpy (default), cupy, cupy:1, torch, torch:cuda, ...")
    add_seed(parser)
    parser.add_argument(
        "--progress",
        action=argparse.BooleanOptionalAction,
        help="show a progress bar on standard error (default: on a terminal)",
    )


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add the option for the seed."""
    parser.add_argument(
        "--seed", type=int, default=0, help="seed for all random numbers (default 0)"
    )


def add_file_options(parser: argparse.ArgumentParser) -> None:
    """Add the file, and the options that say how to read it."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help="a CSV file with column names in its first line, - for standard input, or a "
        ".parquet file",
    )
    parser.add_argument(
        "--delimiter",
        metavar="SIGN",
        help="the delimiter of the columns, tab for a tab (default: the one of comma, semicolon, "
        "tab and bar that splits the first line into the most names)",
    )
    parser.add_argument(
        "--decimal", metavar="SIGN", default=".", help="the decimal sign, . (default) or ,"
    )
    parser.add_argument(
        "--no-header",
        action="store_true",
        help="the file has no column names; the columns are 1, 2, ...",
    )


def add_network_options(parser: argparse.ArgumentParser, **defaults: Any) -> None:
    """Add the options of the network and its training; the help shows the defaults."""
    parser.add_argument("--cell", choices=CELLS, help="recurrent cell (default %(default)s)")
    add_count(parser, "--hidden-size", "hidden units in a layer (default %(default)s)")
    add_count(parser, "--num-layers", "number of recurrent layers (default %(default)s)")
    add_count(
        parser,
        "--skip",
        "number of most recent rows that also reach the output through a linear map that "
        "bypasses the recurrent layers (default 0; in forecasts, all rows that the network reads)",
        default=0,
    )
    add_count(parser, "--epochs", "number of passes over the data (default %(default)s)")
    parser.add_argument(
        "--learning-rate", type=float, metavar="RATE", help="learning rate (default 0.003)"
    )
    parser.set_defaults(**defaults)


def read_table(options: argparse.Namespace) -> Table:
    """Read the file that the options name."""
    return tables.read(
        options.file, options.delimiter, options.decimal, header=not options.no_header
    )
