"""The command line: ``xprnn forecast FILE.csv``, ``xprnn fit FILE.csv``, ``xprnn demo``."""

import argparse
import os
import sys

from xprnn._version import __version__
from xprnn.commands import COMMANDS
from xprnn.commands.options import Parser
from xprnn.errors import BackendUnavailableError, MissingExtraError, NonFiniteError

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = Parser(
        prog="xprnn",
        description="Recurrent neural networks for NumPy and CuPy.",
        epilog="Exit status: 0 done, 1 the training diverged or a gradient is wrong, "
        "2 bad input, 130 interrupted. "
        "Example: xprnn forecast sunspots.csv --steps 22",
    )
    parser.add_argument("--version", action="version", version=f"xprnn {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return the exit status."""
    options = _parser().parse_args(arguments)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a code page may lack a sign of ours
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # who reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except NonFiniteError as error:
        print(f"xprnn: {error}", file=sys.stderr)
        return 1
    except (ValueError, TypeError, OSError, BackendUnavailableError, MissingExtraError) as error:
        print(f"xprnn: {_said(error, options)}", file=sys.stderr)
        return 2
    return status


def _said(error: Exception, options: argparse.Namespace) -> str:
    """Return what an error says in one line, with the option's name for the argument's."""
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    argument, _, rest = text.partition(" ")
    if argument == "y" and getattr(options, "target", None) is not None:
        return f"column {options.target!r} {rest}"
    if argument in vars(options) and rest.startswith("must"):
        return f"--{argument.replace('_', '-')} {rest}"
    return text


if __name__ == "__main__":
    sys.exit(main())
