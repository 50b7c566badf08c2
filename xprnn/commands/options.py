"""Options that several commands take, with their help."""

import argparse
import difflib
from typing import Any, NoReturn

from xprnn import tables
from xprnn._validate import unknown
from xprnn.tables import Table

__all__ = ["CELLS", "Parser", "csv_file", "network", "running", "table"]

CELLS = ("elman", "lstm", "gru")


ALSO = {
    "horizon": "steps", "h": "steps", "periods": "steps", "n-steps": "steps",
    "lr": "learning-rate", "units": "hidden-size", "layers": "num-layers", "sep": "delimiter",
    "date": "time", "index": "time", "column": "target", "y": "target", "x": "features",
    "test-size": "holdout", "validation-split": "holdout", "coverage": "interval",
    "ensemble": "members", "window": "lags", "period": "season", "differencing": "season",
    "out": "output",
}  # fmt: skip
"""Names that other programs and our own Python arguments have for an option."""


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the arguments."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse the arguments after checking that every option of a command exists."""
        if self._subparsers is None:
            for arg in () if args is None else args:
                if arg == "--":
                    break
                if arg.startswith("--"):
                    self._check_option(arg.partition("=")[0])
        return super().parse_known_args(args, namespace)

    def _check_option(self, option: str) -> None:
        """End with status 2 if there is no such option, and suggest the nearest one."""
        known = [name for name in self._option_string_actions if name.startswith("--")]
        if any(name.startswith(option) for name in known):
            return
        meant = f"--{ALSO.get(option[2:].lower().replace('_', '-'))}"
        near = [meant] if meant in known else difflib.get_close_matches(option.lower(), known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        self.error(f"there is no option {option}{hint}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Raise for a value that is not among the choices, and suggest the nearest one."""
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(action, str(unknown("", value, action.choices)).strip())

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
